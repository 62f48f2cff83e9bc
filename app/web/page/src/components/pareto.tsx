import { percent, stateName } from "../data/format";
import type { Reason } from "../data/oee";
import { duration } from "../data/time";
import type { State } from "../data/types";

const SHOWN = 12;

/** Downtime by reason, the longest first, with the share that the reasons so far make up. */
export function Pareto({ reasons }: { reasons: readonly Reason[] }) {
  if (!reasons.length) return <p class="muted">There was no downtime.</p>;
  const most = reasons[0]!.seconds || 1;
  return (
    <ol class="bars pareto">
      {reasons.slice(0, SHOWN).map((r) => (
        <li key={r.reason} title={`${Object.entries(r.states).map(([state, s]) => `${stateName[state as State]} ${duration(s * 1000)}`).join(", ")}; ${percent(r.cumulative_share, 0)} with those above`}>
          <span class={`truncate ${r.reason ? "" : "muted"}`} dir="auto">
            {r.reason || "No reason given"}
          </span>
          <span class="bar">
            <span style={{ width: `${(r.seconds / most) * 100}%` }} />
          </span>
          <span class="number">{duration(r.seconds * 1000)}</span>
          <span class="number muted">{r.count} ×</span>
        </li>
      ))}
    </ol>
  );
}

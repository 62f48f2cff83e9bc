import { percent, stateName } from "../data/format";
import type { Reason } from "../data/oee";
import { duration } from "../data/time";
import type { State } from "../data/types";

const SHOWN = 12;

interface Row {
  key: string;
  title: string;
  seconds: number;
  given: boolean;
  hint: string;
}

/** Downtime by reason, the longest first; what has no reason by its state. */
function rowsOf(reasons: readonly Reason[]): Row[] {
  const rows = reasons.flatMap((r): Row[] => {
    const states = Object.entries(r.states) as [State, number][];
    if (r.reason) return [{ key: `reason ${r.reason}`, title: r.reason, seconds: r.seconds, given: true, hint: `${r.count} stops; ${states.map(([s, t]) => `${stateName[s]} ${duration(t * 1000)}`).join(", ")}` }];
    return states.map(([s, t]) => ({ key: `state ${s}`, title: `${stateName[s]}, no reason`, seconds: t, given: false, hint: "Give it a reason in the view of the machine" }));
  });
  return rows.sort((a, b) => b.seconds - a.seconds);
}

/** Downtime by reason, the longest first, as bars. */
export function Pareto({ reasons }: { reasons: readonly Reason[] }) {
  if (!reasons.length) return <p class="muted">There was no downtime.</p>;
  const rows = rowsOf(reasons);
  const most = rows[0]!.seconds || 1;
  const total = rows.reduce((sum, r) => sum + r.seconds, 0) || 1;
  return (
    <ol class="bars pareto">
      {rows.slice(0, SHOWN).map((r) => (
        <li key={r.key} title={r.hint}>
          <span class={`truncate ${r.given ? "" : "muted"}`} dir="auto">
            {r.title}
          </span>
          <span class="bar">
            <span style={{ width: `${(r.seconds / most) * 100}%` }} />
          </span>
          <span class="number">{duration(r.seconds * 1000)}</span>
          <span class="number muted">{percent(r.seconds / total, 0)}</span>
        </li>
      ))}
    </ol>
  );
}

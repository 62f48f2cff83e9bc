import { useSignal } from "@preact/signals";
import type { Segment } from "../data/machine";
import { duration, full, when } from "../data/time";
import { Loading } from "./feedback";
import { StateLabel } from "./marks";

const ROWS = 8;

/** The stops of a range, the latest first; `choose` gives one a reason. */
export function StopList({ segments, choose }: { segments: readonly Segment[] | undefined; choose: ((segment: Segment) => void) | undefined }) {
  const rows = useSignal(ROWS);
  if (!segments) return <Loading />;
  const stops = segments.filter((s) => s.state !== "running").reverse();
  if (!stops.length) return <p class="muted">The machine did not stop in this time.</p>;
  return (
    <>
      <ul class="stops">
        {stops.slice(0, rows.value).map((s) => (
          <li key={s.from}>
            <span class="state">
              <StateLabel state={s.state} />
            </span>
            <span title={full(s.from)}>
              {when(s.from)} <span class="muted">for {duration(s.to - s.from)}</span>
            </span>
            {choose ? (
              <button type="button" class="button" onClick={() => choose(s)}>
                <span class="truncate" dir="auto">
                  {s.reason || "Give a reason"}
                </span>
              </button>
            ) : (
              <span dir="auto">{s.reason}</span>
            )}
          </li>
        ))}
      </ul>
      {stops.length > rows.value && (
        <p>
          <button type="button" class="button" onClick={() => (rows.value += 5 * ROWS)}>
            Show more of {stops.length}
          </button>
        </p>
      )}
    </>
  );
}

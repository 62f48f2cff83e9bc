import { percent, stateName } from "../data/format";
import type { Range, Segment } from "../data/machine";
import { clock, clockSeconds, duration } from "../data/time";
import { STATES, type State } from "../data/types";
import { StateLabel } from "./marks";

/** Which state a mark shows that stands for several short segments: what needs attention prevails. */
const weight: Record<State, number> = { fault: 7, setup: 6, blocked: 5, starved: 4, offline: 3, idle: 2, planned_stop: 1, running: 0 };

/** More marks than a screen has pixels are of no use. */
const MAX_MARKS = 600;

interface Mark {
  from: number;
  to: number;
  state: State;
}

/** Segments as marks that are wide enough to be seen. */
function marksOf(segments: readonly Segment[], range: Range): Mark[] {
  const least = (range.to - range.from) / MAX_MARKS;
  const marks: Mark[] = [];
  for (const s of segments) {
    const from = Math.max(s.from, range.from);
    const to = Math.min(s.to, range.to);
    if (to <= from) continue;
    const last = marks.at(-1);
    if (last && last.to - last.from < least && to - last.from < 2 * least) {
      last.to = to;
      if (weight[s.state] > weight[last.state]) last.state = s.state;
    } else {
      marks.push({ from, to, state: s.state });
    }
  }
  return marks;
}

/** How much of the range was spent in each state, for people who do not see the band. */
function summary(segments: readonly Segment[], range: Range): string {
  const seconds = new Map<State, number>();
  let total = 0;
  for (const s of segments) {
    const length = Math.min(s.to, range.to) - Math.max(s.from, range.from);
    if (length <= 0) continue;
    seconds.set(s.state, (seconds.get(s.state) ?? 0) + length);
    total += length;
  }
  const parts = STATES.filter((s) => seconds.has(s)).map((s) => `${stateName[s]} ${percent(seconds.get(s)! / total, 0)}`);
  return `States from ${clock(range.from)} to ${clock(range.to)}: ${parts.join(", ") || "none"}`;
}

export interface StateBandProps {
  segments: readonly Segment[];
  range: Range;
  /** The time under the cursor. */
  cursor: number | undefined;
  hover: (ts: number | undefined) => void;
  choose?: (segment: Segment) => void;
}

/** What a machine did, as a band. Each state has a pattern of its own. */
export function StateBand({ segments, range, cursor, hover, choose }: StateBandProps) {
  const length = range.to - range.from;
  const share = (ts: number): string => `${((ts - range.from) / length) * 100}%`;
  const at = (e: PointerEvent | MouseEvent): number => {
    const box = (e.currentTarget as Element).getBoundingClientRect();
    return range.from + ((e.clientX - box.left) / box.width) * length;
  };
  const under = cursor === undefined ? undefined : segments.find((s) => s.from <= cursor && cursor < s.to);
  return (
    <div class="band-row">
      <div
        class="band"
        role="img"
        aria-label={summary(segments, range)}
        onPointerMove={(e) => hover(at(e))}
        onPointerLeave={() => hover(undefined)}
        onClick={(e) => {
          const ts = at(e);
          const segment = segments.find((s) => s.from <= ts && ts < s.to);
          if (segment) choose?.(segment);
        }}
      >
        {marksOf(segments, range).map((m) => (
          <span key={m.from} class={`segment ${m.state}`} style={{ left: share(m.from), width: `max(1px, ${((m.to - m.from) / length) * 100}%)` }} />
        ))}
        {cursor !== undefined && cursor >= range.from && cursor <= range.to && <span class="band-cursor" style={{ left: share(cursor) }} />}
      </div>
      <p class="band-text small" aria-hidden="true">
        {under ? (
          <>
            <StateLabel state={under.state} />
            <span class="truncate" dir="auto">
              {under.reason && `${under.reason} · `}
              {clockSeconds(under.from)}–{clockSeconds(under.to)}, {duration(under.to - under.from)}
            </span>
          </>
        ) : (
          <Key segments={segments} range={range} />
        )}
      </p>
    </div>
  );
}

/** The patterns of the states that occur. */
function Key({ segments, range }: { segments: readonly Segment[]; range: Range }) {
  const present = new Set(segments.filter((s) => s.to > range.from && s.from < range.to).map((s) => s.state));
  return (
    <>
      {STATES.filter((s) => present.has(s)).map((s) => (
        <span key={s} class="band-key">
          <span class={`segment key ${s}`} /> {stateName[s]}
        </span>
      ))}
    </>
  );
}

import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { number, unitSymbol } from "../data/format";
import { useLoad } from "../data/load";
import { type Limit, loadSeries, type Range, type Segment } from "../data/machine";
import type { Instance } from "../data/oee";
import type { Machine } from "../data/plant";
import { full } from "../data/time";
import { ChartPanel, colours, type Line } from "./chart_panel";
import { Failure } from "./feedback";
import { StateBand } from "./state_band";
import { serverNow } from "../data/api";

const SHORTEST = 10_000;
const LONGEST = 400 * 86_400_000;
/** How long the range must rest before points are read for it. */
const SETTLE = 250;
const MAX_POINTS = 1200;
/** Lines in one panel; more would be hard to tell apart. */
const LINES = colours.length;

/** A range that ends now and moves on has `live`. */
export interface View extends Range {
  live: boolean;
}

/** A range within what can be shown. */
export function clamp(range: Range): View {
  const now = serverNow();
  const length = Math.min(LONGEST, Math.max(SHORTEST, range.to - range.from));
  const to = Math.min(range.to, now);
  return { from: to - length, to, live: range.to >= now };
}

export interface ChartGroupProps {
  machine: Machine;
  /** The metrics to show, with their units. */
  metrics: readonly { metric: string; unit: string }[];
  view: Signal<View>;
  segments: readonly Segment[];
  shifts: readonly Instance[];
  limits: readonly Limit[];
  choose: (segment: Segment) => void;
}

/** The state band and one panel for each unit, over the same range of time. */
export function ChartGroup({ machine: m, metrics, view, segments, shifts, limits, choose }: ChartGroupProps) {
  const cursor = useSignal<number | undefined>(undefined);
  const root = useRef<HTMLDivElement>(null);
  const settled = useSettled(view.value);
  const names = metrics.map((x) => x.metric);
  const width = Math.min(MAX_POINTS, Math.max(200, Math.round((root.current?.clientWidth ?? 900) * 0.8)));
  const history = useLoad(
    (abort) => {
      if (!names.length) return Promise.resolve([]);
      // A little more than is shown, so that lines reach the borders.
      const margin = (settled.to - settled.from) * 0.05;
      return loadSeries(m.id, names, { from: settled.from - margin, to: settled.to + margin }, width, abort);
    },
    [m.id, names.join("\n"), settled.from, settled.to, settled.live],
  );
  const live = view.value.live;
  const changes = live ? m.changes.value : 0;
  const panels = useMemo(() => {
    const byUnit = new Map<string, { unit: string; lines: Line[] }[]>();
    for (const { metric, unit } of metrics) {
      const stored = history.data?.find((s) => s.metric === metric)?.points ?? [];
      const value = m.values.get(metric);
      const last = stored.at(-1)?.[0] ?? -Infinity;
      const points = live && value?.value !== undefined && value.ts > last ? [...stored, [value.ts, value.value] as const] : stored;
      const list = byUnit.get(unit) ?? [];
      let panel = list.at(-1);
      if (!panel || panel.lines.length >= LINES) list.push((panel = { unit, lines: [] }));
      panel.lines.push({ metric, points });
      byUnit.set(unit, list);
    }
    return [...byUnit.values()].flat();
  }, [history.data, changes, names.join("\n"), metrics.map((x) => x.unit).join("\n")]);
  useGestures(root, view);
  useEffect(() => {
    if (!live) return;
    // The right edge follows the clock as finely as it can be seen.
    const step = Math.min(30_000, Math.max(1000, (view.peek().to - view.peek().from) / 2000));
    const timer = setInterval(() => {
      const { from, to } = view.peek();
      const now = serverNow();
      if (view.peek().live && !document.hidden) view.value = { from: now - (to - from), to: now, live: true };
    }, step);
    return () => clearInterval(timer);
  }, [live, view.value.to - view.value.from]);
  const hover = (ts: number | undefined) => (cursor.value = ts);
  const shownAt = cursor.value;
  return (
    <div
      ref={root}
      class="charts"
      tabIndex={0}
      role="group"
      aria-label="Charts. Plus and minus zoom, the arrow keys move in time, End shows the present."
      onKeyDown={(e) => onKey(e, view)}
      onPointerLeave={() => hover(undefined)}
    >
      <p class="chart-time small muted">
        {shownAt === undefined ? `${full(view.value.from)} – ${live ? "now" : full(view.value.to)}` : full(shownAt)}
      </p>
      <StateBand segments={segments} range={view.value} cursor={shownAt} hover={hover} choose={choose} />
      {history.error ? <Failure error={history.error} retry={history.reload} /> : null}
      {panels.map((panel, i) => (
        <div key={panel.lines.map((l) => l.metric).join("\n")} class="panel">
          <p class="panel-key">
            {panel.lines.map((line, j) => (
              <span key={line.metric}>
                <span class="swatch" style={{ background: `var(${colours[j]})` }} />
                <span class="truncate" dir="auto" title={line.metric}>
                  {line.metric}
                </span>
                <b>{valueText(line, shownAt)}</b>
                <span class="muted">{unitSymbol(panel.unit)}</span>
              </span>
            ))}
          </p>
          <ChartPanel
            lines={panel.lines}
            range={view.value}
            height={(panels.length > 2 ? 140 : 200) + (i === panels.length - 1 ? 34 : 0)}
            limits={limits.filter((l) => panel.lines.some((line) => line.metric === l.metric))}
            shifts={shifts}
            labelled={i === panels.length - 1}
            hover={hover}
            cursor={shownAt}
          />
          {!history.loading && panel.lines.every((l) => !l.points.length) && <p class="no-points muted small">No readings in this time</p>}
        </div>
      ))}
    </div>
  );
}

/** The value of a line at a time, or its last one. */
function valueText(line: Line, at: number | undefined): string {
  const points = line.points;
  if (!points.length) return "–";
  if (at === undefined) return number(points.at(-1)![1]);
  let low = 0;
  let high = points.length - 1;
  while (low < high) {
    const mid = (low + high + 1) >> 1;
    if (points[mid]![0] <= at) low = mid;
    else high = mid - 1;
  }
  const next = points[low + 1];
  const nearest = next && Math.abs(next[0] - at) < Math.abs(points[low]![0] - at) ? next : points[low]!;
  return number(nearest[1]);
}

/** A view that has not changed for a moment. While it is live, only its length and a minute's progress count. */
function useSettled(view: View): View {
  const settled = useSignal(view);
  const minute = view.live ? Math.floor(view.to / 60_000) : view.to;
  useEffect(() => {
    const timer = setTimeout(() => (settled.value = view), SETTLE);
    return () => clearTimeout(timer);
  }, [Math.round(view.to - view.from), minute, view.live]);
  return settled.value;
}

function zoomed(view: View, factor: number, at: number): View {
  const length = Math.min(LONGEST, Math.max(SHORTEST, (view.to - view.from) * factor));
  const share = (at - view.from) / (view.to - view.from);
  // At the right edge of a live view, the present stays in place.
  if (view.live && share > 0.95) return { from: view.to - length, to: view.to, live: true };
  return clamp({ from: at - share * length, to: at + (1 - share) * length });
}

function moved(view: View, by: number): View {
  return clamp({ from: view.from + by, to: view.to + by });
}

function onKey(e: KeyboardEvent, view: Signal<View>): void {
  const v = view.peek();
  const length = v.to - v.from;
  const edge = v.live ? v.to : (v.from + v.to) / 2;
  const next: Record<string, () => View> = {
    "+": () => zoomed(v, 0.5, edge),
    "=": () => zoomed(v, 0.5, edge),
    "-": () => zoomed(v, 2, edge),
    ArrowLeft: () => moved(v, -length / 5),
    ArrowRight: () => moved(v, length / 5),
    End: () => clamp({ from: serverNow() - length, to: serverNow() }),
  };
  const change = next[e.key];
  if (!change || e.ctrlKey || e.metaKey || e.altKey) return;
  e.preventDefault();
  view.value = change();
}

/** Wheel and pinch zoom, a drag moves in time. Only what begins on a plot counts, so that the page still scrolls. */
function useGestures(root: { current: HTMLDivElement | null }, view: Signal<View>): void {
  useEffect(() => {
    const element = root.current;
    if (!element) return;
    const pointers = new Map<number, number>();
    const plotOf = (target: EventTarget | null): DOMRect | undefined => (target instanceof Element ? target.closest(".u-over") : null)?.getBoundingClientRect();
    const timeAt = (x: number, box: DOMRect, v: View) => v.from + ((x - box.left) / box.width) * (v.to - v.from);

    const wheel = (e: WheelEvent) => {
      const box = plotOf(e.target);
      if (!box) return;
      e.preventDefault();
      const v = view.peek();
      if (Math.abs(e.deltaX) > Math.abs(e.deltaY) || e.shiftKey) {
        view.value = moved(v, ((e.deltaX || e.deltaY) / box.width) * (v.to - v.from));
      } else {
        view.value = zoomed(v, Math.exp(Math.max(-1, Math.min(1, e.deltaY / 300))), timeAt(e.clientX, box, v));
      }
    };
    let box: DOMRect | undefined;
    const down = (e: PointerEvent) => {
      const plot = plotOf(e.target);
      if (!plot || e.button !== 0) return;
      box = plot;
      pointers.set(e.pointerId, e.clientX);
    };
    const move = (e: PointerEvent) => {
      const before = pointers.get(e.pointerId);
      if (before === undefined || !box) return;
      const v = view.peek();
      if (pointers.size === 1) {
        view.value = moved(v, ((before - e.clientX) / box.width) * (v.to - v.from));
      } else {
        const other = [...pointers].find(([id]) => id !== e.pointerId)![1];
        const factor = Math.max(8, Math.abs(before - other)) / Math.max(8, Math.abs(e.clientX - other));
        view.value = zoomed(v, factor, timeAt((e.clientX + other) / 2, box, v));
      }
      pointers.set(e.pointerId, e.clientX);
    };
    const up = (e: PointerEvent) => pointers.delete(e.pointerId);

    element.addEventListener("wheel", wheel, { passive: false });
    element.addEventListener("pointerdown", down);
    addEventListener("pointermove", move);
    addEventListener("pointerup", up);
    addEventListener("pointercancel", up);
    return () => {
      element.removeEventListener("wheel", wheel);
      element.removeEventListener("pointerdown", down);
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", up);
      removeEventListener("pointercancel", up);
    };
  }, []);
}

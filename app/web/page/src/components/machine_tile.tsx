import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { number, unitSymbol } from "../data/format";
import { isStale, type Machine, measuredValues, type Value } from "../data/plant";
import { ago, now } from "../data/time";
import { loadTrend, type Trend, TREND_LENGTH } from "../data/trend";
import { link } from "../router";
import { MachineHeading } from "./machine_heading";
import { Sparkline } from "./sparkline";
import { useVisible } from "./visible";

/** How many values a tile shows. */
const VALUES = 3;

/** One machine of the overview. It redraws only while it is on the screen. */
export function MachineTile({ machine: m }: { machine: Machine }) {
  const { ref, visible } = useVisible<HTMLAnchorElement>();
  const shown = useSignal<Value[]>([]);
  const onScreen = visible.value;
  if (onScreen) void m.changes.value;
  const values = onScreen ? (shown.value = measuredValues(m).slice(0, VALUES)) : shown.peek();
  const trend = useTrend(m, onScreen, values);
  return (
    <a ref={ref} class={`tile ${m.state.value?.state === "fault" ? "needs" : ""}`} href={link(["machines", m.id])} data-machine={m.id}>
      <MachineHeading machine={m} ticking={onScreen} />
      <div class="values">
        {values.map((v) => (
          <TileValue key={v.metric} value={v} points={trend.get(v.metric) ?? []} />
        ))}
      </div>
    </a>
  );
}

function TileValue({ value: v, points }: { value: Value; points: readonly (readonly [number, number])[] }) {
  const stale = isStale(v, now.value);
  return (
    <div class="value">
      <span class="muted truncate" title={v.metric}>
        {v.metric}
      </span>
      <Sparkline points={[...points, [v.ts, v.value ?? 0]]} from={now.value - TREND_LENGTH} to={now.value} gap={TREND_LENGTH / 20} />
      <span class={`number ${stale ? "stale" : ""}`} title={stale ? `${ago(v.receivedAt)} old` : undefined}>
        {number(v.value ?? 0, v.decimals)}
        {stale && <span class="hidden-label"> {ago(v.receivedAt)} old</span>}
      </span>
      <span class="muted">{unitSymbol(v.unit)}</span>
    </div>
  );
}

/** The stored trend of the shown values, extended by what arrives. */
function useTrend(m: Machine, active: boolean, values: readonly Value[]): Trend {
  const trend = useSignal<Trend>(new Map());
  const names = values.map((v) => v.metric).join("\n");
  const loaded = useRef("");
  useEffect(() => {
    if (!active || !names || loaded.current === names) return;
    const abort = new AbortController();
    loadTrend(m.id, names.split("\n"), abort.signal)
      .then((result) => {
        loaded.current = names;
        trend.value = result;
      })
      .catch(() => undefined); // the values are there without it
    return () => abort.abort();
  }, [active, names]);
  // About as dense as what is read from the store.
  const step = TREND_LENGTH / 90;
  for (const v of values) {
    const points = trend.peek().get(v.metric);
    if (!points || v.value === undefined) continue;
    const last = points.at(-1);
    if (!last || v.ts - last[0] >= step) points.push([v.ts, v.value]);
    while (points[0] && points[0][0] < v.ts - TREND_LENGTH) points.shift();
  }
  return trend.value;
}

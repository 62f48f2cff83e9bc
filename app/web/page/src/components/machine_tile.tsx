import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { number, unitSymbol } from "../data/format";
import { alarmSummaries, type Machine, nameOf, type Value } from "../data/plant";
import { ago, now } from "../data/time";
import { loadTrend, type Trend, TREND_LENGTH } from "../data/trend";
import { link } from "../router";
import { SeverityLabel, StateLabel } from "./marks";
import { Sparkline } from "./sparkline";
import { useVisible } from "./visible";

/** How many values a tile shows. */
const VALUES = 3;

/** After this time without a reading a value is shown as old. */
export const STALE_AFTER = 60_000;

/** The values that a tile shows: those with an expected range or an alarm rule first, no counters and no signals. */
export function headline(m: Machine): Value[] {
  const signals = m.document.value?.signals;
  const hidden = new Set([signals?.state, signals?.good, signals?.scrap, signals?.total, signals?.product].map((s) => s?.metric));
  return [...m.values.values()]
    .filter((v) => v.value !== undefined && !hidden.has(v.metric))
    .sort((a, b) => a.metric.localeCompare(b.metric))
    .slice(0, VALUES);
}

/** One machine of the overview. It redraws only while it is on the screen. */
export function MachineTile({ machine: m }: { machine: Machine }) {
  const { ref, visible } = useVisible<HTMLAnchorElement>();
  const shown = useSignal<Value[]>([]);
  const onScreen = visible.value;
  if (onScreen) void m.changes.value;
  const values = onScreen ? (shown.value = headline(m)) : shown.peek();
  const trend = useTrend(m, onScreen, values);
  const state = m.state.value;
  const alarms = useComputed(() => alarmSummaries.value.get(m.id)).value;
  return (
    <a ref={ref} class={`tile ${state?.state === "fault" ? "needs" : ""}`} href={link(["machines", m.id])} data-machine={m.id}>
      <div class="head">
        <span class="name truncate" dir="auto" title={nameOf(m)}>
          {nameOf(m)}
        </span>
        {alarms && (
          <span class={`row ${alarms.active ? "" : "returned"}`}>
            <SeverityLabel severity={alarms.worst} bare />
            <span class="small">
              {alarms.count}
              <span class="hidden-label"> open alarms</span>
            </span>
          </span>
        )}
      </div>
      <div class="state">
        {state ? (
          <>
            <StateLabel state={state.state} />
            <span class="muted truncate" dir="auto">
              {onScreen ? ago(state.since) : ""}
              {state.reason ? ` · ${state.reason}` : ""}
            </span>
          </>
        ) : (
          <span class="muted">No state</span>
        )}
      </div>
      <div class="values">
        {values.map((v) => (
          <TileValue key={v.metric} value={v} points={trend.get(v.metric) ?? []} />
        ))}
      </div>
    </a>
  );
}

function TileValue({ value: v, points }: { value: Value; points: readonly (readonly [number, number])[] }) {
  const stale = now.value - v.receivedAt > STALE_AFTER;
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

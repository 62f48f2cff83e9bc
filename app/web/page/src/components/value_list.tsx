import type { Signal } from "@preact/signals";
import { byName, exact, number, unitSymbol } from "../data/format";
import { isStale, type Machine, type Value } from "../data/plant";
import { ago, full, now } from "../data/time";
import type { MetricDocument } from "../data/types";

/** The newest value of each metric; numbers can be chosen for the charts. */
export function ValueList({ machine: m, metrics, chosen, toggle }: { machine: Machine; metrics: readonly MetricDocument[]; chosen: Signal<readonly string[]>; toggle: (metric: string) => void }) {
  void m.changes.value;
  const documents = new Map(metrics.map((d) => [d.metric, d]));
  const values = [...m.values.values()].sort((a, b) => byName(a.metric, b.metric));
  if (!values.length) return <p class="muted">No value has come yet.</p>;
  return (
    <table class="table values-table">
      <thead class="hidden-label">
        <tr>
          <th>In the chart</th>
          <th>Metric</th>
          <th>Value</th>
          <th>Unit</th>
        </tr>
      </thead>
      <tbody>
        {values.map((v) => (
          <ValueRow key={v.metric} value={v} document={documents.get(v.metric)} chosen={chosen.value.includes(v.metric)} toggle={toggle} />
        ))}
      </tbody>
    </table>
  );
}

function ValueRow({ value: v, document: d, chosen, toggle }: { value: Value; document: MetricDocument | undefined; chosen: boolean; toggle: (metric: string) => void }) {
  const stale = isStale(v, now.value);
  const low = typeof d?.expected_min === "number" && v.value !== undefined && v.value < d.expected_min;
  const high = typeof d?.expected_max === "number" && v.value !== undefined && v.value > d.expected_max;
  return (
    <tr>
      <td class="choose">
        {v.value !== undefined && <input type="checkbox" aria-label={`Show ${v.metric} in the charts`} checked={chosen} onChange={() => toggle(v.metric)} />}
      </td>
      <td dir="auto">
        {v.metric}
        {(low || high) && (
          <div class="small">
            {low ? "below" : "above"} the expected {number((low ? d!.expected_min : d!.expected_max) ?? 0)}
          </div>
        )}
        {stale && <div class="muted small">{ago(v.receivedAt)} old</div>}
      </td>
      <td class={`number ${stale ? "stale" : "strong"}`} title={`${v.value === undefined ? (v.text ?? "") : exact(v.value)}, ${full(v.ts)}`} dir="auto" colSpan={v.value === undefined ? 2 : 1}>
        {v.value === undefined ? <span class="text-value">{v.text}</span> : number(v.value, v.decimals)}
      </td>
      {v.value !== undefined && <td class="muted">{unitSymbol(v.unit)}</td>}
    </tr>
  );
}

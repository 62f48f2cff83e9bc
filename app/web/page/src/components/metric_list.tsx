import { entryPath, request } from "../data/api";
import { unitSymbol, words } from "../data/format";
import { useLoad } from "../data/load";
import type { MetricDocument } from "../data/types";
import { link } from "../router";
import { Failure, Loading } from "./feedback";

const loadMetrics = async (machine: string, signal: AbortSignal): Promise<MetricDocument[]> =>
  (await request<{ metrics: MetricDocument[] }>(`${entryPath("machines", machine)}/metrics`, { signal })).metrics;

/** The metrics of a machine, each with a link to its form. */
export function MetricList({ machine }: { machine: string }) {
  const result = useLoad((abort) => loadMetrics(machine, abort), [machine]);
  if (result.error && !result.data) return <Failure error={result.error} retry={result.reload} />;
  if (!result.data) return <Loading />;
  return (
    <section class="card">
      <div class="section-head">
        <h2>Metrics</h2>
      </div>
      {result.data.length ? (
        <table class="table">
          <thead>
            <tr>
              <th>Metric</th>
              <th>Kind</th>
              <th>Unit</th>
              <th>Expected</th>
            </tr>
          </thead>
          <tbody>
            {result.data.map((m) => (
              <tr key={m.metric}>
                <td>
                  <a href={link(["settings", "machines", machine, "metrics", m.metric])} dir="auto">
                    {m.metric}
                  </a>
                </td>
                <td>{words(m.kind ?? "gauge")}</td>
                <td>{unitSymbol(m.unit ?? "")}</td>
                <td>{typeof m.expected_min === "number" || typeof m.expected_max === "number" ? `${m.expected_min ?? ""} … ${m.expected_max ?? ""}` : ""}</td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : (
        <p class="muted section-head">The machine has not sent anything yet.</p>
      )}
    </section>
  );
}

import { request, serverNow } from "../data/api";
import { number, percent, words } from "../data/format";
import { useLoad } from "../data/load";
import { machine, nameOf } from "../data/plant";
import { duration } from "../data/time";
import { SEVERITIES, type Severity } from "../data/types";
import { link, route, setQuery } from "../router";
import { Empty, Failure, Loading } from "./feedback";
import { Figure } from "./figure";
import { SeverityLabel } from "./marks";

interface Frequent {
  rule: string;
  machine: string;
  count: number;
  share: number;
}

interface Performance {
  alarms: number;
  windows: number;
  rate_mean: number | null;
  rate_max: number;
  flood_share: number | null;
  by_severity: Record<Severity, number>;
  most_frequent: Frequent[];
  chattering: Frequent[];
  fleeting: number;
  stale: unknown[];
  time_to_ack: { count: number; mean_s: number | null; median_s: number | null; max_s: number | null };
}

const DAY = 86_400_000;
const ranges: readonly [string, number][] = [["Day", 1], ["Week", 7], ["30 days", 30]];

const seconds = (s: number | null): string => (s === null ? "–" : duration(s * 1000));

/** The figures of EEMUA 191 for a day, a week or a month. */
export function AlarmPerformance() {
  const days = Number(route.value.query.get("days") ?? 1);
  const result = useLoad((abort) => request<Performance>("/api/v1/alarms/performance", { query: { from: Math.round(serverNow() - days * DAY) }, signal: abort }), [days]);
  const p = result.data;
  return (
    <>
      <div class="buttons joined" role="group" aria-label="Range">
        {ranges.map(([label, value]) => (
          <button key={value} type="button" class="button" aria-pressed={days === value} onClick={() => setQuery({ days: value })}>
            {label}
          </button>
        ))}
      </div>
      {result.error ? <Failure error={result.error} retry={result.reload} /> : null}
      {!p ? result.loading && <Loading height="16rem" /> : p.alarms === 0 ? <Empty title="No alarms in this time" /> : <Figures p={p} />}
    </>
  );
}

function Figures({ p }: { p: Performance }) {
  const most = Math.max(...p.most_frequent.map((f) => f.count), 1);
  return (
    <>
      <dl class="figures-grid">
        <Figure name="Alarms" value={number(p.alarms)} />
        <Figure name="Per 10 minutes, mean" value={p.rate_mean === null ? "–" : number(Math.round(p.rate_mean * 100) / 100)} hint="1 is acceptable, over 2 is too many" />
        <Figure name="Per 10 minutes, most" value={number(p.rate_max)} hint="over 10 is a flood" />
        <Figure name="Time in floods" value={percent(p.flood_share)} />
        <Figure name="Over within a minute" value={number(p.fleeting)} hint="without anyone’s action" />
        <Figure name="Active for over a day" value={number(p.stale.length)} />
        <Figure name="Time to acknowledge" value={seconds(p.time_to_ack.median_s)} hint={`median; at most ${seconds(p.time_to_ack.max_s)}`} />
      </dl>
      <div class="columns">
        <section class="card padded">
          <h2>Most frequent</h2>
          <ol class="bars">
            {p.most_frequent.map((f) => (
              <li key={`${f.rule} ${f.machine}`}>
                <span class="truncate" dir="auto">
                  {f.rule} · <a href={link(["machines", f.machine])}>{nameOf(machine(f.machine))}</a>
                </span>
                <span class="bar">
                  <span style={{ width: `${(f.count / most) * 100}%` }} />
                </span>
                <span class="number">{f.count}</span>
                <span class="number muted">{percent(f.share, 0)}</span>
              </li>
            ))}
          </ol>
        </section>
        <section class="card padded">
          <h2>By severity</h2>
          <ul class="bars">
            {SEVERITIES.map((severity) => (
              <li key={severity}>
                <SeverityLabel severity={severity} />
                <span class="bar">
                  <span style={{ width: `${(p.by_severity[severity] / p.alarms) * 100}%` }} />
                </span>
                <span class="number">{p.by_severity[severity]}</span>
                <span class="number muted">{percent(p.by_severity[severity] / p.alarms, 0)}</span>
              </li>
            ))}
          </ul>
          <h2>Chattering</h2>
          {p.chattering.length ? (
            <ul class="plain">
              {p.chattering.map((f) => (
                <li key={`${f.rule} ${f.machine}`} dir="auto">
                  {words(f.rule)} · <a href={link(["machines", f.machine])}>{nameOf(machine(f.machine))}</a>
                </li>
              ))}
            </ul>
          ) : (
            <p class="muted">No alarm came three times within a minute.</p>
          )}
        </section>
      </div>
    </>
  );
}

import { useSignal } from "@preact/signals";
import { Failure, Loading } from "../components/feedback";
import { Figure } from "../components/figure";
import { request } from "../data/api";
import { bytes, number, words } from "../data/format";
import { useLoad } from "../data/load";
import { ago, duration, full, now } from "../data/time";

interface Worker {
  id: number;
  generation: number;
  state: string;
  uptime_s: number;
  restarts: number;
  panics: number;
  connections: number;
  in_flight: number;
  requests_total: number;
  adopted_by?: number;
}

interface Process {
  host: string;
  pid: number;
  version: string;
  started_at: number;
  uptime_s: number;
  environment: string;
  state: string;
  gomaxprocs: number;
  workers_wanted: number;
  workers: Worker[];
  sessions: Record<string, number>;
  store: { engine: string; series: number; points: number; queued: number; bytes: number; ready: boolean };
  memory: { rss: number; heap: number; limit: number };
  health: { status: string; checks: Record<string, string> };
}

const EVERY = 2000;
/** A replica that has not answered for so long is no longer shown. */
const FORGET = 60_000;

/** The processes that have answered lately. Behind a load balancer, each request may reach another one. */
export function System() {
  const seen = useSignal<ReadonlyMap<string, { process: Process; at: number }>>(new Map());
  const result = useLoad(
    async (abort) => {
      const process = await request<Process>("/api/v1/system", { signal: abort });
      const at = now.peek();
      const known = [...seen.peek()].filter(([, p]) => at - p.at < FORGET);
      seen.value = new Map([...known, [`${process.host} ${process.pid}`, { process, at }]]);
      return process;
    },
    [],
    EVERY,
  );
  return (
    <>
      <div class="row spread">
        <h1>System</h1>
        {seen.value.size > 1 && <span class="muted">{seen.value.size} replicas have answered</span>}
      </div>
      {result.error ? <Failure error={result.error} retry={result.reload} /> : null}
      {!seen.value.size && !result.error && <Loading height="20rem" />}
      {[...seen.value]
        .sort(([a], [b]) => a.localeCompare(b))
        .map(([key, { process, at }]) => (
          <ProcessCard key={key} p={process} at={at} />
        ))}
    </>
  );
}

function ProcessCard({ p, at }: { p: Process; at: number }) {
  const failing = Object.entries(p.health.checks).filter(([, state]) => state !== "ok");
  const sessions = Object.values(p.sessions).reduce((sum, n) => sum + n, 0);
  const running = p.workers.filter((w) => w.state === "running").length;
  return (
    <section class="card padded">
      <div class="row spread">
        <h2 dir="auto">
          {p.host} <span class="muted small">process {p.pid}</span>
        </h2>
        <span class="muted small">
          version {p.version} · {p.environment} · since {full(p.started_at)}
          {now.value - at > 3 * EVERY && ` · answered ${ago(at)} ago`}
        </span>
      </div>
      {(p.health.status !== "ok" || p.state !== "running") && (
        <div class="notice bad" role="alert">
          <p>
            {p.state !== "running" ? `The process is ${p.state}. ` : `Health: ${p.health.status}. `}
            {failing.map(([name, state]) => `${words(name)}: ${state}`).join(", ")}{" "}
            <a href="/manual/troubleshoot">What to do</a>
          </p>
        </div>
      )}
      <dl class="figures-grid">
        <Figure name="Workers running" value={`${running} of ${p.workers_wanted}`} />
        <Figure name="Up for" value={duration(p.uptime_s * 1000)} />
        <Figure name="Live sessions" value={number(sessions, 0)} hint={Object.entries(p.sessions).filter(([, n]) => n).map(([name, n]) => `${name} ${n}`).join(", ") || "none"} />
        <Figure name="Memory" value={bytes(p.memory.rss)} hint={p.memory.limit ? `of ${bytes(p.memory.limit)}` : "no limit"} />
        <Figure name="Store" value={bytes(p.store.bytes)} hint={`${p.store.engine}, ${number(p.store.series, 0)} series`} />
        <Figure name="Readings since start" value={number(p.store.points, 0)} hint={`${number(p.store.queued, 0)} waiting for a commit`} />
      </dl>
      <div class="scroll" role="region" aria-label={`Workers of ${p.host}`} tabIndex={0}>
        <table class="table">
          <thead>
            <tr>
              <th>Worker</th>
              <th>State</th>
              <th class="number">Generation</th>
              <th class="number">Up for</th>
              <th class="number">Restarts</th>
              <th class="number">Panics</th>
              <th class="number">Connections</th>
              <th class="number">In flight</th>
              <th class="number">Requests</th>
            </tr>
          </thead>
          <tbody>
            {p.workers.map((w) => (
              <tr key={w.id}>
                <td>{w.id}</td>
                <td>
                  {w.state === "running" ? "Running" : <b>{words(w.state)}</b>}
                  {w.adopted_by ? `, adopted by ${w.adopted_by}` : ""}
                </td>
                <td class="number">{w.generation}</td>
                <td class="number">{duration(w.uptime_s * 1000)}</td>
                <td class="number">{number(w.restarts, 0)}</td>
                <td class="number">{number(w.panics, 0)}</td>
                <td class="number">{number(w.connections, 0)}</td>
                <td class="number">{number(w.in_flight, 0)}</td>
                <td class="number">{number(w.requests_total, 0)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <ul class="checks">
        {Object.entries(p.health.checks).map(([name, state]) => (
          <li key={name}>
            {state === "ok" ? "✓" : "✕"} {words(name)} <span class="muted">{state}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

import { useComputed } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Empty, Loading } from "../components/feedback";
import { MachineTile } from "../components/machine_tile";
import { documentsLoaded, watch } from "../data/live";
import { percent } from "../data/format";
import { type Machine, machinesByLine, oee } from "../data/plant";
import { link } from "../router";

/** All lines and their machines as tiles. */
export function Overview() {
  useEffect(() => watch("all"), []);
  return (
    <>
      <h1 class="hidden-label">Overview</h1>
      {!documentsLoaded.value ? <Loading height="20rem" /> : !machinesByLine.value.length && <FirstVisit />}
      {machinesByLine.value.map(([path, machines]) => (
        <LineSection key={path} path={path} machines={machines} />
      ))}
    </>
  );
}

/** One line: its figures and its machines. */
export function LineSection({ path, machines }: { path: string; machines: Machine[] }) {
  const parts = path.split("/");
  const running = useComputed(() => machines.filter((m) => m.state.value?.state === "running").length).value;
  const withState = useComputed(() => machines.some((m) => m.state.value)).value;
  const figures = oee.value.get(path);
  return (
    <section aria-label={path || "Machines without a line"}>
      <div class="line-head">
        <h2>
          {path ? (parts.at(-1) || path) : "Machines without a line"}
          {parts.length > 1 && <span class="path small"> {parts.slice(0, -1).join(" / ")}</span>}
        </h2>
        <div class="figures">
          {withState && (
            <span>
              <b>{running}</b> of {machines.length} running
            </span>
          )}
          {figures && (
            <a href={link(["oee"], { line: path })}>
              OEE of the shift <b>{percent(figures.oee)}</b>
            </a>
          )}
        </div>
      </div>
      <div class="tiles">
        {machines.map((m) => (
          <MachineTile key={m.id} machine={m} />
        ))}
      </div>
    </section>
  );
}

function FirstVisit() {
  return (
    <Empty title="No machine has sent anything yet">
      <p>See a plant at work: in another terminal, start the simulator. From source, put <code>go run ./cmd/</code> in front of the command.</p>
      <pre>
        <code>smart-factory-backend simulate</code>
      </pre>
      <p>Or send the first reading of a machine of your own:</p>
      <pre>
        <code>{`curl ${location.origin}/api/v1/telemetry \\\n  -d '{"machine":"press-1","values":{"temperature":71.5}}'`}</code>
      </pre>
      <p>
        It appears here at once. The <a href="/manual/ingest">manual</a> shows how to connect Telegraf, InfluxDB clients, ThingsBoard devices and other senders.
      </p>
    </Empty>
  );
}

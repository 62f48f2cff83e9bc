import { computed, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Loading } from "../components/feedback";
import { MachineHeading } from "../components/machine_heading";
import { SeverityLabel } from "../components/marks";
import { byUrgency, unacknowledged } from "../data/alarms";
import { number, percent, unitSymbol } from "../data/format";
import { documentsLoaded, watch } from "../data/live";
import { isStale, type Machine, machine, machinesByLine, measuredValues, nameOf, oee, openAlarms } from "../data/plant";
import { ago, now } from "../data/time";

/** How long a line is shown, and how many machines fit on the screen. */
const ROTATE = 15_000;
const MACHINES = 12;
const ALARMS = 4;
/** Up to so many machines are shown larger. */
const FEW = 4;

interface Page {
  path: string;
  machines: Machine[];
  part: number;
  parts: number;
}

/** One page for each line, or several if the line has many machines. */
const pages = computed<Page[]>(() =>
  machinesByLine.value.flatMap(([path, machines]) => {
    const parts = Math.ceil(machines.length / MACHINES);
    return Array.from({ length: parts }, (_, part) => ({ path, part: part + 1, parts, machines: machines.slice(part * MACHINES, (part + 1) * MACHINES) }));
  }),
);

/** The lines in turn, in type that can be read across a hall. Nobody has a pointer here. */
export function Wall() {
  const turn = useSignal(0);
  useEffect(() => watch("all"), []);
  useEffect(() => {
    const timer = setInterval(() => turn.value++, ROTATE);
    return () => clearInterval(timer);
  }, []);
  if (!documentsLoaded.value) return <Loading height="20rem" />;
  const page = pages.value[turn.value % Math.max(1, pages.value.length)];
  if (!page) return <p>No machine has sent anything yet.</p>;
  return (
    <>
      <LineHead page={page} />
      <div class={`wall-tiles ${page.machines.length <= FEW ? "few" : ""}`}>
        {page.machines.map((m) => (
          <WallTile key={m.id} machine={m} />
        ))}
      </div>
      <WallAlarms />
      <div class="wall-pages" aria-hidden="true">
        {pages.value.map((p) => (
          <span key={`${p.path} ${p.part}`} class={p === page ? "current" : ""} />
        ))}
      </div>
    </>
  );
}

function LineHead({ page }: { page: Page }) {
  const figures = oee.value.get(page.path);
  const all = machinesByLine.value.find(([path]) => path === page.path)?.[1] ?? [];
  const running = all.filter((m) => m.state.value?.state === "running").length;
  return (
    <div class="wall-head">
      <h1 dir="auto">
        {page.path.split("/").at(-1) || "Machines without a line"}
        {page.parts > 1 && (
          <span class="muted">
            {" "}
            {page.part} / {page.parts}
          </span>
        )}
      </h1>
      <span>
        <b>{running}</b> of {all.length} running
      </span>
      {figures && (
        <span>
          OEE <b>{percent(figures.oee, 0)}</b>
        </span>
      )}
      {figures && (
        <span class="muted">
          A {percent(figures.availability, 0)} · E {percent(figures.effectiveness, 0)} · Q {percent(figures.quality, 0)}
        </span>
      )}
    </div>
  );
}

function WallTile({ machine: m }: { machine: Machine }) {
  void m.changes.value;
  return (
    <div class={`tile wall-tile ${m.state.value?.state === "fault" ? "needs" : ""}`}>
      <MachineHeading machine={m} ticking />
      <div class="wall-values">
        {measuredValues(m)
          .slice(0, 2)
          .map((v) => (
            <div key={v.metric}>
              <span class="muted truncate">{v.metric}</span>
              <span class={`number ${isStale(v, now.value) ? "stale" : ""}`}>
                {number(v.value ?? 0, v.decimals)} <span class="muted">{unitSymbol(v.unit)}</span>
              </span>
            </div>
          ))}
      </div>
    </div>
  );
}

/** The most urgent alarms, which are shown with every line. */
function WallAlarms() {
  const open = [...openAlarms.value.values()].filter((a) => !a.hidden).sort(byUrgency);
  if (!open.length) return <p class="wall-alarms muted">No open alarms</p>;
  const waiting = open.filter(unacknowledged).length;
  return (
    <div class="wall-alarms">
      <ul class="plain">
        {open.slice(0, ALARMS).map((a) => (
          <li key={a.id} class={a.state === "returned_unacked" ? "returned" : ""}>
            <SeverityLabel severity={a.severity} bare />
            <b class="truncate" dir="auto">
              {a.name || a.rule}
            </b>
            <span class="truncate" dir="auto">
              {nameOf(machine(a.machine))}
            </span>
            <span class="muted number">{ago(a.raised_at)}</span>
          </li>
        ))}
      </ul>
      <p class="muted">
        {open.length} open, {waiting} to acknowledge
      </p>
    </div>
  );
}

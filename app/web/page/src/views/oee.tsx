import { computed } from "@preact/signals";
import { Empty, Failure, Loading } from "../components/feedback";
import { Figure } from "../components/figure";
import { LossBar } from "../components/loss_bar";
import { OeeTable } from "../components/oee_table";
import { Pareto } from "../components/pareto";
import { request, serverNow } from "../data/api";
import { number, percent } from "../data/format";
import { useLoad } from "../data/load";
import { type Figures, type Instance, loadOee, loadReasons, type OeeQuery } from "../data/oee";
import { allMachines, lineOf, nameOf } from "../data/plant";
import { clock, day, duration, isoDay, now, when, zone } from "../data/time";
import { link, route, setQuery } from "../router";

const DAY = 86_400_000;

/** The lines that have machines. */
const linePaths = computed(() => [...new Set(allMachines.value.map(lineOf).filter(Boolean))].sort());

/** The OEE of the plant, a line or a machine in a shift or some days. */
export function Oee() {
  const query = route.value.query;
  const line = query.get("line") ?? "";
  const machine = query.get("machine") ?? "";
  const scope: OeeQuery = machine ? { machine } : line ? { line } : {};
  const instances = useInstances(scope);
  const period = choosePeriod(query, instances.data);
  if (!period) {
    return (
      <>
        <h1>OEE</h1>
        {instances.error ? <Failure error={instances.error} retry={instances.reload} /> : <Loading height="20rem" />}
      </>
    );
  }
  return (
    <>
      <div class="row spread">
        <h1>OEE</h1>
        <div class="row">
          <ScopeChoice line={line} machine={machine} />
          <PeriodChoice period={period} instances={instances.data ?? []} />
        </div>
      </div>
      <Result key={JSON.stringify([scope, period.query])} scope={scope} period={period} line={line} machine={machine} />
    </>
  );
}

interface Period {
  /** The value of the choice: shift:ID:DAY or days:N. */
  choice: string;
  title: string;
  query: OeeQuery;
  /** How the figures are divided. */
  by: string;
}

const SHIFTS_BACK = 4;

/** The shifts of the last days, the newest first. */
function useInstances(scope: OeeQuery) {
  return useLoad(
    async (abort) => {
      const at = serverNow();
      const { instances } = await request<{ instances: Instance[] }>("/api/v1/shifts/instances", {
        query: { ...scope, from: Math.round(at - SHIFTS_BACK * DAY), to: Math.round(at) }, signal: abort,
      });
      return instances.filter((i) => i.from <= at).reverse();
    },
    [JSON.stringify(scope)],
    60_000,
  );
}

const shiftTitle = (i: Instance): string => `${i.shift}, ${day(i.from)}, ${clock(i.from)}–${clock(i.to)}`;

/** The period of the URL; without one, the running shift, or today if there are no shifts. */
function choosePeriod(query: URLSearchParams, instances: readonly Instance[] | undefined): Period | undefined {
  const days = Number(query.get("days"));
  if (days > 0 && days <= 400) {
    const from = isoDay(serverNow() - (days - 1) * DAY);
    return { choice: `days:${days}`, title: days === 1 ? "Today" : `${days} days`, query: { from, tz: zone.value }, by: days === 1 ? "hour" : "day" };
  }
  const date = query.get("day");
  const shift = query.get("shift");
  if (shift && date) {
    const known = instances?.find((i) => i.shift === shift && i.day === date);
    return { choice: `shift:${shift}:${date}`, title: known ? shiftTitle(known) : `${shift}, ${date}`, query: { shift, day: date, tz: zone.value }, by: "hour" };
  }
  if (date) {
    return { choice: `day:${date}`, title: date, query: { from: date, to: nextDay(date), tz: zone.value }, by: "hour" };
  }
  if (!instances) return undefined;
  const current = instances[0];
  if (!current) return { choice: "days:1", title: "Today", query: { from: isoDay(serverNow()), tz: zone.value }, by: "hour" };
  return { choice: `shift:${current.shift}:${current.day}`, title: shiftTitle(current), query: { shift: current.shift, day: current.day, tz: zone.value }, by: "hour" };
}

const nextDay = (date: string): string => new Date(Date.parse(`${date}T00:00:00Z`) + DAY).toISOString().slice(0, 10);

function ScopeChoice({ line, machine }: { line: string; machine: string }) {
  const value = machine ? `machine:${machine}` : line ? `line:${line}` : "";
  return (
    <select
      class="input choice"
      aria-label="Line or machine"
      value={value}
      onChange={(e) => {
        const chosen = e.currentTarget.value;
        const [kind, id] = [chosen.slice(0, chosen.indexOf(":")), chosen.slice(chosen.indexOf(":") + 1)];
        setQuery({ line: kind === "line" ? id : undefined, machine: kind === "machine" ? id : undefined });
      }}
    >
      <option value="">All lines</option>
      <optgroup label="Lines">
        {linePaths.value.map((path) => (
          <option key={path} value={`line:${path}`}>
            {path.split("/").join(" / ")}
          </option>
        ))}
      </optgroup>
      <optgroup label="Machines">
        {allMachines.value.map((m) => (
          <option key={m.id} value={`machine:${m.id}`}>
            {nameOf(m)}
          </option>
        ))}
      </optgroup>
    </select>
  );
}

function PeriodChoice({ period, instances }: { period: Period; instances: readonly Instance[] }) {
  const known = instances.some((i) => `shift:${i.shift}:${i.day}` === period.choice) || ["days:1", "days:7", "days:30"].includes(period.choice);
  return (
    <>
      <select
        class="input choice"
        aria-label="Period"
        value={period.choice}
        onChange={(e) => {
          const [kind, first = "", second] = e.currentTarget.value.split(/:(.*):|:/).filter((part) => part !== undefined);
          if (kind === "days") setQuery({ days: first, shift: undefined, day: undefined });
          else setQuery({ days: undefined, shift: first, day: second });
        }}
      >
        {!known && <option value={period.choice}>{period.title}</option>}
        <optgroup label="Days">
          <option value="days:1">Today</option>
          <option value="days:7">7 days</option>
          <option value="days:30">30 days</option>
        </optgroup>
        {instances.length > 0 && (
          <optgroup label="Shifts">
            {instances.map((i) => (
              <option key={`${i.shift} ${i.day}`} value={`shift:${i.shift}:${i.day}`}>
                {shiftTitle(i)}
                {i.to > now.value ? " (running)" : ""}
              </option>
            ))}
          </optgroup>
        )}
      </select>
      <input
        class="input choice"
        type="date"
        aria-label="Day"
        max={isoDay(serverNow())}
        value={period.choice.startsWith("day:") ? period.choice.slice(4) : ""}
        onChange={(e) => e.currentTarget.value && setQuery({ day: e.currentTarget.value, days: undefined, shift: undefined })}
      />
    </>
  );
}

function Result({ scope, period, line, machine }: { scope: OeeQuery; period: Period; line: string; machine: string }) {
  const query = { ...scope, ...period.query };
  const key = JSON.stringify(query);
  const total = useLoad((abort) => loadOee({ ...query, by: period.by }, abort), [key], 30_000);
  const reasons = useLoad((abort) => loadReasons(query, abort), [key], 60_000);
  const machines = useLoad((abort) => (machine ? Promise.resolve(undefined) : loadOee({ ...query, by: "machine" }, abort)), [key], 60_000);
  if (total.error && !total.data) return <Failure error={total.error} retry={total.reload} />;
  if (!total.data) return <Loading height="24rem" />;
  const f = total.data.total;
  if (f.pot_s === 0) {
    return (
      <Empty title="Nothing was scheduled in this time">
        <p>
          Shifts decide when production is planned. <a href={link(["settings", "shifts"])}>Shifts</a>
        </p>
      </Empty>
    );
  }
  return (
    <>
      <p class="muted">
        {when(total.data.from)} to {when(total.data.to)}
        {line && ` · ${line.split("/").join(" / ")}`}
      </p>
      <Headline f={f} />
      <section class="card padded">
        <h2>
          Where the planned time went {!machine && <span class="muted small">all machines together</span>}
        </h2>
        <LossBar figures={f} />
      </section>
      <div class="columns">
        <section class="card padded">
          <h2>Reasons of downtime</h2>
          {reasons.error && !reasons.data ? <Failure error={reasons.error} retry={reasons.reload} /> : !reasons.data ? <Loading /> : <Pareto reasons={reasons.data} />}
        </section>
        <section class="card padded">
          <h2>Production</h2>
          <dl class="pairs">
            <Pair name="Good pieces" value={number(f.good, 0)} />
            <Pair name="Scrap" value={`${number(f.scrap, 0)}  (${percent(f.scrap_ratio)})`} />
            {f.rework > 0 && <Pair name="Rework" value={number(f.rework, 0)} />}
            {f.unscheduled.good + f.unscheduled.scrap > 0 && <Pair name="Outside planned time" value={number(f.unscheduled.good + f.unscheduled.scrap, 0)} />}
            <Pair name="Faults" value={number(f.failures)} />
            <Pair name="Mean time to repair" value={seconds(f.mttr_s)} />
            <Pair name="Mean time between failures" value={seconds(f.mtbf_s)} />
            <Pair name="Utilization" value={percent(f.utilization)} />
            <Pair name="Planned time" value={duration(f.pbt_s * 1000)} />
            <Pair name="Producing" value={duration(f.apt_s * 1000)} />
          </dl>
        </section>
      </div>
      {machines.data?.by && machines.data.by.length > 1 && (
        <section class="card padded">
          <h2>Machines</h2>
          <OeeTable groups={machines.data.by} name={(g) => <a href={link(["oee"], { ...Object.fromEntries(route.value.query), line: undefined, machine: g.key })}>{allMachines.value.find((m) => m.id === g.key)?.document.value?.name || g.key}</a>} head="Machine" />
        </section>
      )}
      {total.data.by && total.data.by.length > 1 && (
        <section class="card padded">
          <h2>{period.by === "hour" ? "Hours" : "Days"}</h2>
          <OeeTable groups={total.data.by} name={(g) => (period.by === "hour" ? clock(g.from) : day(g.from))} head={period.by === "hour" ? "Hour" : "Day"} />
        </section>
      )}
    </>
  );
}

const seconds = (s: number | null): string => (s === null ? "–" : duration(s * 1000));

function Headline({ f }: { f: Figures }) {
  return (
    <>
      <dl class="oee-head">
        <Figure name="OEE" value={percent(f.oee)} {...hint(f, "oee")} />
        <Figure name="Availability" value={percent(f.availability)} {...hint(f, "availability")} />
        <Figure name="Effectiveness" value={percent(f.effectiveness)} {...hint(f, "effectiveness")} />
        <Figure name="Quality" value={percent(f.quality)} {...hint(f, "quality")} />
      </dl>
      {f.flags.includes("ideal_cycle_too_long") && (
        <div class="notice">
          <p>Effectiveness is over 100 %: pieces were made faster than their ideal cycle allows. Correct <code class="code">ideal_cycle_s</code> of the product or the machine.</p>
        </div>
      )}
    </>
  );
}

const hint = (f: Figures, name: string): { hint?: string } => (f.why[name] ? { hint: f.why[name] } : {});

function Pair({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd class="number">{value}</dd>
    </>
  );
}

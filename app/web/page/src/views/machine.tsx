import { useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { AlarmDialog } from "../components/alarm_dialog";
import { AlarmTable } from "../components/alarm_table";
import { ChartGroup, clamp, type View } from "../components/chart_group";
import { Empty, Failure, Loading } from "../components/feedback";
import { StateLabel } from "../components/marks";
import { NoteDialog } from "../components/note_dialog";
import { RangeBar } from "../components/range_bar";
import { ReasonDialog } from "../components/reason_dialog";
import { StopList } from "../components/stop_list";
import { ValueList } from "../components/value_list";
import { byUrgency } from "../data/alarms";
import { ApiError, may, request, serverNow } from "../data/api";
import { number, percent } from "../data/format";
import { documentsLoaded, loadMachines, watch } from "../data/live";
import { useLoad } from "../data/load";
import { csvLink, loadLimits, loadMetrics, loadShifts, loadTimeline, machineExists, type Segment } from "../data/machine";
import { loadOee } from "../data/oee";
import { applyReadings, lineOf, machine, measuredValues, nameOf, openAlarms } from "../data/plant";
import { ago, clock, full, when, zone } from "../data/time";
import type { Reading } from "../data/types";
import { link, route, setQuery } from "../router";
import type { ViewProps } from "./view";

const HOUR = 3_600_000;
const DEFAULT_LENGTH = 8 * HOUR;
/** How many metrics the charts show at first. */
const DEFAULT_METRICS = 3;

/** One machine: what it does, why it stands, its values, charts and alarms. */
export function MachineView({ path }: ViewProps) {
  const id = path[0] ?? "";
  const exists = useLoad((abort) => machineExists(id, abort), [id]);
  useEffect(() => watch(`machine:${id}`), [id]);
  if (exists.error) {
    if (exists.error instanceof ApiError && exists.error.status === 404) {
      return (
        <Empty title={`There is no machine ${id}`}>
          <p>
            It may have been renamed or deleted. <a href={link([])}>All machines</a>
          </p>
        </Empty>
      );
    }
    return <Failure error={exists.error} retry={exists.reload} />;
  }
  if (!exists.data || !documentsLoaded.value) return <Loading height="24rem" />;
  return <KnownMachine id={id} />;
}

/** The view of the URL: from and to, or the length of a live one. */
function viewOfUrl(): View {
  const query = route.peek().query;
  const at = Number(query.get("at"));
  if (at > 0) return clamp({ from: at - HOUR, to: at + HOUR });
  const from = Number(query.get("from"));
  const to = Number(query.get("to"));
  if (from > 0 && to > from) return clamp({ from, to });
  const now = serverNow();
  const length = Number(query.get("length"));
  return { from: now - (length > 0 ? length : DEFAULT_LENGTH), to: now, live: true };
}

function KnownMachine({ id }: { id: string }) {
  const m = machine(id);
  const view = useSignal<View>(viewOfUrl());
  const metrics = useLoad((abort) => loadMetrics(id, abort), [id], 60_000);
  const document = m.document.value;
  useEffect(() => {
    if (!m.document.peek()) void loadMachines().catch(() => undefined);
    // The room's snapshot brings the values, too; this is for a connection that fails.
    void request<{ readings: Reading[] }>("/api/v1/latest", { query: { machine: id, limit: 1000 } })
      .then((page) => applyReadings(page.readings, false))
      .catch(() => undefined);
  }, [id]);
  const chosen = useSignal<readonly string[]>(route.peek().query.getAll("metric").filter(Boolean));
  const touched = useSignal(chosen.peek().length > 0);
  void m.changes.value;
  if (!touched.value && !chosen.value.length) {
    const first = measuredValues(m).slice(0, DEFAULT_METRICS).map((v) => v.metric);
    if (first.length) chosen.value = first;
  }
  const toggle = (metric: string) => {
    touched.value = true;
    chosen.value = chosen.value.includes(metric) ? chosen.value.filter((x) => x !== metric) : [...chosen.value, metric];
  };
  // The address follows the range once it rests, so that it can be shared.
  useSignalEffect(() => {
    const v = view.value;
    const timer = setTimeout(() => setQuery({ at: undefined, ...(v.live ? { from: undefined, to: undefined, length: Math.round(v.to - v.from) === DEFAULT_LENGTH ? undefined : Math.round(v.to - v.from) } : { from: Math.round(v.from), to: Math.round(v.to), length: undefined }) }), 500);
    return () => clearTimeout(timer);
  });
  const range = useRounded(view.value);
  const timeline = useLoad((abort) => loadTimeline(id, range, abort), [id, range.from, range.to, m.state.value?.seq], view.value.live ? 30_000 : undefined);
  const shifts = useLoad((abort) => loadShifts(id, range, abort), [id, range.from, range.to]);
  const limits = useLoad((abort) => (document ? loadLimits(document, abort) : Promise.resolve([])), [document?.id]);
  const segments = extended(timeline.data?.segments ?? [], view.value);
  const stopping = useSignal<Segment | undefined>(undefined);
  const noting = useSignal(false);
  const alarmId = route.value.query.get("id");
  const shownMetrics = chosen.value.map((metric) => ({ metric, unit: metrics.data?.find((d) => d.metric === metric)?.unit ?? m.values.get(metric)?.unit ?? "" }));
  const choose = (segment: Segment) => {
    if (segment.state !== "running" && may("operate")) stopping.value = segment;
  };
  return (
    <>
      <Header id={id} note={() => (noting.value = true)} />
      <div class="machine">
        <div class="stack">
          <section class="card padded chart-card">
            <div class="row spread">
              <RangeBar view={view} />
              {chosen.value.length > 0 && (
                <a class="button" href={csvLink(id, chosen.value, view.value, zone.value)} download="">
                  CSV
                </a>
              )}
            </div>
            {timeline.error && !timeline.data ? <Failure error={timeline.error} retry={timeline.reload} /> : null}
            <ChartGroup machine={m} metrics={shownMetrics} view={view} segments={segments} shifts={shifts.data ?? []} limits={limits.data ?? []} choose={choose} />
          </section>
          <RangeFigures id={id} from={range.from} to={range.to} />
          <div class="columns">
            <section class="card padded">
              <h2>Stops</h2>
              <StopList segments={timeline.data?.segments} choose={may("operate") ? choose : undefined} />
            </section>
            <section class="card padded">
              <h2>Notes</h2>
              {timeline.data?.notes.length ? (
                <ol class="steps">
                  {[...timeline.data.notes].reverse().map((n) => (
                    <li key={n.ts}>
                      <time class="muted" title={full(n.ts)}>
                        {when(n.ts)}
                      </time>
                      <span dir="auto">
                        {n.text}
                        {n.by && <span class="muted"> {n.by}</span>}
                      </span>
                    </li>
                  ))}
                </ol>
              ) : (
                <p class="muted">No notes in this time.</p>
              )}
            </section>
          </div>
        </div>
        <aside class="stack">
          <section class="card padded">
            <h2>Values</h2>
            <ValueList machine={m} metrics={metrics.data ?? []} chosen={chosen} toggle={toggle} />
          </section>
        </aside>
      </div>
      <MachineAlarms id={id} />
      {stopping.value && <ReasonDialog machine={id} segment={stopping.value} close={() => (stopping.value = undefined)} done={timeline.reload} />}
      {noting.value && <NoteDialog machine={id} close={() => (noting.value = false)} done={timeline.reload} />}
      {alarmId && <AlarmDialog id={alarmId} close={() => setQuery({ id: undefined })} />}
    </>
  );
}

/** A range for requests that need not follow each pixel: it grows to whole steps. */
function useRounded(view: View): { from: number; to: number } {
  const length = view.to - view.from;
  const step = 2 ** Math.ceil(Math.log2(Math.max(1000, length / 8)));
  return { from: Math.floor(view.from / step) * step, to: Math.ceil(view.to / step) * step };
}

/** In a live view the last state goes on to the present. */
function extended(segments: readonly Segment[], view: View): readonly Segment[] {
  const last = segments.at(-1);
  return view.live && last && last.to < view.to && view.to - last.to < 120_000 ? [...segments.slice(0, -1), { ...last, to: view.to }] : segments;
}

function Header({ id, note }: { id: string; note: () => void }) {
  const m = machine(id);
  const state = m.state.value;
  const line = lineOf(m);
  const product = m.document.value?.signals?.product?.metric;
  void m.changes.value;
  return (
    <div class="machine-head">
      <div>
        {line && (
          <a class="small" href={link([])}>
            {line.split("/").join(" / ")}
          </a>
        )}
        <h1 dir="auto" title={nameOf(m)}>
          {nameOf(m)}
        </h1>
        {nameOf(m) !== id && <span class="muted small">{id}</span>}
      </div>
      <div class="state">
        {state ? (
          <>
            <StateLabel state={state.state} />
            <span>for {ago(state.since)}</span>
            <span class="muted">since {when(state.since)}</span>
            {state.reason && <span dir="auto">{state.reason}</span>}
          </>
        ) : (
          <span class="muted">This machine reports no state</span>
        )}
      </div>
      {product && m.values.get(product)?.text && (
        <div>
          <span class="muted small">Product</span>
          <div dir="auto">{m.values.get(product)!.text}</div>
        </div>
      )}
      <div class="row tools">
        {may("operate") && (
          <button type="button" class="button" onClick={note}>
            Add a note
          </button>
        )}
        <a class="button" href={link(["settings", "machines", id])}>
          Settings
        </a>
      </div>
    </div>
  );
}

/** OEE and pieces of the range. */
function RangeFigures({ id, from, to }: { id: string; from: number; to: number }) {
  const result = useLoad((abort) => loadOee({ machine: id, from, to }, abort), [id, from, to], 60_000);
  const f = result.data?.total;
  if (!f || (f.total === 0 && f.oee === null)) return null;
  const figures: [string, string][] = [
    ["OEE", percent(f.oee)],
    ["Availability", percent(f.availability)],
    ["Effectiveness", percent(f.effectiveness)],
    ["Quality", percent(f.quality)],
    ["Good pieces", number(f.good, 0)],
    ["Scrap", number(f.scrap, 0)],
  ];
  return (
    <section class="card strip" aria-label="Figures of this time">
      {figures.map(([name, value]) => (
        <span key={name}>
          <span class="muted small">{name}</span>
          <b>{value}</b>
        </span>
      ))}
      <a class="small" href={link(["oee"], { machine: id })}>
        More
      </a>
      <span class="muted small range-note">
        {when(from)} – {to > serverNow() ? "now" : clock(to)}
      </span>
    </section>
  );
}

function MachineAlarms({ id }: { id: string }) {
  const open = useComputed(() => [...openAlarms.value.values()].filter((a) => a.machine === id && !a.hidden).sort(byUrgency)).value;
  if (!open.length) return null;
  return (
    <section class="stack">
      <h2>Open alarms</h2>
      <AlarmTable alarms={open} first={8} />
    </section>
  );
}

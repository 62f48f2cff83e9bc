import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { serverNow } from "./api";
import { byName, decimalsOf } from "./format";
import { type Alarm, type MachineDocument, type OeeEvent, type Reading, SEVERITIES, type Severity, type Snapshot, type StateEvent } from "./types";

/** The newest value of a metric. `receivedAt` is in the server's time, and decides how old the value looks. */
export interface Value {
  metric: string;
  unit: string;
  ts: number;
  receivedAt: number;
  value?: number;
  text?: string;
  /** The most decimals that its values have had. */
  decimals: number;
}

/** What the page knows of one machine. It stays the same object for the page's whole life. */
export interface Machine {
  readonly id: string;
  /** Counts the changes of `values`, at most two a second. */
  readonly changes: Signal<number>;
  readonly values: Map<string, Value>;
  readonly state: Signal<StateEvent | undefined>;
  readonly document: Signal<MachineDocument | undefined>;
}

const machines = new Map<string, Machine>();

/** Counts the changes of the set of machines and of their documents. */
const documentChanges = signal(0);

/** All machines that have a document or have sent something, by id. */
export const allMachines: ReadonlySignal<Machine[]> = computed(() => {
  void documentChanges.value;
  return [...machines.values()].sort((a, b) => byName(a.id, b.id));
});

/** Open alarms by id. */
export const openAlarms = signal<ReadonlyMap<string, Alarm>>(new Map());

/** A machine's open alarms that are not hidden: how many, and the worst severity, of the active ones if there are any. */
export interface AlarmSummary {
  count: number;
  worst: Severity;
  active: boolean;
}

/** The summaries of all machines that have open alarms. */
export const alarmSummaries: ReadonlySignal<ReadonlyMap<string, AlarmSummary>> = computed(() => {
  const summaries = new Map<string, AlarmSummary>();
  for (const a of openAlarms.value.values()) {
    if (a.hidden) continue;
    const active = a.state !== "returned_unacked";
    const known = summaries.get(a.machine);
    if (!known) {
      summaries.set(a.machine, { count: 1, worst: a.severity, active });
      continue;
    }
    known.count++;
    if (active !== known.active ? active : SEVERITIES.indexOf(a.severity) < SEVERITIES.indexOf(known.worst)) known.worst = a.severity;
    known.active ||= active;
  }
  return summaries;
});

/** The OEE of running shifts, by the line's path or the machine's id. */
export const oee = signal<ReadonlyMap<string, OeeEvent>>(new Map());

/** The machine with an id; it is made if there is none yet. */
export function machine(id: string): Machine {
  let m = machines.get(id);
  if (!m) {
    m = { id, changes: signal(0), values: new Map(), state: signal(undefined), document: signal(undefined) };
    machines.set(id, m);
    documentChanges.value++;
  }
  return m;
}

/** The path site/area/line of a machine; empty if it has no place. */
export const lineOf = (m: Machine): string => m.document.value?.path ?? "";

/** What people call a machine. */
export const nameOf = (m: Machine): string => m.document.value?.name || m.id;

/** Takes the documents of all machines; machines without one are forgotten. */
export function setDocuments(documents: readonly MachineDocument[]): void {
  const known = new Set(documents.map((d) => d.id));
  let changed = false;
  for (const id of machines.keys()) if (!known.has(id)) changed = machines.delete(id) || changed;
  for (const d of documents) {
    const { document } = machine(d.id);
    // When a machine was last seen changes all the time, and is not shown.
    if (JSON.stringify({ ...document.peek(), last_seen: 0 }) === JSON.stringify({ ...d, last_seen: 0 })) continue;
    document.value = d;
    changed = true;
  }
  // All views are drawn anew, so only for a reason.
  if (changed) documentChanges.value++;
}

/** The machines of each line, in the order of their paths. Machines without a place come last. */
export const machinesByLine: ReadonlySignal<readonly (readonly [string, Machine[]])[]> = computed(() => {
  const byLine = new Map<string, Machine[]>();
  for (const m of allMachines.value) {
    const line = lineOf(m);
    const list = byLine.get(line);
    if (list) list.push(m);
    else byLine.set(line, [m]);
  }
  return [...byLine].sort(([a], [b]) => (a === "" ? 1 : b === "" ? -1 : byName(a, b)));
});

// Values change much more often than a person can read them.
const CHANGE_INTERVAL = 500;
const changed = new Set<Machine>();
let flushTimer: ReturnType<typeof setTimeout> | undefined;

function markChanged(m: Machine): void {
  changed.add(m);
  flushTimer ??= setTimeout(() => {
    flushTimer = undefined;
    for (const each of changed) each.changes.value++;
    changed.clear();
  }, CHANGE_INTERVAL);
}

/** Takes readings. `live` ones have just been received; others are as old as they say. */
export function applyReadings(readings: readonly Reading[], live: boolean): void {
  const now = serverNow();
  for (const r of readings) {
    const m = machine(r.machine);
    const known = m.values.get(r.metric);
    if (known && known.ts > r.ts) continue;
    const value: Value = { metric: r.metric, unit: r.unit ?? known?.unit ?? "", ts: r.ts, receivedAt: live ? now : Math.min(r.ts, now), decimals: known?.decimals ?? 0 };
    if (r.text !== undefined) value.text = r.text;
    else if (r.value !== undefined) {
      value.value = r.value;
      value.decimals = Math.max(value.decimals, decimalsOf(r.value));
    }
    m.values.set(r.metric, value);
    markChanged(m);
  }
}

/** Takes the state of a machine, unless a newer one is known. */
export function applyState(event: StateEvent): void {
  const m = machine(event.machine);
  const known = m.state.peek();
  if (!known || event.seq >= known.seq) m.state.value = event;
}

// Of an alarm that has ended only the number is kept, so that an older event cannot bring it back.
const endedAlarms = new Map<string, number>();
const MAX_ENDED = 2000;

/** Takes alarms, unless newer versions are known. */
export function applyAlarms(events: readonly Alarm[]): void {
  const alarms = new Map(openAlarms.peek());
  for (const a of events) {
    if ((alarms.get(a.id)?.seq ?? endedAlarms.get(a.id) ?? -1) > a.seq) continue;
    if (a.state === "normal") {
      alarms.delete(a.id);
      endedAlarms.set(a.id, a.seq);
      if (endedAlarms.size > MAX_ENDED) endedAlarms.delete(endedAlarms.keys().next().value!);
    } else {
      alarms.set(a.id, a);
    }
  }
  openAlarms.value = alarms;
}

let arrived: Alarm[] = [];

/** Takes an alarm together with those of the next tenth of a second. */
export function queueAlarm(alarm: Alarm): void {
  arrived.push(alarm);
  if (arrived.length > 1) return;
  setTimeout(() => {
    const alarms = arrived;
    arrived = [];
    applyAlarms(alarms);
  }, 100);
}

/** Takes the OEE of a running shift. */
export function applyOee(events: readonly OeeEvent[]): void {
  const all = new Map(oee.peek());
  for (const e of events) {
    const key = e.line ?? e.machine ?? "";
    const known = all.get(key);
    if (!known || e.seq >= known.seq) all.set(key, e);
  }
  oee.value = all;
}

/** Takes the snapshot of a room. What the room of the alarms, or of everything, no longer has is over. */
export function applySnapshot(room: string, snapshot: Snapshot): void {
  applyReadings(snapshot.readings, false);
  for (const s of snapshot.states) applyState(s);
  if (room === "all" || room === "alarms") {
    const open = new Set(snapshot.alarms.map((a) => a.id));
    openAlarms.value = new Map([...openAlarms.peek()].filter(([id]) => open.has(id)));
  }
  applyAlarms(snapshot.alarms);
  applyOee(snapshot.oee);
}

/** After this time without a reading a value is shown as old. */
const STALE_AFTER = 60_000;

/** Whether a value is old at a time. */
export const isStale = (value: Value, at: number): boolean => at - value.receivedAt > STALE_AFTER;

/** The numbers that a machine measures, by name: all but those that its signals use for state, counts and product. */
export function measuredValues(m: Machine): Value[] {
  const signals = m.document.value?.signals;
  const used = new Set([signals?.state, signals?.good, signals?.scrap, signals?.total, signals?.product].map((s) => s?.metric));
  return [...m.values.values()].filter((v) => v.value !== undefined && !used.has(v.metric)).sort((a, b) => byName(a.metric, b.metric));
}

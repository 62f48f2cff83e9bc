import { entryPath, list, request, send } from "./api";
import type { Instance } from "./oee";
import type { JsonObject } from "./schema";
import type { MachineDocument, MetricDocument, Severity, State } from "./types";

export interface Segment {
  from: number;
  to: number;
  state: State;
  reason: string;
  source: string;
}

export interface Timeline {
  from: number;
  to: number;
  segments: Segment[];
  alarms: { id: string; rule: string; from: number; to: number | null; severity: Severity }[];
  notes: { ts: number; text: string; by: string }[];
  products?: { ts: number; product: string }[];
}

/** A time range in Unix milliseconds. */
export interface Range {
  from: number;
  to: number;
}

const rounded = (range: Range) => ({ from: Math.floor(range.from), to: Math.ceil(range.to) });

/** What the machine did in a range, all pages of it. */
export async function loadTimeline(machine: string, range: Range, abort: AbortSignal): Promise<Timeline> {
  const path = `${entryPath("machines", machine)}/timeline`;
  let timeline: Timeline | undefined;
  let cursor: string | undefined;
  do {
    const page = await request<Timeline & { next_cursor?: string | null }>(path, { query: { ...rounded(range), cursor }, signal: abort });
    if (!timeline) timeline = page;
    else {
      timeline.segments.push(...page.segments);
      timeline.alarms.push(...page.alarms);
      timeline.notes.push(...page.notes);
      timeline.to = page.to;
    }
    cursor = page.next_cursor ?? undefined;
  } while (cursor);
  return timeline;
}

export interface Series {
  metric: string;
  unit: string;
  points: [number, number][];
}

/** At most `points` points of each metric, which look like all of them (LTTB). */
export async function loadSeries(machine: string, metrics: readonly string[], range: Range, points: number, abort: AbortSignal): Promise<Series[]> {
  const { series } = await request<{ series: Series[] }>(`${entryPath("machines", machine)}/history`, { query: { metric: metrics, ...rounded(range), points }, signal: abort });
  return series;
}

export const loadMetrics = async (machine: string, abort: AbortSignal): Promise<MetricDocument[]> =>
  (await request<{ metrics: MetricDocument[] }>(`${entryPath("machines", machine)}/metrics`, { signal: abort })).metrics;

/** A limit that a chart shows. */
export interface Limit {
  metric: string;
  value: number;
  name: string;
}

/** The limits of the alarm rules that apply to a machine. */
export async function loadLimits(machine: MachineDocument, abort: AbortSignal): Promise<Limit[]> {
  const rules = await list<JsonObject>("/api/v1/alarm-rules", "alarm_rules", {}, 5000, abort);
  return rules.flatMap((rule) => {
    const scope = (rule["scope"] ?? {}) as JsonObject;
    const applies =
      (rule["machine"] === undefined || rule["machine"] === null || rule["machine"] === machine.id) &&
      (["site", "area", "line"] as const).every((level) => !scope[level] || scope[level] === machine[level]) &&
      (!scope["machine"] || scope["machine"] === machine.id);
    const when = (rule["when"] ?? {}) as JsonObject;
    if (!applies || typeof rule["metric"] !== "string") return [];
    const metric = rule["metric"];
    const name = String(rule["name"] || rule["id"]);
    return [when["limit"], when["low"], when["high"]].flatMap((value) => (typeof value === "number" ? [{ metric, value, name }] : []));
  });
}

/** The shifts of a machine that begin or end in a range. */
export async function loadShifts(machine: string, range: Range, abort: AbortSignal): Promise<Instance[]> {
  const { instances } = await request<{ instances: Instance[] }>("/api/v1/shifts/instances", { query: { machine, ...rounded(range) }, signal: abort });
  return instances;
}

/** Reports an event of a machine. */
export async function postEvent(machine: string, event: JsonObject): Promise<void> {
  const result = await request<{ rejected: number; errors?: { detail: string }[] }>(`${entryPath("machines", machine)}/events`, { method: "POST", body: event });
  if (result.rejected) throw new Error(result.errors?.[0]?.detail ?? "The server refused the event.");
}

/** The link to what a chart shows as CSV. */
export function csvLink(machine: string, metrics: readonly string[], range: Range, zone: string): string {
  const { from, to } = rounded(range);
  const query = new URLSearchParams([...metrics.map((m) => ["metric", m]), ["from", String(from)], ["to", String(to)], ["format", "csv"], ["time_format", "iso"], ["tz", zone]] as string[][]);
  return `${entryPath("machines", machine)}/history?${query.toString()}`;
}

/** Whether a machine has a document. */
export async function machineExists(id: string, abort: AbortSignal): Promise<boolean> {
  await send(entryPath("machines", id), { signal: abort });
  return true;
}

/** The shapes of the HTTP API and of realtime events; see /manual/http-api and /manual/realtime. Times are Unix milliseconds. */

export const STATES = ["running", "idle", "setup", "blocked", "starved", "fault", "planned_stop", "offline"] as const;
export type State = (typeof STATES)[number];

export const SEVERITIES = ["urgent", "high", "medium", "low"] as const;
export type Severity = (typeof SEVERITIES)[number];

export type Role = "read" | "ingest" | "operate" | "admin";

export interface Session {
  /** Whether the server has no API keys, so that everyone may do everything. */
  open: boolean;
  name?: string;
  role?: Role;
}

export interface Signal {
  metric: string;
}

export interface Signals {
  state?: Signal;
  good?: Signal;
  scrap?: Signal;
  total?: Signal;
  product?: Signal;
  offline_after?: string;
}

export interface MachineDocument {
  id: string;
  name?: string | null;
  site?: string | null;
  area?: string | null;
  line?: string | null;
  /** site/area/line. */
  path?: string;
  attributes?: Record<string, string> | null;
  signals?: Signals | null;
  ideal_cycle_s?: number | null;
  last_seen?: number | null;
}

export interface MetricDocument {
  machine: string;
  metric: string;
  unit?: string | null;
  kind?: "gauge" | "counter" | "text" | null;
  expected_min?: number | null;
  expected_max?: number | null;
}

export interface Reading {
  machine: string;
  metric: string;
  unit?: string;
  ts: number;
  value?: number;
  text?: string;
}

export interface StateEvent {
  machine: string;
  state: State;
  since: number;
  reason?: string;
  seq: number;
}

export type AlarmState = "active_unacked" | "active_acked" | "returned_unacked" | "latched" | "normal";
export type Hidden = "shelved" | "suppressed" | "out_of_service";

export interface Alarm {
  id: string;
  rule: string;
  name: string;
  machine: string;
  metric: string;
  severity: Severity;
  state: AlarmState;
  hidden?: Hidden;
  raised_at: number;
  since: number;
  value: number | null;
  limit: number | null;
  acked_by: string;
  acked_at: number | null;
  shelved_until: number | null;
  note: string;
  cause: string;
  consequence: string;
  response: string;
  time_to_respond: string;
  seq: number;
}

export interface OeeEvent {
  line?: string;
  machine?: string;
  shift: string;
  day: string;
  from: number;
  to: number;
  availability: number | null;
  effectiveness: number | null;
  quality: number | null;
  oee: number | null;
  seq: number;
}

export interface Snapshot {
  readings: Reading[];
  states: StateEvent[];
  alarms: Alarm[];
  oee: OeeEvent[];
}

export interface Shift {
  id: string;
  name?: string | null;
  scope?: { site?: string; area?: string; line?: string; machine?: string } | null;
  tz: string;
  days: string[];
  start: string;
  end: string;
}

/** An error of the API (RFC 9457). */
export interface Problem {
  status: number;
  title: string;
  detail?: string;
  errors?: { pointer: string; detail: string }[];
}

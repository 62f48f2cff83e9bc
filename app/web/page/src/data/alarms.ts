import { entryPath, request } from "./api";
import { applyAlarms } from "./plant";
import { type Alarm, type AlarmState, SEVERITIES } from "./types";

export type AlarmAction = "ack" | "shelve" | "unshelve" | "reset" | "out_of_service" | "return";

export interface ActionBody {
  note?: string;
  reason?: string;
  until?: number;
}

/** A step of an alarm's life. */
export interface Transition {
  seq: number;
  at: number;
  from: AlarmState;
  to: AlarmState;
  by?: string;
  note?: string;
  value?: number | null;
  change?: string;
}

export type AlarmDetail = Alarm & { transitions: Transition[] };

/** An alarm with all its transitions. */
export const loadAlarm = (id: string, abort: AbortSignal): Promise<AlarmDetail> => request<AlarmDetail>(entryPath("alarms", id), { signal: abort });

/** Performs an action on one alarm. */
export async function act(id: string, action: AlarmAction, body: ActionBody = {}): Promise<Alarm> {
  const alarm = await request<Alarm>(`${entryPath("alarms", id)}/${action}`, { method: "POST", body });
  applyAlarms([alarm]);
  return alarm;
}

// The API takes at most 1 000 alarms at once.
const MAX_IDS = 1000;

/** Acknowledges several alarms and returns how many could not be. */
export async function acknowledgeAll(ids: readonly string[]): Promise<number> {
  let refused = 0;
  for (let i = 0; i < ids.length; i += MAX_IDS) {
    const result = await request<{ alarms: Alarm[]; errors?: unknown[] }>("/api/v1/alarms/ack", { method: "POST", body: { ids: ids.slice(i, i + MAX_IDS) } });
    applyAlarms(result.alarms);
    refused += result.errors?.length ?? 0;
  }
  return refused;
}

/** Whether somebody must still acknowledge an alarm. */
export const unacknowledged = (a: Alarm): boolean => a.state === "active_unacked" || a.state === "returned_unacked";

const rank = (a: Alarm): number => (a.state === "active_unacked" ? 0 : a.state === "returned_unacked" ? 2 : 1);

/** The order of a list: what is active and waits for somebody, what is active, what has returned; the worst first, then the newest. */
export const byUrgency = (a: Alarm, b: Alarm): number =>
  rank(a) - rank(b) ||
  SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
  b.raised_at - a.raised_at ||
  a.id.localeCompare(b.id);

/** What people call the state of an alarm. */
export const alarmStateName: Record<AlarmState, string> = {
  active_unacked: "Active",
  active_acked: "Active, acknowledged",
  returned_unacked: "Returned, not acknowledged",
  latched: "Latched, needs a reset",
  normal: "Over",
};

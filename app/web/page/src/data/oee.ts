import { request } from "./api";
import type { State } from "./types";

/** The seconds lost to each state, to speed and to quality. */
export type Loss = "setup" | "fault" | "blocked" | "starved" | "idle" | "offline" | "speed" | "quality";
export const LOSSES: readonly Loss[] = ["fault", "setup", "blocked", "starved", "idle", "offline", "speed", "quality"];

/** The figures of ISO 22400-2; see /manual/oee. A figure without a base is null, and `why` says what is missing. */
export interface Figures {
  pot_s: number;
  pbt_s: number;
  apt_s: number;
  total: number;
  good: number;
  scrap: number;
  rework: number;
  ideal_s: number;
  availability: number | null;
  effectiveness: number | null;
  quality: number | null;
  oee: number | null;
  flags: string[];
  losses: Record<Loss, number>;
  unscheduled: { good: number; scrap: number };
  failures: number;
  mttr_s: number | null;
  mtbf_s: number | null;
  mttf_s: number | null;
  scrap_ratio: number | null;
  utilization: number | null;
  why: Record<string, string>;
}

export interface Group extends Figures {
  key: string;
  from: number;
  to: number;
}

export interface OeeResult {
  from: number;
  to: number;
  total: Figures;
  by?: Group[];
}

export interface Reason {
  reason: string;
  seconds: number;
  count: number;
  share: number;
  cumulative_share: number;
  states: Partial<Record<State, number>>;
}

/** The query of a scope and a period. */
export type OeeQuery = Record<string, string | number | undefined>;

export const loadOee = (query: OeeQuery, abort: AbortSignal): Promise<OeeResult> => request<OeeResult>("/api/v1/oee", { query, signal: abort });

export const loadReasons = async (query: OeeQuery, abort: AbortSignal): Promise<Reason[]> =>
  (await request<{ reasons: Reason[] }>("/api/v1/oee/reasons", { query, signal: abort })).reasons;

/** A concrete shift. */
export interface Instance {
  shift: string;
  day: string;
  from: number;
  to: number;
}

/** What people call a loss. */
export const lossName: Record<Loss, string> = {
  fault: "Fault", setup: "Setup", blocked: "Blocked", starved: "Starved", idle: "Idle", offline: "Offline", speed: "Speed", quality: "Scrap and rework",
};

import { signal } from "@preact/signals";
import type { Problem, Role, Session } from "./types";

/** A response with an error status, or no response at all (status 0). */
export class ApiError extends Error {
  readonly status: number;
  readonly problem: Problem | undefined;
  constructor(status: number, message: string, problem?: Problem) {
    super(message);
    this.status = status;
    this.problem = problem;
  }
}

/** What a person should read about an error. */
export function messageOf(error: unknown): string {
  if (error instanceof ApiError && error.problem?.errors?.length) {
    return error.problem.errors.map((e) => `${e.pointer ? `${e.pointer}: ` : ""}${e.detail}`).join("; ");
  }
  return error instanceof Error ? error.message : String(error);
}

/** Who uses the page; undefined until known, null while nobody is signed in. */
export const session = signal<Session | null | undefined>(undefined);

/** How far the server's clock is ahead of this one's, in milliseconds. */
let clockOffset = 0;
let bestRoundTrip = Infinity;

/** The server's time in Unix milliseconds. The clock of a screen may be wrong by minutes. */
export const serverNow = (): number => Date.now() + clockOffset;

/** Compares the clocks by the Date header, which has whole seconds. */
function observeClock(response: Response, sentAt: number): void {
  const date = Date.parse(response.headers.get("Date") ?? "");
  if (Number.isNaN(date)) return;
  const now = Date.now();
  const roundTrip = now - sentAt;
  const offset = date + 500 - (sentAt + roundTrip / 2);
  // A small difference is the rounding of the header and the network, not a wrong clock.
  if (roundTrip > bestRoundTrip && Math.abs(offset - clockOffset) < 5000) return;
  bestRoundTrip = roundTrip;
  clockOffset = Math.abs(offset) < 1500 ? 0 : Math.round(offset);
}

export interface RequestOptions {
  method?: string;
  query?: Record<string, string | number | undefined | readonly string[]>;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** The path of a request with its query. Each parameter of a list is repeated. */
export function target(path: string, query: RequestOptions["query"] = {}): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === "") continue;
    for (const one of Array.isArray(value) ? value : [value]) params.append(name, String(one));
  }
  const text = params.toString();
  return text ? `${path}?${text}` : path;
}

/** Sends a request and returns the response, or throws an ApiError. A 401 shows the sign-in. */
export async function send(path: string, options: RequestOptions = {}): Promise<Response> {
  const headers: Record<string, string> = { ...options.headers };
  let body: string | undefined;
  if (options.body !== undefined) {
    headers["Content-Type"] ??= "application/json";
    body = JSON.stringify(options.body);
  }
  const init: RequestInit = { method: options.method ?? "GET", headers };
  if (body !== undefined) init.body = body;
  if (options.signal) init.signal = options.signal;
  const sentAt = Date.now();
  let response: Response;
  try {
    response = await fetch(target(path, options.query), init);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError(0, "The server does not respond.");
  }
  observeClock(response, sentAt);
  if (response.ok || response.status === 304) return response;
  const problem = await readProblem(response);
  if (response.status === 401 && path !== "/api/v1/session") session.value = null;
  throw new ApiError(response.status, problem?.detail ?? problem?.title ?? `status ${response.status}`, problem);
}

async function readProblem(response: Response): Promise<Problem | undefined> {
  try {
    return (await response.json()) as Problem;
  } catch {
    return undefined;
  }
}

/** Sends a request and returns the JSON of the response. */
export async function request<T>(path: string, options: RequestOptions = {}): Promise<T> {
  const response = await send(path, options);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/** Reads all pages of a list, at most `most` entries. `member` is the name of the list in a page. */
export async function list<T>(path: string, member: string, query: RequestOptions["query"] = {}, most = 20_000, abort?: AbortSignal): Promise<T[]> {
  const all: T[] = [];
  let cursor: string | undefined;
  do {
    const options: RequestOptions = { query: { limit: 1000, ...query, cursor } };
    if (abort) options.signal = abort;
    const page = await request<Record<string, unknown>>(path, options);
    all.push(...(page[member] as T[]));
    cursor = page["next_cursor"] as string | undefined;
  } while (cursor && all.length < most);
  return all;
}

/** Asks who uses the page. */
export async function loadSession(): Promise<void> {
  try {
    session.value = await request<Session>("/api/v1/session");
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 401) throw error;
    session.value = null;
  }
}

/** Exchanges an API key for a session. */
export async function signIn(key: string): Promise<void> {
  await request("/api/v1/session", { method: "POST", body: { key } });
  await loadSession();
}

/** Ends the session. */
export async function signOut(): Promise<void> {
  await send("/api/v1/session", { method: "DELETE" });
  session.value = null;
}

const allowed: Record<Role, readonly Role[]> = {
  read: ["read"],
  ingest: ["ingest"],
  operate: ["read", "operate"],
  admin: ["read", "ingest", "operate", "admin"],
};

/** Whether the user may do what needs a role. */
export function may(role: Role): boolean {
  const s = session.value;
  return Boolean(s && (s.open || (s.role && allowed[s.role].includes(role))));
}

/** The path of one entry of a collection; an id may contain any character. */
export const entryPath = (collection: string, id: string): string => `/api/v1/${collection}/${encodeURIComponent(id)}`;

import { signal } from "@preact/signals";
import type { Socket } from "socket.io-client";
import { list, loadSession, serverNow, session } from "./api";
import { applyOee, applyReadings, applySnapshot, applyState, queueAlarm, setDocuments } from "./plant";
import type { Alarm, MachineDocument, OeeEvent, Reading, Snapshot, StateEvent } from "./types";

/** An event of a room. */
interface RoomEvent<T> {
  room: string;
  seq: number;
  data: T;
}

export type Connection = "connecting" | "connected" | "lost";

/** The state of the live connection. */
export const connection = signal<Connection>("connecting");

/** When the connection was lost, in the server's time. */
export const lostAt = signal(0);

/** Counts the times that the connection was restored; views load anew what events do not carry. */
export const restored = signal(0);

/** Whether the documents of the machines have been loaded. */
export const documentsLoaded = signal(false);

// A cut cable closes no connection. The server's own ping would notice in 45 s.
const HEARTBEAT = 4000;
const HEARTBEAT_TIMEOUT = 4000;
const MAX_WAIT = 5000;

let socket: Socket | undefined;
/** How many views use each room, and the last seq of each. */
const rooms = new Map<string, number>();
const lastSeq = new Map<string, number>();
let heartbeat: ReturnType<typeof setInterval> | undefined;
let lastBeat = 0;

/** Connects to the server and stays connected until stopLive. */
export async function startLive(): Promise<void> {
  if (socket) return;
  // The client that this server serves, at a path that no bundler must follow.
  const path = "/socket.io/socket.io.esm.min.js";
  const { io } = (await import(/* @vite-ignore */ path)) as typeof import("socket.io-client");
  if (socket) return;
  socket = io({ transports: ["websocket", "polling"], reconnectionDelay: 500, reconnectionDelayMax: MAX_WAIT, timeout: 8000 });
  socket.on("connect", () => {
    lastSeq.clear();
    if (connection.peek() === "lost") {
      restored.value++;
      void loadMachines().catch(() => undefined);
    }
    connection.value = "connected";
    subscribe([...rooms.keys()]);
  });
  socket.on("disconnect", lost);
  socket.on("connect_error", () => {
    lost();
    // The key may have been revoked while the page was away. Socket.IO does not
    // reconnect after it was refused.
    void loadSession().catch(() => undefined);
    if (socket && !socket.active) setTimeout(() => socket?.connect(), MAX_WAIT);
  });
  socket.on("snapshot", (e: RoomEvent<Snapshot>) => {
    lastSeq.set(e.room, e.seq);
    applySnapshot(e.room, e.data);
  });
  on<{ readings: Reading[] }>("telemetry", (data) => applyReadings(data.readings, true));
  on<StateEvent>("state", applyState);
  on<Alarm>("alarm", queueAlarm);
  on<OeeEvent>("oee", (e) => applyOee([e]));
  lastBeat = Date.now();
  heartbeat = setInterval(beat, HEARTBEAT);
}

/** Disconnects, for instance when the user signs out. */
export function stopLive(): void {
  clearInterval(heartbeat);
  socket?.disconnect();
  socket = undefined;
  connection.value = "connecting";
}

function on<T>(event: string, handle: (data: T) => void): void {
  socket?.on(event, (e: RoomEvent<T>) => {
    const last = lastSeq.get(e.room);
    if (last !== undefined && e.seq <= last) return;
    if (last !== undefined && e.seq > last + 1) subscribe([e.room]); // a snapshot fills the gap
    lastSeq.set(e.room, e.seq);
    handle(e.data);
  });
}

function lost(): void {
  if (connection.peek() === "lost") return;
  connection.value = "lost";
  lostAt.value = serverNow();
}

/** Asks the server for a sign of life. Any acknowledgement will do. */
function beat(): void {
  const now = Date.now();
  const asleep = now - lastBeat > HEARTBEAT + 15_000;
  lastBeat = now;
  const s = socket;
  if (!s?.connected) return;
  const reconnect = () => {
    if (socket !== s || !s.connected) return;
    lost();
    s.disconnect().connect();
  };
  if (asleep) return reconnect();
  s.timeout(HEARTBEAT_TIMEOUT).emit("unsubscribe", { rooms: [] }, (error: Error | null) => {
    if (error) reconnect();
  });
}

interface Ack {
  ok: boolean;
  error?: { kind: string; detail: string };
}

function subscribe(list: string[]): void {
  if (!list.length || !socket?.connected) return;
  for (const room of list) lastSeq.delete(room);
  const s = socket;
  s.timeout(10_000).emit("subscribe", { rooms: list }, (error: Error | null, ack?: Ack) => {
    const again = error ? true : !ack?.ok && (ack?.error?.kind === "overloaded" || ack?.error?.kind === "unavailable");
    if (again) setTimeout(() => socket === s && subscribe(list.filter((room) => rooms.has(room))), 2000);
  });
}

/** Receives the events of a room until the returned function is called. */
export function watch(room: string): () => void {
  const users = rooms.get(room) ?? 0;
  rooms.set(room, users + 1);
  if (!users) subscribe([room]);
  let ended = false;
  return () => {
    if (ended) return;
    ended = true;
    const left = (rooms.get(room) ?? 1) - 1;
    if (left > 0) {
      rooms.set(room, left);
      return;
    }
    rooms.delete(room);
    lastSeq.delete(room);
    if (socket?.connected) socket.emit("unsubscribe", { rooms: [room] });
  };
}

/** Loads the documents of all machines. */
export async function loadMachines(): Promise<void> {
  if (!session.peek()) return;
  setDocuments(await list<MachineDocument>("/api/v1/machines", "machines"));
  documentsLoaded.value = true;
}

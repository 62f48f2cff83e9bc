import { computed, signal } from "@preact/signals";
import { list, serverNow } from "./api";
import type { Shift } from "./types";

/** The time zone of the plant: that of its shifts, or else the browser's. */
const shiftZone = signal<string | undefined>(undefined);
export const zone = computed(() => shiftZone.value ?? Intl.DateTimeFormat().resolvedOptions().timeZone);

/** Loads the zone that most shifts have. */
export async function loadZone(): Promise<void> {
  const counts = new Map<string, number>();
  for (const shift of await list<Shift>("/api/v1/shifts", "shifts")) counts.set(shift.tz, (counts.get(shift.tz) ?? 0) + 1);
  shiftZone.value = [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
}

/** The server's time, renewed once a second while the page is shown. */
export const now = signal(serverNow());
setInterval(() => {
  if (!document.hidden) now.value = serverNow();
}, 1000);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) now.value = serverNow();
});

const formatters = new Map<string, Intl.DateTimeFormat>();

function formatter(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = zone.value + JSON.stringify(options);
  let f = formatters.get(key);
  if (!f) formatters.set(key, (f = new Intl.DateTimeFormat("en-GB", { timeZone: zone.value, ...options })));
  return f;
}

/** 14:05 */
export const clock = (ts: number): string => formatter({ hour: "2-digit", minute: "2-digit" }).format(ts);

/** 14:05:09 */
export const clockSeconds = (ts: number): string => formatter({ hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(ts);

/** Mon 30 Nov */
export const day = (ts: number): string => formatter({ weekday: "short", day: "numeric", month: "short" }).format(ts);

/** Mon 30 Nov 2026, 14:05:09 */
export const full = (ts: number): string =>
  formatter({ weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(ts);

/** 2026-11-30, the day of a time in the plant's zone. */
export const isoDay = (ts: number): string => {
  const parts = Object.fromEntries(formatter({ year: "numeric", month: "2-digit", day: "2-digit" }).formatToParts(ts).map((p) => [p.type, p.value]));
  return `${parts["year"]}-${parts["month"]}-${parts["day"]}`;
};

/** 14:05 if the time is of today, else Mon 30 Nov, 14:05. */
export const when = (ts: number): string => (isoDay(ts) === isoDay(now.value) ? clock(ts) : `${day(ts)}, ${clock(ts)}`);

/** The length of a time in its two largest units: 45 s, 12 min, 3 h 05 min, 2 d 4 h. */
export function duration(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  const min = Math.floor(s / 60);
  if (min < 60) return `${min} min`;
  const h = Math.floor(min / 60);
  if (h < 24) return min % 60 ? `${h} h ${String(min % 60).padStart(2, "0")} min` : `${h} h`;
  return h % 24 ? `${Math.floor(h / 24)} d ${h % 24} h` : `${Math.floor(h / 24)} d`;
}

/** How long ago a time is; a time in the near future, of a clock that is ahead, is now. */
export const ago = (ts: number): string => duration(now.value - ts);

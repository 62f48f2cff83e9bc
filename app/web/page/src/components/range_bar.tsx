import type { Signal } from "@preact/signals";
import { serverNow } from "../data/api";
import { isoDay, zone } from "../data/time";
import { clamp, type View } from "./chart_group";

const HOUR = 3_600_000;
const presets: readonly [string, string, number][] = [["1 h", "1 hour", HOUR], ["8 h", "8 hours", 8 * HOUR], ["24 h", "24 hours", 24 * HOUR], ["7 d", "7 days", 168 * HOUR], ["30 d", "30 days", 720 * HOUR]];

/** The beginning of a day in the plant's zone. */
function dayStart(date: string): number {
  // The zone's offset differs by the time asked for, so the first guess is corrected once.
  let ts = Date.parse(`${date}T00:00:00Z`);
  for (let i = 0; i < 2; i++) {
    const parts = new Intl.DateTimeFormat("en-CA", { timeZone: zone.value, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" }).formatToParts(ts);
    const p = Object.fromEntries(parts.map((x) => [x.type, x.value]));
    const wall = Date.parse(`${p["year"]}-${p["month"]}-${p["day"]}T${p["hour"]}:${p["minute"]}:${p["second"]}Z`);
    ts += Date.parse(`${date}T00:00:00Z`) - wall;
  }
  return ts;
}

const nextDay = (date: string): string => new Date(Date.parse(`${date}T00:00:00Z`) + 24 * HOUR).toISOString().slice(0, 10);

/** Chooses what the charts show: the last hours, a day, or a step to either side. */
export function RangeBar({ view }: { view: Signal<View> }) {
  const v = view.value;
  const length = v.to - v.from;
  const step = (by: number) => (view.value = clamp({ from: v.from + by * length, to: v.to + by * length }));
  return (
    <div class="row range-bar">
      <div class="buttons joined" role="group" aria-label="Length">
        {presets.map(([short, long, ms]) => (
          <button
            key={short}
            type="button"
            class="button"
            title={`The last ${long}`}
            aria-pressed={v.live && Math.abs(length - ms) < ms / 1000}
            onClick={() => (view.value = { from: serverNow() - ms, to: serverNow(), live: true })}
          >
            {short}
          </button>
        ))}
      </div>
      <div class="buttons joined" role="group" aria-label="Move in time">
        <button type="button" class="button" aria-label="Earlier" onClick={() => step(-0.5)}>
          ←
        </button>
        <button type="button" class="button" aria-label="Later" disabled={v.live} onClick={() => step(0.5)}>
          →
        </button>
        <button type="button" class="button" aria-pressed={v.live} onClick={() => (view.value = { from: serverNow() - length, to: serverNow(), live: true })}>
          Live
        </button>
      </div>
      <input
        class="input choice"
        type="date"
        aria-label="Day"
        max={isoDay(serverNow())}
        value={v.live ? "" : isoDay(v.from)}
        onChange={(e) => {
          const date = e.currentTarget.value;
          if (date) view.value = clamp({ from: dayStart(date), to: dayStart(nextDay(date)) });
        }}
      />
    </div>
  );
}

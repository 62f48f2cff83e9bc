import type { State } from "./types";

/** Readable symbols of common UCUM units. Others are shown as they are. */
const symbols: Record<string, string> = {
  Cel: "°C", "[degF]": "°F", "%": "%", bar: "bar", mbar: "mbar", "m/s2": "m/s²", "m/s": "m/s", kW: "kW", "kW.h": "kWh", "W.h": "Wh",
  "l/min": "l/min", "{rpm}": "rpm", "/min": "/min", "1/min": "/min", um: "µm", us: "µs", "m3": "m³", "m3/h": "m³/h", deg: "°", Ohm: "Ω", "1": "",
};

/** The symbol of a UCUM unit for people. */
export const unitSymbol = (ucum: string): string => symbols[ucum] ?? ucum.replace(/[{}[\]]/g, "").replaceAll(".", "·");

const collator = new Intl.Collator("en", { numeric: true });

/** The order of names: press-2 comes before press-10. */
export const byName = (a: string, b: string): number => collator.compare(a, b);

/** How many decimals a number has, up to six. */
export function decimalsOf(value: number): number {
  const text = String(value);
  return text.includes("e") ? 6 : Math.min(6, text.length - (text.indexOf(".") + 1 || text.length));
}

/**
 * A number with about four significant digits, in exponents only when it must be.
 * `decimals` are those of the metric's values, so that the digits do not jump.
 */
export function number(value: number, decimals = decimalsOf(value)): string {
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e9 || size < 1e-4)) return value.toExponential(2).replace("e+", "e").replace("-", "−");
  const digits = Math.min(decimals, size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 || size === 0 ? 2 : 3);
  return value.toLocaleString("en-GB", { minimumFractionDigits: digits, maximumFractionDigits: digits }).replace("-", "−");
}

/** A number as it was stored. */
export const exact = (value: number): string => String(value).replace("-", "−");

/** A share of one as a percentage: 83.4 %. */
export const percent = (share: number | null | undefined, digits = 1): string =>
  share === null || share === undefined ? "–" : `${(share * 100).toFixed(digits)} %`;

/** What people call a state. */
export const stateName: Record<State, string> = {
  running: "Running", idle: "Idle", setup: "Setup", blocked: "Blocked", starved: "Starved", fault: "Fault", planned_stop: "Planned stop", offline: "Offline",
};

/** A word of the API for people: returned_unacked becomes Returned unacked. */
export const words = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1).replaceAll("_", " ");

const byteUnits = ["B", "KiB", "MiB", "GiB", "TiB"];

/** A number of bytes in a readable unit. */
export function bytes(n: number): string {
  let unit = 0;
  while (n >= 1024 && unit < byteUnits.length - 1) {
    n /= 1024;
    unit++;
  }
  return `${n.toFixed(n < 10 && unit > 0 ? 1 : 0)} ${byteUnits[unit]}`;
}

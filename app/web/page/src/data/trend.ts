import { entryPath, request, serverNow } from "./api";

/** Points of a metric for a sparkline, in order of time. */
export type Trend = Map<string, (readonly [number, number])[]>;

/** The length of a trend, and the number of points that are read. */
export const TREND_LENGTH = 30 * 60_000;
const TREND_POINTS = 90;

interface History {
  series: { metric: string; points: [number, number][] }[];
}

// A browser opens few connections; the first tiles on the screen come first.
const MAX_LOADING = 4;
let loading = 0;
const waiting: (() => void)[] = [];

/** Reads the last half hour of some metrics of a machine. */
export async function loadTrend(machine: string, metrics: readonly string[], abort: AbortSignal): Promise<Trend> {
  if (loading >= MAX_LOADING) await new Promise<void>((resolve) => waiting.push(resolve));
  loading++;
  try {
    if (abort.aborted || !metrics.length) return new Map();
    const to = serverNow();
    const history = await request<History>(`${entryPath("machines", machine)}/history`, {
      query: { metric: metrics, from: Math.round(to - TREND_LENGTH), to: Math.round(to), points: TREND_POINTS },
      signal: abort,
    });
    return new Map(history.series.map((s) => [s.metric, s.points]));
  } finally {
    loading--;
    waiting.shift()?.();
  }
}

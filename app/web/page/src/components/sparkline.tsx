/** A line without axes. Points are [time, value] in order of time; the line breaks where `gap` milliseconds pass without one. */
export function Sparkline({ points, from, to, gap }: { points: readonly (readonly [number, number])[]; from: number; to: number; gap: number }) {
  const visible = points.filter(([ts]) => ts >= from && ts <= to);
  let low = Infinity;
  let high = -Infinity;
  for (const [, value] of visible) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  // Half of each bound, since their difference may exceed the largest number.
  const range = high / 2 - low / 2;
  let path = "";
  let last = -Infinity;
  for (const [ts, value] of visible) {
    const x = ((ts - from) / (to - from)) * 100;
    const y = range > 0 ? 19 - ((value / 2 - low / 2) / range) * 18 : 10;
    path += `${ts - last > gap ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`;
    last = ts;
  }
  return (
    <svg class="spark" viewBox="0 0 100 20" preserveAspectRatio="none" aria-hidden="true">
      {path && <path d={path} />}
    </svg>
  );
}

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import type { Limit, Range } from "../data/machine";
import type { Instance } from "../data/oee";
import { number } from "../data/format";
import { clock, clockSeconds, day, isoDay, zone } from "../data/time";

/** A line of a chart. Times are Unix milliseconds in ascending order. */
export interface Line {
  metric: string;
  points: readonly (readonly [number, number])[];
}

export interface ChartPanelProps {
  lines: readonly Line[];
  range: Range;
  height: number;
  limits: readonly Limit[];
  shifts: readonly Instance[];
  /** Whether the time axis is labelled; panels that are stacked need one only. */
  labelled: boolean;
  /** Called with the time under the cursor; undefined when there is none. */
  hover: (ts: number | undefined) => void;
  /** The time that another panel's cursor is at. */
  cursor: number | undefined;
}

/** The width of the axis on the left, which the state band keeps free, too. */
export const AXIS_WIDTH = 58;

/** The colours of a panel's lines, in this order. */
export const colours = ["--series-1", "--series-2", "--series-3", "--series-4"];

const colourOf = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** A colour as a canvas can use it: light-dark() depends on an element. */
function canvasColour(name: string): string {
  const probe = document.createElement("span");
  probe.style.color = colourOf(name);
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

/** The lines as uPlot takes them: one list of times in seconds, and null where a line has no value. */
export function align(lines: readonly Line[]): uPlot.AlignedData {
  const tables = lines.map((line) => withGaps(line.points));
  if (!tables.length) return [[]];
  return tables.length === 1 ? tables[0]! : uPlot.join(tables, tables.map((t) => t.slice(1).map(() => 2)));
}

/** A gap is where much more time passes than usual without a point. */
function withGaps(points: Line["points"]): uPlot.AlignedData {
  const steps: number[] = [];
  for (let i = 1; i < points.length; i++) steps.push(points[i]![0] - points[i - 1]![0]);
  steps.sort((a, b) => a - b);
  const gap = Math.max(5000, 6 * (steps[Math.floor(steps.length * 0.75)] ?? 0));
  const xs: number[] = [];
  const ys: (number | null)[] = [];
  let last = -Infinity;
  for (const [ts, value] of points) {
    if (last > -Infinity && ts - last > gap) {
      xs.push((last + 1) / 1000);
      ys.push(null);
    }
    xs.push(ts / 1000);
    ys.push(value);
    last = ts;
  }
  return [xs, ys];
}

/** One panel of lines with a common unit. */
export function ChartPanel(props: ChartPanelProps) {
  const root = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const key = props.lines.map((l) => l.metric).join("\n") + zone.value + props.labelled;

  useEffect(() => {
    const element = root.current;
    if (!element) return;
    let chart = new uPlot(optionsOf(element, latest), align(latest.current.lines), element);
    plot.current = chart;
    setRange(chart, latest.current.range);
    const resize = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height: latest.current.height }));
    resize.observe(element);
    // Colours are drawn, so they are drawn anew when the scheme changes.
    const redraw = () => {
      chart.destroy();
      chart = new uPlot(optionsOf(element, latest), align(latest.current.lines), element);
      plot.current = chart;
      setRange(chart, latest.current.range);
    };
    const media = matchMedia("(prefers-color-scheme: dark)");
    media.addEventListener("change", redraw);
    const scheme = new MutationObserver(redraw);
    scheme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-scheme"] });
    return () => {
      resize.disconnect();
      scheme.disconnect();
      media.removeEventListener("change", redraw);
      chart.destroy();
      plot.current = undefined;
    };
  }, [key]);
  useEffect(() => {
    if (!plot.current) return;
    plot.current.setData(align(props.lines), false);
    setRange(plot.current, props.range);
  }, [props.lines, props.limits, props.shifts]);
  useEffect(() => {
    if (plot.current) setRange(plot.current, props.range);
  }, [props.range.from, props.range.to]);
  useEffect(() => {
    const chart = plot.current;
    if (!chart) return;
    const left = props.cursor === undefined ? -10 : chart.valToPos(props.cursor / 1000, "x");
    chart.setCursor({ left, top: 0 }, false);
  }, [props.cursor]);
  return <div ref={root} class="plot" />;
}

function setRange(chart: uPlot, range: Range): void {
  chart.setScale("x", { min: range.from / 1000, max: range.to / 1000 });
}

function optionsOf(element: HTMLElement, latest: { current: ChartPanelProps }): uPlot.Options {
  const text = canvasColour("--muted");
  const grid = canvasColour("--line");
  const limit = canvasColour("--high");
  const { lines, height, labelled } = latest.current;
  const font = "12px system-ui, sans-serif";
  return {
    width: Math.max(100, element.clientWidth),
    height,
    tzDate: (ts) => uPlot.tzDate(new Date(ts * 1000), zone.value),
    legend: { show: false },
    padding: [8, 8, 0, 0], // the state band has the same border on the right
    cursor: { drag: { setScale: false, x: false, y: false }, points: { size: 7 }, y: false },
    scales: {
      x: { time: true },
      y: { range: (_u, min, max) => verticalRange(min, max, latest.current.limits.map((l) => l.value)) },
    },
    series: [
      {},
      ...lines.map((line, i) => ({ label: line.metric, stroke: canvasColour(colours[i % colours.length]!), width: 1.5, spanGaps: false, points: { show: false } })),
    ],
    axes: [
      { stroke: text, font, grid: { stroke: grid, width: 1 }, ticks: { show: false }, size: labelled ? 42 : 8, values: labelled ? (_u, splits, _i, _s, step) => timeLabels(splits, step) : () => [] , space: 70 },
      { stroke: text, font, grid: { stroke: grid, width: 1 }, ticks: { show: false }, size: AXIS_WIDTH, values: (_u, splits) => splits.map((v) => number(v)), space: 28 },
    ],
    hooks: {
      draw: [(u) => drawBorders(u, latest.current.shifts, grid, text), (u) => drawLimits(u, latest.current.limits, limit)],
      setCursor: [
        (u) => {
          if (!u.root.matches(":hover")) return; // moved by us
          const left = u.cursor.left ?? -1;
          latest.current.hover(left < 0 ? undefined : u.posToVal(left, "x") * 1000);
        },
      ],
    },
  };
}

/** The values that a panel shows: all of the data, and limits unless they are far away. */
function verticalRange(min: number | null, max: number | null, limits: readonly number[]): [number, number] {
  if (min === null || max === null) return [0, 1];
  let [low, high] = [min, max];
  const span = Math.max(high - low, Math.abs(high) * 0.05, 1e-9);
  for (const l of limits) {
    if (l > high && l < high + span) high = l;
    if (l < low && l > low - span) low = l;
  }
  const pad = Math.min((high - low) * 0.08 || Math.abs(high) * 0.1 || 1, Number.MAX_VALUE / 4);
  return [low - pad, high + pad];
}

/** Times in the plant's zone; the first of each day has the day. */
function timeLabels(splits: readonly number[], step: number): string[] {
  let last = "";
  return splits.map((s) => {
    const ts = s * 1000;
    const today = isoDay(ts);
    const isNew = today !== last;
    last = today;
    if (step >= 86_400) return day(ts);
    const time = step < 60 ? clockSeconds(ts) : clock(ts);
    return isNew ? `${time}\n${day(ts)}` : time;
  });
}

function drawLimits(u: uPlot, limits: readonly Limit[], colour: string): void {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.fillStyle = colour;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.textAlign = "right";
  for (const l of limits) {
    const y = u.valToPos(l.value, "y", true);
    if (y < bbox.top || y > bbox.top + bbox.height) continue;
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.fillText(l.name, bbox.left + bbox.width - 4 * devicePixelRatio, y - 3 * devicePixelRatio);
  }
  ctx.restore();
}

function drawBorders(u: uPlot, shifts: readonly Instance[], line: string, text: string): void {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.strokeStyle = text;
  ctx.fillStyle = text;
  ctx.lineWidth = devicePixelRatio;
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  const narrow = shifts.length > 12;
  if (narrow) ctx.strokeStyle = line;
  for (const s of shifts) {
    const x = u.valToPos(s.from / 1000, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    if (!narrow && x < bbox.left + bbox.width - 50 * devicePixelRatio) ctx.fillText(s.shift, x + 4 * devicePixelRatio, bbox.top + 11 * devicePixelRatio);
  }
  ctx.restore();
}

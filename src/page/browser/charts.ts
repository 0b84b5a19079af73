import type UPlot from "uplot";

/** What `/api/history` answers: see `History` of pipeline/history.ts. */
interface Course {
  readonly delivered: readonly number[];
  readonly p50: readonly (number | null)[];
  readonly p95: readonly (number | null)[];
}

interface History {
  readonly from: string;
  readonly stepSeconds: number;
  readonly all: Course;
  readonly sinks: Readonly<Record<string, Course>>;
}

/** Loaded before this script, as a script of its own. */
declare const uPlot: typeof UPlot;

type Data = UPlot.AlignedData;
type Values = readonly (number | null)[];

/** One chart in its place, drawn anew when its width or the colours change. */
interface Chart {
  show(data: Data): void;
  /** What it shows, in words. */
  tell(summary: string): void;
}

const HEIGHT = 180;
const LOOK_EVERY_MS = 15_000;

export function drawCharts(): void {
  const throughput = chartIn("throughput", throughputOptions);
  const delay = chartIn("delay", delayOptions);
  const of = element("of") as HTMLSelectElement;
  const hours = () => document.querySelector<HTMLInputElement>("input[name=hours]:checked")?.value ?? "6";

  async function look(): Promise<void> {
    const answer = await fetch(`api/history?hours=${hours()}`);
    if (!answer.ok) return;
    const history = (await answer.json()) as History;
    const course = of.value === "" ? history.all : (history.sinks[of.value] ?? history.all);
    const first = Date.parse(history.from) / 1000;
    const times = course.delivered.map((_, index) => first + index * history.stepSeconds);
    const perMinute = course.delivered.map((count) => count / (history.stepSeconds / 60));
    // The last bar stands right of its time.
    const until = first + times.length * history.stepSeconds;
    throughput.show([
      [...times, until],
      [...perMinute, null],
    ]);
    throughput.tell(
      `${total(course.delivered)} in ${hours()} h, at most ${amount(Math.max(...perMinute))} a minute`,
    );
    delay.show([
      [...times, until],
      [...course.p50, null],
      [...course.p95, null],
    ]);
    delay.tell(`latest ${seconds(last(course.p50))} and ${seconds(last(course.p95))}`);
  }

  // A daemon that is away is asked again the next time.
  const lookQuietly = () => void look().catch(() => undefined);
  of.addEventListener("change", lookQuietly);
  for (const input of document.querySelectorAll("input[name=hours]"))
    input.addEventListener("change", lookQuietly);
  setInterval(() => {
    if (document.visibilityState === "visible") lookQuietly();
  }, LOOK_EVERY_MS);
  document.addEventListener("visibilitychange", lookQuietly);
  lookQuietly();
}

function chartIn(id: string, options: (width: number, tell: (at: string) => void) => UPlot.Options): Chart {
  const figure = element(id);
  const place = figure.querySelector<HTMLElement>(".chart");
  const output = figure.querySelector("output");
  if (place === null || output === null) throw new Error(`There is no chart ${id}.`);
  const label = place.getAttribute("aria-label") ?? "";
  let chart: UPlot | undefined;
  let shown: Data = [[]];
  let summary = "";
  const tell = (text: string) => {
    output.textContent = text === "" ? summary : text;
  };

  function draw(): void {
    chart?.destroy();
    chart = new uPlot(options(place?.clientWidth ?? 0, tell), shown, place ?? undefined);
  }

  new ResizeObserver(() => chart?.setSize({ width: place.clientWidth, height: HEIGHT })).observe(place);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  return {
    show(data) {
      shown = data;
      if (chart === undefined) draw();
      else chart.setData(data);
    },
    tell(text) {
      summary = text;
      tell("");
      place.setAttribute("aria-label", `${label}: ${text}`);
    },
  };
}

function throughputOptions(width: number, tell: (at: string) => void): UPlot.Options {
  const bars = uPlot.paths.bars?.({ size: [0.8, 24], align: 1 });
  const series = { stroke: colour("--accent"), fill: colour("--accent"), width: 0, points: { show: false } };
  return {
    ...common(width, tell, ([count]) => `${amount(count ?? 0)} a minute`),
    scales: { x: { time: true }, y: { range: (_, __, most) => [0, Math.max(1, most * 1.05)] } },
    axes: [hoursAxis(), axis({ size: 48, values: (_, ticks) => ticks.map(amount) })],
    series: [{}, { ...series, ...(bars === undefined ? {} : { paths: bars }) }],
  };
}

function delayOptions(width: number, tell: (at: string) => void): UPlot.Options {
  const line = { width: 2, points: { show: true, size: 4, filter: alone } };
  return {
    ...common(width, tell, ([p50, p95]) => `${seconds(p50)} and ${seconds(p95)}`),
    // From a tenth of a second to hours: in steps of ten.
    scales: { x: { time: true }, y: { distr: 3, range: (_, least, most) => decades(least, most) } },
    axes: [
      hoursAxis(),
      axis({
        size: 56,
        splits: (_, __, least, most) => decadesBetween(least, most),
        values: (_, ticks) => ticks.map(seconds),
      }),
    ],
    series: [
      {},
      { ...line, stroke: colour("--accent") },
      { ...line, stroke: colour("--attention"), dash: [6, 4] },
    ],
  };
}

function common(
  width: number,
  tell: (at: string) => void,
  words: (values: Values) => string,
): Pick<UPlot.Options, "width" | "height" | "legend" | "cursor" | "hooks"> {
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
    hooks: {
      setCursor: [
        ({ cursor: { idx }, data }) => {
          const at = idx === null || idx === undefined ? undefined : data[0][idx];
          if (at === undefined || typeof idx !== "number") return tell("");
          tell(`${clock(at)}: ${words(data.slice(1).map((values) => values[idx] ?? null))}`);
        },
      ],
    },
  };
}

function axis(more: UPlot.Axis): UPlot.Axis {
  return {
    stroke: colour("--soft"),
    font: "12px system-ui, sans-serif",
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
    ...more,
  };
}

function hoursAxis(): UPlot.Axis {
  return axis({ size: 32, gap: 9, values: (_, ticks) => ticks.map(clock) });
}

/** A value between two silences has no line to stand on. */
function alone(chart: UPlot, series: number): number[] {
  const values = chart.data[series] ?? [];
  return [...values.keys()].filter(
    (index) => values[index] != null && values[index - 1] == null && values[index + 1] == null,
  );
}

function decades(least: number | null, most: number | null): [number, number] {
  const low = 10 ** Math.floor(Math.log10(least ?? 0.1));
  const high = 10 ** Math.ceil(Math.log10(most ?? 1));
  return [low, Math.max(high, low * 10)];
}

function decadesBetween(least: number, most: number): number[] {
  const low = Math.round(Math.log10(least));
  return Array.from({ length: Math.round(Math.log10(most)) - low + 1 }, (_, index) => 10 ** (low + index));
}

function last(values: Values): number | null {
  return values.findLast((value) => value !== null) ?? null;
}

function total(counts: readonly number[]): string {
  return counts.reduce((sum, count) => sum + count, 0).toLocaleString("en-US");
}

function amount(count: number): string {
  return count.toLocaleString("en-US", { maximumFractionDigits: count < 10 ? 1 : 0 });
}

function seconds(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  if (value >= 7200) return `${(value / 3600).toFixed(1)} h`;
  if (value >= 120) return `${Math.round(value / 60)} min`;
  return `${value >= 10 ? Math.round(value) : Number(value.toPrecision(2))} s`;
}

function clock(unixSeconds: number): string {
  return new Date(unixSeconds * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`The page has no ${id}.`);
  return found;
}

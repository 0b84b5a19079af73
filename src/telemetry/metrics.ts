import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import { Histogram } from "./histogram.ts";
import { METRICS, type MetricName } from "./measures.ts";
import { OPEN_METRICS_TYPE, openMetricsOf, PROMETHEUS_TYPE, wantsOpenMetrics } from "./open-metrics.ts";

const PREFIX = "alertferry_";
/** Each look at the event loop wakes the process: every 10 ms, as usual, they took most of what an idle daemon did. */
const LOOP_SAMPLE_MS = 20;

type NamesOf<Type extends string> = {
  [Name in MetricName]: (typeof METRICS)[Name]["type"] extends Type ? Name : never;
}[MetricName];
type Labels = Readonly<Record<string, string>>;

/** The numbers of this process, and the ledger's as they are read from Redis for each scrape. */
export interface Metrics {
  count(name: NamesOf<"counter">, labels: Labels, by?: number): void;
  set(name: NamesOf<"gauge">, labels: Labels, value: number): void;
  /** @param times how often each of the values was seen. */
  observe(name: NamesOf<"histogram">, labels: Labels, values: readonly number[], times?: number): void;
  /** Forgets the series of a metric that is about to be set anew. */
  clear(name: NamesOf<"counter" | "gauge">): void;
  /**
   * Forgets every series with a label whose value is not among the known ones, so that a tenant or a sink that is gone
   * does not stay for ever.
   */
  keep(known: Readonly<Record<string, ReadonlySet<string>>>): Promise<void>;
  /** @param accept the header of whoever asks: OpenMetrics where that is wanted, else the Prometheus text. */
  page(accept: string | undefined): Promise<{ readonly contentType: string; readonly text: string }>;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LOOP_SAMPLE_MS });
  const counters = new Map<string, Counter>();
  const gauges = new Map<string, Gauge>();
  const histograms = new Map<string, Histogram>();
  for (const [short, { type, help, labels, ...more }] of Object.entries(METRICS)) {
    const name = `${PREFIX}${short}`;
    const settings = { name, help, labelNames: [...labels], registers: [registry] };
    if (type === "counter") counters.set(short, new Counter(settings));
    else if (type === "gauge") gauges.set(short, new Gauge(settings));
    else histograms.set(short, new Histogram(name, help, "buckets" in more ? more.buckets : []));
  }
  const counter = (name: string) => known(counters.get(name), name);
  const gauge = (name: string) => known(gauges.get(name), name);
  return {
    count: (name, labels, by = 1) => counter(name).inc({ ...labels }, by),
    set: (name, labels, value) => gauge(name).set({ ...labels }, value),
    observe: (name, labels, values, times) =>
      known(histograms.get(name), name).observe(labels, values, times),
    clear: (name) => (counters.get(name) ?? gauge(name)).reset(),
    async keep(values) {
      const isKept = (labels: Readonly<Partial<Record<string, string | number>>>) =>
        Object.entries(values).every(([label, all]) => !(label in labels) || all.has(`${labels[label]}`));
      for (const metric of [...counters.values(), ...gauges.values()]) {
        for (const { labels } of (await metric.get()).values) if (!isKept(labels)) metric.remove(labels);
      }
      for (const histogram of histograms.values()) histogram.keep(isKept);
    },
    async page(accept) {
      const ours = [...histograms.values()].map((histogram) => histogram.text());
      const text = [await registry.metrics(), ...ours].join("\n");
      return wantsOpenMetrics(accept)
        ? { contentType: OPEN_METRICS_TYPE, text: openMetricsOf(text) }
        : { contentType: PROMETHEUS_TYPE, text };
    },
  };
}

function known<T>(metric: T | undefined, name: string): T {
  if (metric === undefined) throw new Error(`${name} does not stand in the table of metrics.`);
  return metric;
}

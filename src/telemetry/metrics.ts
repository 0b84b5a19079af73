import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { METRICS, type MetricName } from "./measures.ts";

const PREFIX = "alertferry_";

type NamesOf<Type extends string> = {
  [Name in MetricName]: (typeof METRICS)[Name]["type"] extends Type ? Name : never;
}[MetricName];
type Labels = Readonly<Record<string, string>>;

/** The numbers of this process, and the ledger's as they are read from Redis for each scrape. */
export interface Metrics {
  count(name: NamesOf<"counter">, labels: Labels, by?: number): void;
  /** Sets a counter to what the ledger says. */
  total(name: NamesOf<"counter">, labels: Labels, value: number): void;
  set(name: NamesOf<"gauge">, labels: Labels, value: number): void;
  observe(name: NamesOf<"histogram">, labels: Labels, value: number): void;
  /** Forgets the series of a metric, so that a tenant or sink that is gone does not stay for ever. */
  clear(name: NamesOf<"counter" | "gauge">): void;
  readonly contentType: string;
  /** The Prometheus text. */
  text(): Promise<string>;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const counters = new Map<string, Counter>();
  const gauges = new Map<string, Gauge>();
  const histograms = new Map<string, Histogram>();
  for (const [name, entry] of Object.entries(METRICS)) {
    const settings = {
      name: `${PREFIX}${name}`,
      help: entry.help,
      labelNames: [...entry.labels],
      registers: [registry],
    };
    if (entry.type === "counter") counters.set(name, new Counter(settings));
    else if (entry.type === "gauge") gauges.set(name, new Gauge(settings));
    else histograms.set(name, new Histogram({ ...settings, buckets: [...entry.buckets] }));
  }
  const counter = (name: string) => known(counters.get(name), name);
  const gauge = (name: string) => known(gauges.get(name), name);
  return {
    count: (name, labels, by = 1) => counter(name).inc({ ...labels }, by),
    total: (name, labels, value) => {
      counter(name).remove({ ...labels });
      counter(name).inc({ ...labels }, value);
    },
    set: (name, labels, value) => gauge(name).set({ ...labels }, value),
    observe: (name, labels, value) => known(histograms.get(name), name).observe({ ...labels }, value),
    clear: (name) => (counters.get(name) ?? gauge(name)).reset(),
    contentType: registry.contentType,
    text: () => registry.metrics(),
  };
}

function known<T>(metric: T | undefined, name: string): T {
  if (metric === undefined) throw new Error(`${name} does not stand in the table of metrics.`);
  return metric;
}

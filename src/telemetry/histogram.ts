type Labels = Readonly<Record<string, string>>;

interface Series {
  readonly labels: Labels;
  /** One for each bound, and one for what is above the last. */
  readonly counts: number[];
  sum: number;
}

/**
 * Counts values into buckets. Takes what all alerts of a batch have to tell in one call: prom-client's looks for its
 * series anew with each value, which costs more than all else that is done with a delivered alert.
 */
export class Histogram {
  readonly #name: string;
  readonly #help: string;
  readonly #bounds: readonly number[];
  readonly #series = new Map<string, Series>();

  constructor(name: string, help: string, bounds: readonly number[]) {
    this.#name = name;
    this.#help = help;
    this.#bounds = bounds;
  }

  /** @param times how often each of the values was seen. */
  observe(labels: Labels, values: readonly number[], times = 1): void {
    const series = this.#seriesOf(labels);
    for (const value of values) {
      const at = this.#bounds.findIndex((bound) => value <= bound);
      const bucket = at < 0 ? this.#bounds.length : at;
      series.counts[bucket] = (series.counts[bucket] ?? 0) + times;
      series.sum += value * times;
    }
  }

  /** Forgets the series whose labels are not to be kept. */
  keep(isKept: (labels: Labels) => boolean): void {
    for (const [key, { labels }] of this.#series) if (!isKept(labels)) this.#series.delete(key);
  }

  /** The Prometheus text. */
  text(): string {
    const lines = [`# HELP ${this.#name} ${this.#help}`, `# TYPE ${this.#name} histogram`];
    for (const [key, { counts, sum }] of this.#series) {
      let below = 0;
      for (const [at, bound] of [...this.#bounds, "+Inf"].entries()) {
        below += counts[at] ?? 0;
        lines.push(`${this.#name}_bucket{${key},le="${bound}"} ${below}`);
      }
      lines.push(`${this.#name}_sum{${key}} ${sum}`, `${this.#name}_count{${key}} ${below}`);
    }
    return `${lines.join("\n")}\n`;
  }

  #seriesOf(labels: Labels): Series {
    const key = Object.entries(labels)
      .map(([label, value]) => `${label}=${JSON.stringify(value)}`)
      .join(",");
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    const fresh = { labels, counts: Array.from({ length: this.#bounds.length + 1 }, () => 0), sum: 0 };
    this.#series.set(key, fresh);
    return fresh;
  }
}

import { delayQuantile, totalOf } from "../model/delay.ts";
import type { Store } from "../queue/ports.ts";

/** What was delivered, and how late: one entry a step, the oldest first. The last step is not over yet. */
interface Course {
  readonly delivered: readonly number[];
  /** Seconds from being readable at the source to being accepted; null where nothing was delivered. */
  readonly p50: readonly (number | null)[];
  readonly p95: readonly (number | null)[];
}

/** The last hours, from Redis: true for all replicas. */
export interface History {
  /** When the first step begins, ISO 8601. */
  readonly from: string;
  readonly stepSeconds: number;
  readonly all: Course;
  readonly sinks: Readonly<Record<string, Course>>;
}

export const HISTORY_HOURS = [1, 6, 24] as const;
export type HistoryHours = (typeof HISTORY_HOURS)[number];

/** Steps of a width that leaves a few hundred of them. */
const STEP_MINUTES: Readonly<Record<HistoryHours, number>> = { 1: 1, 6: 2, 24: 5 };
const MINUTE_MS = 60_000;

export async function takeHistory(
  store: Pick<Store, "history">,
  sinks: readonly string[],
  hours: HistoryHours,
  nowMs: number = Date.now(),
): Promise<History> {
  const step = STEP_MINUTES[hours];
  const now = Math.floor(nowMs / MINUTE_MS);
  const steps = (hours * 60) / step;
  const first = (Math.floor(now / step) - steps + 1) * step;
  const found = await Promise.all(
    sinks.map(async (sink) => {
      const bins = Array.from({ length: steps }, () => new Map<number, number>());
      for (const { minute, counts } of await store.history(sink, first, now))
        addTo(bins[Math.floor((minute - first) / step)], counts);
      return [sink, bins] as const;
    }),
  );
  const all = Array.from({ length: steps }, (_, index) => {
    const sum = new Map<number, number>();
    for (const [, bins] of found) addTo(sum, bins[index] ?? new Map());
    return sum;
  });
  return {
    from: new Date(first * MINUTE_MS).toISOString(),
    stepSeconds: step * 60,
    all: courseOf(all),
    sinks: Object.fromEntries(found.map(([sink, bins]) => [sink, courseOf(bins)])),
  };
}

function addTo(sum: Map<number, number> | undefined, counts: ReadonlyMap<number, number>): void {
  for (const [kind, count] of counts) sum?.set(kind, (sum.get(kind) ?? 0) + count);
}

function courseOf(bins: readonly ReadonlyMap<number, number>[]): Course {
  return {
    delivered: bins.map(totalOf),
    p50: bins.map((counts) => delayQuantile(counts, 0.5)),
    p95: bins.map((counts) => delayQuantile(counts, 0.95)),
  };
}

import { delayClass } from "../model/delay.ts";
import type { Store } from "../queue/store.ts";

const FLUSH_EVERY_MS = 5000;
const MINUTE_MS = 60_000;

/** Counts deliveries in memory and carries them to the history in Redis now and then: never one write an alert. */
export interface Tally {
  delivered(sink: string, acceptedMs: number, delayMs: number): void;
  /** Carries what is left. */
  stop(): Promise<void>;
}

export function startTally(store: Pick<Store, "addHistory">, everyMs: number = FLUSH_EVERY_MS): Tally {
  let counted = new Map<string, Map<number, Map<number, number>>>();
  let underWay: Promise<void> = Promise.resolve();

  function add(sink: string, minute: number, kind: number, count: number): void {
    const minutes = counted.get(sink) ?? new Map<number, Map<number, number>>();
    const counts = minutes.get(minute) ?? new Map<number, number>();
    counts.set(kind, (counts.get(kind) ?? 0) + count);
    counted.set(sink, minutes.set(minute, counts));
  }

  async function flush(): Promise<void> {
    if (counted.size === 0) return;
    const minutes = [...counted].flatMap(([sink, ofSink]) =>
      [...ofSink].map(([minute, counts]) => ({ sink, minute, counts })),
    );
    counted = new Map();
    try {
      await store.addHistory(minutes);
    } catch {
      // A Redis that takes nothing now is given it with the next ones.
      for (const { sink, minute, counts } of minutes)
        for (const [kind, count] of counts) add(sink, minute, kind, count);
    }
  }

  const timer = setInterval(() => {
    underWay = underWay.then(flush);
  }, everyMs);
  return {
    delivered: (sink, acceptedMs, delayMs) =>
      add(sink, Math.floor(acceptedMs / MINUTE_MS), delayClass(delayMs), 1),
    stop: () => {
      clearInterval(timer);
      return underWay.then(flush);
    },
  };
}

import { createEvents } from "../../src/telemetry/events.ts";
import { createLogger } from "../../src/telemetry/logger.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import type { Clock } from "../../src/telemetry/voice.ts";

/** One line of a log. */
export interface SaidLine {
  readonly level: string;
  readonly event: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** A clock that a test moves on. */
export interface HandClock extends Clock {
  /** Does on the way what was to be done by then. */
  advance(ms: number): void;
}

function handClock(startMs = Date.UTC(2026, 4, 4)): HandClock {
  let nowMs = startMs;
  let plans: { readonly atMs: number; readonly work: () => void }[] = [];
  return {
    nowMs: () => nowMs,
    later: (ms, work) => void plans.push({ atMs: nowMs + ms, work }),
    advance(ms) {
      const untilMs = nowMs + ms;
      for (;;) {
        const [next] = plans.toSorted((a, b) => a.atMs - b.atMs);
        if (next === undefined || next.atMs > untilMs) break;
        plans = plans.filter((plan) => plan !== next);
        nowMs = next.atMs;
        next.work();
      }
      nowMs = untilMs;
    },
  };
}

/** Everything that can happen, said into a list, by a clock that the test moves on. */
export function openLog(level = "debug", secrets: readonly string[] = []) {
  const lines: string[] = [];
  const clock = handClock();
  const logger = createLogger({ level, secrets }, { write: (line) => void lines.push(line) });
  const events = createEvents(logger, createMetrics(), clock);
  const said = (): SaidLine[] => lines.map((line) => JSON.parse(line) as SaidLine);
  return { events, clock, said, text: () => lines.join("") };
}

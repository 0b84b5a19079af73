import { backoffMs } from "../model/backoff.ts";
import { FAILURES, type FailureKind, SourceError } from "../model/failure.ts";
import { type ReaderParts, readLive } from "../pipeline/reader.ts";
import type { Place } from "../pipeline/routes.ts";
import type { NextRound, RunRound } from "../queue/read-queue.ts";
import { FencedOff } from "../queue/store.ts";
import type { Events } from "../telemetry/events.ts";

/** A failed round is tried again after about this long at first, and after the longest pause at most. */
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 300_000;
/** Where a person must act the first pause is the interval; consent takes minutes to spread. */
const LONGEST_BLOCKED_PAUSE_MS = 900_000;
/** The interval varies by this share, so that tenants that started together do not stay together. */
const JITTER = 0.05;

/** Runs the live rounds: reads, tells what happened, and says when the next one is due. */
export function createRounds(places: readonly Place[], parts: ReaderParts, events: Events): RunRound {
  const byName = new Map(places.map((place) => [`${place.tenant.id}/${place.source}`, place]));
  return async (job, fence, signal) => {
    const place = byName.get(`${job.tenant}/${job.source}`);
    if (place === undefined) return "not-ours";
    const startedAt = performance.now();
    try {
      const round = await readLive(place, parts, fence, signal);
      const durationMs = Math.round(performance.now() - startedAt);
      events.pollCompleted(job, round, durationMs);
      const jitter = 1 + (Math.random() * 2 - 1) * JITTER;
      return { inMs: Math.max(0, Math.round(place.poll.interval * jitter) - durationMs), failures: 0 };
    } catch (cause) {
      if (cause instanceof FencedOff || signal.aborted) throw cause;
      const failures = job.failures + 1;
      const inMs = pauseAfter(cause, failures, place.poll.interval);
      events.pollFailed(job, cause, failures, inMs);
      return { inMs, failures } satisfies NextRound;
    }
  };
}

function pauseAfter(cause: unknown, failures: number, intervalMs: number): number {
  const kind: FailureKind = cause instanceof SourceError ? cause.kind : "transient";
  const told = cause instanceof SourceError ? cause.retryAfterMs : undefined;
  // A source that names next to nothing must not be asked in a hot loop.
  if (told !== undefined) return Math.max(told, FIRST_PAUSE_MS);
  if (FAILURES[kind].verdict !== "block") {
    return backoffMs(failures, FIRST_PAUSE_MS, LONGEST_PAUSE_MS, Math.random());
  }
  return Math.max(intervalMs, backoffMs(failures, intervalMs, LONGEST_BLOCKED_PAUSE_MS, Math.random()));
}

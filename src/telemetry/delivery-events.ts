import { type DeadLetter, TENANT_MISMATCH } from "../model/dead-letter.ts";
import type { DeliveryError } from "../model/failure.ts";
import { errorFields } from "./fields.ts";
import type { Hop } from "./measures.ts";
import type { Metrics } from "./metrics.ts";
import type { Clock, Voice } from "./voice.ts";

/** What can happen on the way from a sink's queue to the sink. */
export function createDeliveryEvents(
  { say, sayState, endState, sayOnce }: Voice,
  metrics: Metrics,
  clock: Clock,
) {
  /** Sink → when a failure of it was told of that has not ended yet. */
  const retrying = new Map<string, number>();
  /** Sink → its batches that cannot be worked on. */
  const stuck = new Map<string, Set<string>>();
  /** Sink → when this process told of dead letters that lie there. */
  const buried = new Map<string, number>();

  return {
    deliverCompleted(
      sink: string,
      request: { alerts: number; bytes: number; shortened: number; durationMs: number },
    ): void {
      metrics.count("alerts_shortened_total", { sink }, request.shortened);
      say("deliver.completed", { sink, ...request });
      const sinceMs = retrying.get(sink);
      if (sinceMs === undefined) return;
      retrying.delete(sink);
      say("deliver.recovered", { sink, durationMs: clock.nowMs() - sinceMs });
    },
    /** A sink that fails now and then is told of like one that stays in trouble: once in a while. */
    deliverRetrying(sink: string, error: DeliveryError, attempt: number, retryInMs: number): void {
      const fields = { sink, attempt, retryInMs, error: errorFields(error) };
      const isSaid = sayState(`retry/${sink}`, `${error.kind} ${error.code}`, "deliver.retrying", fields);
      if (isSaid) retrying.set(sink, clock.nowMs());
    },
    /** The search for one alert divides a request many times. */
    deliverHalved: (sink: string, error: DeliveryError, alerts: number) =>
      sayOnce(`halved/${sink}`, "deliver.halved", { sink, alerts, error: errorFields(error) }),
    deadLettered(letter: DeadLetter): void {
      const { tenant, source, sink, reason, eventId, attempts } = letter;
      const event = reason === TENANT_MISMATCH ? "deliver.tenant-mismatch" : "deliver.dead-lettered";
      if (!buried.has(sink)) buried.set(sink, clock.nowMs());
      sayOnce(`buried/${sink}/${tenant}/${reason}`, event, {
        ...{ tenant, source, sink, reason, deadLetter: letter.id, eventId, attempts },
        error: { message: letter.message },
      });
    },
    /** What lies there now, sink by sink; told only by the process that told of them. */
    deadLettersLeft(counts: ReadonlyMap<string, number>): void {
      for (const [sink, sinceMs] of buried) {
        if ((counts.get(sink) ?? 0) > 0) continue;
        buried.delete(sink);
        say("dead-letters.cleared", { sink, durationMs: clock.nowMs() - sinceMs });
      }
    },
    /** Said again with each power of ten. */
    deadLettersMany(sink: string, deadLetters: number): void {
      const size = String(Math.floor(Math.log10(deadLetters)));
      sayState(`dead-letters/${sink}`, size, "dead-letters.many", { sink, deadLetters });
    },
    deadLettersRetried: (deadLetters: number, client: string) =>
      say("dead-letters.retried", { deadLetters, client }),
    deadLettersTrimmed: (deadLetters: number) => say("dead-letters.trimmed", { deadLetters }),
    deliverRestored: (sink: string, batches: number) => say("deliver.restored", { sink, batches }),
    batchSettled(
      sink: string,
      batch: string,
      outcome: "delivered" | "dead-lettered" | "given-back" | "settled-before",
    ): void {
      metrics.count("deliver_batches_total", { sink, outcome });
      const batches = stuck.get(sink);
      if (batches === undefined || outcome === "given-back") return;
      batches.delete(batch);
      if (batches.size > 0) return;
      stuck.delete(sink);
      say("deliver.recovered", { sink, ...endState(`deliver/${sink}`) });
    },
    /** How late the sink has accepted each alert of a batch. */
    accepted: (sink: string, delaysMs: readonly number[]) =>
      metrics.observe("delivery_latency_seconds", { sink }, delaysMs.map(secondsOf)),
    /** How long alerts took for a stretch of their way to a sink: `times` of them each of these. */
    travelled: (sink: string, hop: Hop, delaysMs: readonly number[], times = 1) =>
      metrics.observe("delivery_hop_seconds", { sink, hop }, delaysMs.map(secondsOf), times),
    deliverFailed(sink: string, batch: string, error: unknown): void {
      const fields = errorFields(error);
      stuck.set(sink, (stuck.get(sink) ?? new Set()).add(batch));
      sayState(`deliver/${sink}`, `${fields.code}`, "deliver.failed", { sink, error: fields });
    },
    /** Also each time that a probe of it fails: what stays is said again now and then. */
    sinkOpened(sink: string, error: DeliveryError, retryInMs: number): void {
      metrics.set("sink_breaker_open", { sink }, 1);
      retrying.delete(sink);
      sayState(`sink/${sink}`, error.kind, "sink.opened", { sink, retryInMs, error: errorFields(error) });
    },
    sinkClosed(sink: string, durationMs: number): void {
      metrics.set("sink_breaker_open", { sink }, 0);
      say("sink.closed", { sink, ...endState(`sink/${sink}`), durationMs });
    },
  };
}

/** Clocks differ: what seems to have come before it was sent took no time. */
function secondsOf(ms: number): number {
  return Math.max(0, ms) / 1000;
}

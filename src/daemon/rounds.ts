import { hash } from "node:crypto";
import { backoffMs } from "../model/backoff.ts";
import { CALL_BUDGET, FAILURES, type FailureKind, SourceError } from "../model/failure.ts";
import { isHole } from "../model/window.ts";
import type { ReaderParts } from "../pipeline/forward.ts";
import { type Notices, type Round, readLive, readLong } from "../pipeline/reader.ts";
import type { Place } from "../pipeline/routes.ts";
import { isTroubleOfRedis } from "../queue/connection.ts";
import { type Fence, FencedOff } from "../queue/fence.ts";
import type { RoundNote } from "../queue/places.ts";
import type { ReadJob } from "../queue/read-jobs.ts";
import type { NextRun, RunRead } from "../queue/read-queue.ts";
import type { Events } from "../telemetry/events.ts";
import { timeHops } from "./hops.ts";

/** A failed round is tried again after about this long at first, and after the longest pause at most. */
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 300_000;
/** Where a person must act the first pause is the interval; consent takes minutes to spread. */
const LONGEST_BLOCKED_PAUSE_MS = 900_000;
/** Long windows that are read at once in one process: the other runs belong to the live rounds. */
const LONG_AT_ONCE = 8;
/**
 * Tenants in trouble that are asked at once: a source that hangs keeps its run for a minute, and however many of them
 * do, the other runs belong to those that answer.
 */
const TROUBLED_AT_ONCE = 20;
const TROUBLED_PAUSE_MS = 2000;
/** From so many failures in a row what fails for good is looked for and stepped over, at about forty calls each. */
const STEP_OVER_FROM = 3;
/** What Microsoft fails to give out is seldom mended soon, and each look at it costs a call. */
const LONGEST_HOLE_PAUSE_MS = 3_600_000;
/** How long a window waits before it looks again whether it may go on. */
const CROWDED_PAUSE_MS = 500;
const FULL_PAUSE_MS = 1000;

/** Runs the jobs of reading: reads, tells what happened, and says when the next run is due. */
export function createRounds(places: readonly Place[], parts: ReaderParts, events: Events): RunRead {
  const byName = new Map(places.map((place) => [`${place.tenant.id}/${place.source}`, place]));
  let longRuns = 0;
  let troubledRuns = 0;

  async function live(job: ReadJob, place: Place, fence: Fence, signal: AbortSignal): Promise<NextRun> {
    const startedAt = performance.now();
    try {
      const timed = timeHops(place, parts, events);
      const round = await readLive(timed.place, timed.parts, fence, signal, noticesOf(job, events));
      const durationMs = Math.round(performance.now() - startedAt);
      events.pollCompleted(job, round, durationMs);
      tellGaps(job, round, events);
      const inMs = untilNext(job, place.poll.interval, durationMs, parts.nowMs());
      await note(job, parts, { outcome: "completed", inMs, failures: 0, isFresh: round.fresh > 0 });
      return { inMs, failures: 0 };
    } catch (cause) {
      return await cutOff(job, cause, place, signal);
    }
  }

  async function long(
    job: ReadJob,
    id: string,
    place: Place,
    fence: Fence,
    signal: AbortSignal,
  ): Promise<NextRun> {
    try {
      const timed = timeHops(place, parts, events);
      const turn = await readLong(id, timed.place, timed.parts, fence, signal, noticesOf(job, events));
      events.windowRead(job, turn);
      tellGaps(job, turn, events);
      if (turn.state === "gone") return "done";
      if (turn.state === "done") {
        await tellDone(id, parts, events);
        return "done";
      }
      return { inMs: turn.state === "full" ? spread(FULL_PAUSE_MS) : 0, failures: 0 };
    } catch (cause) {
      return await cutOff(job, cause, place, signal);
    }
  }

  async function cutOff(job: ReadJob, cause: unknown, place: Place, signal: AbortSignal): Promise<NextRun> {
    if (cause instanceof FencedOff || signal.aborted) throw cause;
    const isPaced = cause instanceof SourceError && cause.code === CALL_BUDGET;
    if (isPaced) return await paced(job, cause);
    const isKnown = cause instanceof SourceError && isHole(job.window ?? "");
    return isKnown ? again(job, cause) : await failed(job, cause, place);
  }

  /** It was told when the hole was met, and the rounds tell what else is wrong with the source. */
  function again(job: ReadJob, cause: SourceError): NextRun {
    const failures = job.failures + 1;
    const pauseMs = backoffMs(failures, FIRST_PAUSE_MS, LONGEST_HOLE_PAUSE_MS, Math.random());
    return { inMs: Math.max(pauseMs, cause.retryAfterMs ?? 0), failures };
  }

  async function failed(job: ReadJob, cause: unknown, place: Place): Promise<NextRun> {
    const failures = job.failures + 1;
    const inMs = pauseAfter(cause, failures, place.poll.interval);
    if (cause instanceof SourceError || !isTroubleOfRedis(cause))
      events.pollFailed(job, cause, failures, inMs);
    else events.redisTrouble(cause);
    const { kind, code } = cause instanceof SourceError ? cause : { kind: "transient", code: undefined };
    const message = cause instanceof Error ? cause.message : String(cause);
    const told = { outcome: kind, code, message, inMs, failures, isFresh: false };
    // A Redis that is in trouble cannot be told about it.
    if (job.window === undefined) await note(job, parts, told).catch(() => undefined);
    return { inMs, failures };
  }

  /** Not a failure: the round goes on where it was as soon as more calls may be made. */
  async function paced(job: ReadJob, { code, message, retryAfterMs }: SourceError): Promise<NextRun> {
    const inMs = spread(Math.max(retryAfterMs ?? 0, FIRST_PAUSE_MS));
    events.pollPaced(job, inMs);
    const told = { outcome: "paced", code, message, inMs, failures: job.failures, isFresh: false };
    if (job.window === undefined) await note(job, parts, told);
    return { inMs, failures: job.failures };
  }

  async function troubled(job: ReadJob, place: Place, fence: Fence, signal: AbortSignal): Promise<NextRun> {
    if (troubledRuns >= TROUBLED_AT_ONCE) return { inMs: spread(TROUBLED_PAUSE_MS), failures: job.failures };
    troubledRuns += 1;
    try {
      return await live(job, place, fence, signal);
    } finally {
      troubledRuns -= 1;
    }
  }

  return async (job, fence, signal) => {
    const place = byName.get(`${job.tenant}/${job.source}`);
    if (place === undefined) return "done";
    if (job.window === undefined)
      return await (job.failures > 0 ? troubled : live)(job, place, fence, signal);
    if (longRuns >= LONG_AT_ONCE) return { inMs: spread(CROWDED_PAUSE_MS), failures: job.failures };
    longRuns += 1;
    try {
      return await long(job, job.window, place, fence, signal);
    } finally {
      longRuns -= 1;
    }
  };
}

/**
 * The rounds of a place stand at the same moment of each interval, which its name tells. So tenants that start together
 * part with their second round, and stay apart.
 */
function untilNext(
  { tenant, source }: ReadJob,
  intervalMs: number,
  durationMs: number,
  nowMs: number,
): number {
  if (durationMs >= intervalMs) return 0;
  const share = hash("sha256", `${tenant}\n${source}`, "buffer").readUInt32LE(0) / 2 ** 32;
  const sinceLastMs = (nowMs - Math.floor(share * intervalMs)) % intervalMs;
  return intervalMs - sinceLastMs;
}

function noticesOf(job: ReadJob, events: Events): Notices {
  return {
    onIncomplete: (reason) => events.alertIncomplete(job, reason),
    onHole:
      job.failures < STEP_OVER_FROM ? undefined : (window, cause) => events.holeRecorded(job, window, cause),
  };
}

function tellGaps(job: ReadJob, { gaps, window }: Round, events: Events): void {
  for (const sink of gaps) events.gapRecorded(job, sink, window);
}

async function tellDone(id: string, { store, nowMs }: ReaderParts, events: Events): Promise<void> {
  const window = await store.window(id);
  if (window === undefined) return;
  const open = (await store.openWindows()).filter(
    ({ kind, sinks }) => kind === "gap" && sinks[0] === window.sinks[0],
  );
  events.windowDone(window, nowMs() - window.createdMs, open.length);
}

async function note(
  { tenant, source }: ReadJob,
  { store, nowMs }: ReaderParts,
  told: Pick<RoundNote, "outcome" | "failures"> &
    Partial<Pick<RoundNote, "code" | "message">> & { readonly inMs: number; readonly isFresh: boolean },
): Promise<void> {
  const atMs = nowMs();
  const { outcome, failures, code, message, inMs, isFresh } = told;
  await store.noteRound(
    { tenant, source },
    { atMs, outcome, code, message, failures, nextMs: atMs + inMs },
    isFresh,
  );
}

function spread(ms: number): number {
  return Math.round(ms * (0.75 + Math.random() / 2));
}

function pauseAfter(cause: unknown, failures: number, intervalMs: number): number {
  const kind: FailureKind = cause instanceof SourceError ? cause.kind : "transient";
  const told = cause instanceof SourceError ? cause.retryAfterMs : undefined;
  // A source that names next to nothing must not be asked in a hot loop.
  if (told !== undefined) return Math.max(told, FIRST_PAUSE_MS);
  // A refused application is asked about by one tenant; the others may look as often as ever whether it is mended.
  if (cause instanceof SourceError && cause.app !== undefined) return intervalMs;
  if (FAILURES[kind].verdict !== "block") {
    return backoffMs(failures, FIRST_PAUSE_MS, LONGEST_PAUSE_MS, Math.random());
  }
  return Math.max(intervalMs, backoffMs(failures, intervalMs, LONGEST_BLOCKED_PAUSE_MS, Math.random()));
}

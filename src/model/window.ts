import { formatTicks, TICKS_PER_MS, type Ticks, ticksFromMs } from "./ticks.ts";

/** A half-open span of update time: `from` belongs to it, `to` does not. */
export interface Span {
  readonly from: Ticks;
  readonly to: Ticks;
}

/** The kinds of window with their priority: 1 is served first. */
export const WINDOW_KINDS = { live: 1, gap: 2, hole: 3, replay: 4, backfill: 5 } as const;
export type WindowKind = keyof typeof WINDOW_KINDS;

/** Leaves room for the number of waiting batches within the priority of a window kind (BullMQ: at most 2^21). */
const PRIORITY_STEP = 2 ** 18;

/**
 * Fair shares at a shared sink: the more batches of a tenant wait there already, the later the next one is served,
 * but never later than any window of a lesser kind. A flood queues behind everyone else's trickle.
 */
export function priorityOf(kind: WindowKind, batchesWaiting: number): number {
  return (WINDOW_KINDS[kind] - 1) * PRIORITY_STEP + 1 + Math.min(batchesWaiting, PRIORITY_STEP - 1);
}

/** How a window is written in logs and in the queue. */
export interface WindowText {
  readonly kind: WindowKind;
  readonly from: string;
  readonly to: string;
}

export function windowText(kind: WindowKind, span: Span): WindowText {
  return { kind, from: formatTicks(span.from), to: formatTicks(span.to) };
}

/** When a tenant's source is read, and how far back each round reaches. Milliseconds, except `pageSize` (alerts). */
export interface PollSettings {
  readonly interval: number;
  readonly overlap: number;
  readonly settle: number;
  readonly initialLookback: number;
  readonly pageSize: number;
}

/**
 * A window that takes longer than a round: a gap, a hole, a replay or a backfill. It is read slice by slice, between
 * rounds, and `cursor` says how far.
 */
export interface LongWindow extends Span {
  readonly id: string;
  readonly kind: Exclude<WindowKind, "live">;
  readonly tenant: string;
  readonly source: string;
  readonly sinks: readonly string[];
  /** Everything before it is queued. */
  readonly cursor: Ticks;
  /** Alerts met and alerts queued so far. */
  readonly read: number;
  readonly queued: number;
  /** How often it has grown, for a gap. */
  readonly grown: number;
  readonly createdMs: number;
}

/** The id of the hole that begins there. @param jobId of the reading that has met it. */
export function holeId(jobId: string, from: Ticks): string {
  return `hole.${jobId}.${from}`;
}

export function isHole(id: string): boolean {
  return id.startsWith("hole.");
}

/** The share of a window that is read, 0 to 1. */
export function progressOf({ from, to, cursor }: Span & { readonly cursor: Ticks }): number {
  return to <= from ? 1 : Math.min(1, Math.max(0, Number(cursor - from) / Number(to - from)));
}

/** What a place reads when it is met for the first time. */
export interface Beginning {
  /** Alerts updated before it are not asked for. */
  readonly since: Ticks;
  /** What lies between `since` and its `from` is a backfill. */
  readonly live: Span;
}

/**
 * A new place is read live at once, from as far back as every later round will reach, and the rest of the initial
 * lookback is a window of its own, which delays nobody. The live window is never empty, since an empty one would leave
 * no cursor behind.
 */
export function beginning(now: Ticks, poll: PollSettings): Beginning {
  const to = now - ticksOf(poll.settle);
  const since = to - ticksOf(Math.max(1, poll.initialLookback));
  const from = later(since, to - ticksOf(Math.max(1, poll.overlap)));
  return { since, live: { from, to } };
}

/**
 * The live window of a round: from the cursor less the overlap (late alerts) to now less the settle time, and never
 * from before `since`. Where the last round took long, the overlap counts from when it began; where it was cut off, it
 * is gone on with from `resume`. Undefined while there is nothing to read yet.
 */
export function liveSpan(
  state: {
    readonly cursor: Ticks;
    readonly since: Ticks;
    readonly roundMs?: number | undefined;
    readonly resume?: Ticks | undefined;
  },
  now: Ticks,
  poll: PollSettings,
): Span | undefined {
  const settle = ticksOf(poll.settle);
  const began = state.roundMs === undefined ? state.cursor : ticksFromMs(state.roundMs) - settle;
  const overlapped = later(state.since, earlier(state.cursor, began) - ticksOf(poll.overlap));
  // A clock that was set back must not pull the cursor with it.
  const to = later(state.cursor, now - settle);
  const from = state.resume !== undefined && state.resume < to ? state.resume : overlapped;
  return from < to ? { from, to } : undefined;
}

function earlier(a: Ticks, b: Ticks): Ticks {
  return a < b ? a : b;
}

function later(a: Ticks, b: Ticks): Ticks {
  return a > b ? a : b;
}

function ticksOf(ms: number): Ticks {
  return BigInt(Math.round(ms)) * TICKS_PER_MS;
}

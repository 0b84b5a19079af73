import { formatTicks, type Ticks } from "./ticks.ts";

/** A half-open span of update time: `from` belongs to it, `to` does not. */
export interface Span {
  readonly from: Ticks;
  readonly to: Ticks;
}

/** The kinds of window with their priority: 1 is served first. */
export const WINDOW_KINDS = { live: 1, gap: 2, replay: 3, backfill: 4 } as const;
export type WindowKind = keyof typeof WINDOW_KINDS;

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
 * The live window of a round: from the cursor less the overlap (late alerts) to now less the settle time.
 * Without a cursor it reaches back by the initial lookback, and a little where that is 0: an empty window would
 * never leave a cursor behind. Undefined while there is nothing to read yet.
 */
export function liveSpan(cursor: Ticks | undefined, now: Ticks, poll: PollSettings): Span | undefined {
  const ticks = (ms: number) => BigInt(Math.round(ms)) * 10_000n;
  const to = now - ticks(poll.settle);
  const from =
    cursor === undefined ? to - ticks(Math.max(1, poll.initialLookback)) : cursor - ticks(poll.overlap);
  // A clock that was set back must not pull the cursor with it.
  const end = cursor !== undefined && to < cursor ? cursor : to;
  return from < end ? { from, to: end } : undefined;
}

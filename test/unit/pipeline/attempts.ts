import { type Ticks, ticksFromMs } from "../../../src/model/ticks.ts";
import type { PollSettings, Span } from "../../../src/model/window.ts";

const TICKS_PER_MS = 10_000n;

/** A live round as the clock and the settings tell it, and as far as it came. Moments are those of the source. */
export interface Attempt {
  /** From here on it owes what it saw: all that is due when it is completed, else what lies in committed slices. */
  readonly from: Ticks;
  to: Ticks;
  readonly due: Ticks;
  readonly begin: number;
  end: number;
  /** The step of the history that it was. */
  readonly step: number;
  /** Where the initial lookback begins, as long as no round has committed anything. */
  readonly lookback: Ticks | undefined;
  /** Sinks for which too much waited. */
  readonly refused: Set<string>;
  /** What it left out, to be read later. */
  readonly holes: Span[];
}

/**
 * What live rounds owe, worked out without asking the reader or the store: from the clock, the settings, the slices that
 * the source gave, and from which steps have happened.
 */
export class Attempts {
  /** Those that committed something, the oldest first. */
  readonly list: Attempt[] = [];
  readonly #poll: PollSettings;
  #current: Attempt | undefined;
  #lastSlice: Ticks | undefined;
  #cursor: Ticks | undefined;
  #since: Ticks | undefined;
  /** Where a round was cut off that is not yet gone on with to its end, and how far it was due when it began. */
  #cut: { readonly at: Ticks; readonly began: Ticks } | undefined;
  /** How far the last round was due when it began that came to its end, with all that it was cut into. */
  #ended: Ticks | undefined;
  #settled: Ticks | undefined;
  /** What the first round chose that came so far. */
  #begun: { readonly since: Ticks; readonly from: Ticks } | undefined;
  #firstMoment: number | undefined;

  constructor(poll: PollSettings) {
    this.#poll = poll;
  }

  /** When the first round began, whether or not it came to anything. */
  get firstMoment(): number {
    return this.#firstMoment ?? 0;
  }

  /** Times that are worth an alert: up to where and from where rounds read, as far as that is known. */
  get edges(): readonly Ticks[] {
    const overlap = this.#ticksOf(this.#poll.overlap);
    const edges = [this.#cursor, this.#cursor && this.#cursor - overlap, this.#since];
    return edges.filter((edge) => edge !== undefined);
  }

  begin(clockMs: number, moment: number, step: number): Attempt {
    const settled = ticksFromMs(clockMs) - this.#ticksOf(this.#poll.settle);
    const due = this.#cursor === undefined ? settled : later(this.#cursor, settled);
    const { from, lookback } = this.#reach(settled, due);
    this.#settled = settled;
    const left = { refused: new Set<string>(), holes: [] };
    this.#current = { from, to: from, due, begin: moment, end: moment, step, lookback, ...left };
    this.#lastSlice = undefined;
    this.#firstMoment ??= moment;
    return this.#current;
  }

  end(moment: number, isCompleted: boolean): void {
    const attempt = this.#current;
    this.#current = undefined;
    if (attempt === undefined) return;
    if (isCompleted) attempt.to = later(attempt.to, attempt.due);
    if (attempt.to <= attempt.from) return;
    attempt.end = moment;
    this.list.push(attempt);
  }

  /** The source has given a slice up to here. */
  slice(to: Ticks): void {
    this.#lastSlice = to;
  }

  /** Too much waits for a sink. */
  refused(sink: string): void {
    this.#current?.refused.add(sink);
  }

  leftOut(hole: Span): void {
    this.#current?.holes.push(hole);
  }

  /** A step has happened, and stands whatever comes next. */
  happened(name: string): void {
    const attempt = this.#current;
    if (attempt === undefined) return;
    if (name === "begin") this.#begun ??= { since: attempt.lookback ?? attempt.from, from: attempt.from };
    if (name !== "commit" || this.#lastSlice === undefined) return;
    attempt.to = this.#lastSlice;
    if (this.#cursor === undefined || attempt.to > this.#cursor) this.#cursor = attempt.to;
    this.#since ??= attempt.lookback;
    const began = this.#cut?.began ?? this.#settled ?? attempt.due;
    this.#cut = attempt.to < attempt.due ? { at: attempt.to, began } : undefined;
    if (this.#cut === undefined) this.#ended = began;
  }

  #reach(settled: Ticks, due: Ticks): { readonly from: Ticks; readonly lookback: Ticks | undefined } {
    const { overlap, initialLookback } = this.#poll;
    if (this.#cursor !== undefined && this.#since !== undefined) {
      if (this.#cut !== undefined && this.#cut.at < due) return { from: this.#cut.at, lookback: undefined };
      const back = earlier(this.#cursor, this.#ended ?? this.#cursor) - this.#ticksOf(overlap);
      return { from: later(this.#since, back), lookback: undefined };
    }
    if (this.#begun !== undefined) return { from: this.#begun.from, lookback: this.#begun.since };
    const lookback = settled - this.#ticksOf(Math.max(1, initialLookback));
    return { from: later(lookback, settled - this.#ticksOf(Math.max(1, overlap))), lookback };
  }

  #ticksOf(ms: number): Ticks {
    return BigInt(ms) * TICKS_PER_MS;
  }
}

function earlier(a: Ticks, b: Ticks): Ticks {
  return a < b ? a : b;
}

export function later(a: Ticks, b: Ticks): Ticks {
  return a > b ? a : b;
}

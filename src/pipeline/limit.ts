/** Answers are late that take this many times what the quickest of the last ones took. */
const LATE = 2;
/** The quickest is forgotten by this much with each round, since receivers and networks change. */
const FORGOTTEN = 1.02;
/** Where half of a round's answers are late, so much of the requests is left. */
const LEFT_WHEN_LATE = 0.75;
const LEFT_IN_TROUBLE = 0.5;

/**
 * How many requests may be under way to one receiver. Begins with the least, and is judged once a round, which is as many
 * answers as there may be requests: one more where requests waited and the answers came no later, fewer where they did, and
 * half when the receiver is in trouble. Additive growth and multiplicative decrease, as TCP has it (RFC 5681, 3.1).
 */
export class RequestLimit {
  readonly #least: number;
  readonly #most: number;
  readonly #changed: (now: number) => void;
  #now: number;
  #quickestMs = Number.POSITIVE_INFINITY;
  #round = { answers: 0, late: 0, full: 0 };

  /** @param changed is told of each new limit. */
  constructor(least: number, most: number, changed: (now: number) => void = () => undefined) {
    this.#least = least;
    this.#most = most;
    this.#changed = changed;
    this.#now = least;
  }

  get now(): number {
    return this.#now;
  }

  /** A request was taken after so long. @param isFull whether others waited for it to end. */
  taken(durationMs: number, isFull: boolean): void {
    const tookMs = Math.max(1, durationMs);
    this.#quickestMs = Math.min(this.#quickestMs, tookMs);
    const round = this.#round;
    round.answers += 1;
    if (tookMs > this.#quickestMs * LATE) round.late += 1;
    if (isFull) round.full += 1;
    if (round.answers < this.#now) return;
    this.#quickestMs *= FORGOTTEN;
    if (round.late * 2 > round.answers) this.#set(Math.floor(this.#now * LEFT_WHEN_LATE));
    else this.#set(round.full * 2 > round.answers ? this.#now + 1 : this.#now);
  }

  /** The receiver did not take a request, or asks for less. */
  troubled(): void {
    this.#set(Math.floor(this.#now * LEFT_IN_TROUBLE));
  }

  #set(wanted: number): void {
    this.#round = { answers: 0, late: 0, full: 0 };
    const next = Math.max(this.#least, Math.min(this.#most, wanted));
    if (next === this.#now) return;
    this.#now = next;
    this.#changed(next);
  }
}

import { SourceError } from "../model/failure.ts";
import type { Ticks } from "../model/ticks.ts";
import type { Span } from "../model/window.ts";

/** A service that fails on a large part may answer a smaller one; more tries in a round would only add load. */
const SMALLER_TRIES = 3;
/** Holes in one read. A service that fails here and there is left alone for a while instead. */
const MOST_HOLES = 3;

/** Asks for a part, and throws what the source throws. */
type Ask = (part: Span) => Promise<unknown>;

/**
 * What is made of the failures of one read. As usual a part that fails is halved a few times, and then the read is given up.
 * Where ticks may be stepped over it is halved on, down to the one tick that fails for good: a record that
 * the service cannot give out must not hold up everything behind it. But a service that fails altogether looks the same, so
 * nothing is stepped over unless the tick beside it is given out in the meantime.
 */
export class Trouble {
  readonly #ask: Ask;
  readonly #mayStepOver: boolean;
  #failuresInARow = 0;
  #holes = 0;
  /** Where the smallest part ends that is known to fail. */
  #suspectTo: Ticks | undefined;

  constructor(ask: Ask, mayStepOver: boolean) {
    this.#ask = ask;
    this.#mayStepOver = mayStepOver;
  }

  /**
   * @returns what to do instead of giving up: ask for `less`, or for the same `again`, and leave it out if that fails too.
   * @throws what was thrown, where nothing of this would help.
   */
  async judge(part: Span, cause: unknown): Promise<"less" | "again"> {
    if (!isTooMuch(cause)) throw cause;
    const isDivisible = part.to - part.from > 1n;
    if (isDivisible && cause.code === TOO_LARGE) return "less";
    this.#failuresInARow += 1;
    const seemsLasting = !isDivisible || this.#failuresInARow > SMALLER_TRIES;
    if (seemsLasting && !(await this.#isWorthwhile(part, isDivisible))) throw cause;
    if (!isDivisible) return "again";
    if (this.#mayStepOver) this.#suspectTo = part.to;
    return "less";
  }

  /**
   * A tick has failed before and after others were given out.
   *
   * @throws what was thrown, where it is something else this time.
   */
  leaveOut(cause: unknown): SourceError {
    if (!isTooMuch(cause)) throw cause;
    this.#holes += 1;
    return cause;
  }

  /** Something was read, or stepped over. */
  readUpTo(to: Ticks): void {
    this.#failuresInARow = 0;
    if (this.#suspectTo !== undefined && to >= this.#suspectTo) this.#suspectTo = undefined;
  }

  /** How much to ask for from there on, while what fails is closed in on; else undefined. */
  widthFrom(from: Ticks): Ticks | undefined {
    if (this.#suspectTo === undefined) return undefined;
    const left = this.#suspectTo - from;
    return left > 1n ? left / 2n : 1n;
  }

  /** Whether to close in on what fails. Asked about when that begins, and of the tick where it ends. */
  async #isWorthwhile(part: Span, isDivisible: boolean): Promise<boolean> {
    if (!this.#mayStepOver || this.#holes >= MOST_HOLES) return false;
    const isBegun = isDivisible && this.#failuresInARow > SMALLER_TRIES + 1;
    return isBegun || (await this.#isBesideGivenOut(part));
  }

  async #isBesideGivenOut({ from, to }: Span): Promise<boolean> {
    const behind = { from: to, to: to + 1n };
    const before = { from: from - 1n, to: from };
    return (await this.#isGivenOut(behind)) || (await this.#isGivenOut(before));
  }

  async #isGivenOut(tick: Span): Promise<boolean> {
    try {
      await this.#ask(tick);
      return true;
    } catch (cause) {
      if (isTooMuch(cause)) return false;
      throw cause;
    }
  }
}

const TOO_LARGE = "EANSWERTOOLARGE";

/** A large answer can be what breaks the service, and it can break our own limit: ask for less before giving up. */
function isTooMuch(cause: unknown): cause is SourceError {
  if (!(cause instanceof SourceError)) return false;
  return cause.code === TOO_LARGE || cause.status === 500 || cause.status === 504;
}

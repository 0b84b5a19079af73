import { backoffMs, GROWTH } from "../model/backoff.ts";
import { type DeliveryError, FAILURES } from "../model/failure.ts";

export interface RetrySettings {
  readonly minDelay: number;
  readonly maxDelay: number;
}

/** What a breaker says of itself; all but `stays` once per change. */
export interface BreakerNews {
  retrying(error: DeliveryError, attempt: number, retryInMs: number): void;
  opened(error: DeliveryError, retryInMs: number): void;
  /** A probe has failed as the call before it did. */
  stays?(error: DeliveryError, retryInMs: number): void;
  closed(openMs: number): void;
}

/** Leave to call the sink once, known by its identity: whoever holds it says how the call ended. */
export type Pass = object;

/** So many transient failures in a row are the sink's state, no longer a request's bad luck. */
const OPENS_AT = 3;

/**
 * Decides when a sink may be called. States:
 *
 * - *closed*: everyone passes. A transient failure makes its own request wait; the third in a row opens.
 * - *open*: nobody passes until the pause is over. Throttled, unauthorized and misconfigured open at once.
 * - *probing*: one request passes. Success closes; failure opens again with a longer pause.
 *
 * Calls that set out before the sink opened may still end while it is open. Their failures are the one outage that is
 * known already, and their success is older than it: they neither lengthen the backoff nor close.
 *
 * No attempt is counted against a batch: it waits for as long as the sink is in trouble.
 */
export class Breaker {
  readonly #settings: RetrySettings;
  readonly #news: BreakerNews;
  readonly #random: () => number;
  #streak = 0;
  /** On the clock that nobody sets (`performance.now`): a pause is as long as it was meant to be. */
  #open: { readonly sinceMs: number; readonly kind: string; readonly untilMs: number } | undefined;
  #probe: Pass | undefined;
  #wake: (() => void)[] = [];

  constructor(settings: RetrySettings, news: BreakerNews, random: () => number = Math.random) {
    this.#settings = settings;
    this.#news = news;
    this.#random = random;
  }

  /** Why the sink rests and for how much longer; undefined when it does not. */
  get state(): { readonly kind: string; readonly restsForMs: number } | undefined {
    const open = this.#open;
    return open && { kind: open.kind, restsForMs: Math.max(0, open.untilMs - performance.now()) };
  }

  /** Resolves when the sink may be called. Rejects with the signal's reason. */
  async pass(signal: AbortSignal): Promise<Pass> {
    const pass: Pass = {};
    for (;;) {
      signal.throwIfAborted();
      const open = this.#open;
      if (open === undefined) return pass;
      const waitMs = open.untilMs - performance.now();
      if (waitMs <= 0 && this.#probe === undefined) {
        this.#probe = pass;
        return pass;
      }
      await this.#changed(waitMs > 0 ? waitMs : undefined, signal);
    }
  }

  /** The sink answered, with a yes or with a refusal of the alerts themselves. */
  succeeded(pass: Pass): void {
    const open = this.#open;
    if (open !== undefined && this.#probe !== pass) return;
    this.#streak = 0;
    this.#probe = undefined;
    if (open === undefined) return;
    this.#open = undefined;
    this.#news.closed(Math.round(performance.now() - open.sinceMs));
    this.#wakeAll();
  }

  /** @returns how long the request itself has to wait before it asks to pass again, ms. */
  failed(pass: Pass, error: DeliveryError): number {
    const before = this.#open;
    const isRetry = FAILURES[error.kind].verdict === "retry";
    const isOld = before !== undefined && this.#probe !== pass;
    if (isOld && isRetry && error.retryAfterMs === undefined) return 0;
    if (!isOld) {
      this.#streak += 1;
      this.#probe = undefined;
    }
    const pauseMs = this.#pauseMs(error);
    if (before === undefined && isRetry && this.#streak < OPENS_AT) {
      this.#news.retrying(error, this.#streak, pauseMs);
      return pauseMs;
    }
    const now = performance.now();
    this.#open = {
      sinceMs: before?.sinceMs ?? now,
      kind: error.kind,
      // Another request must not shorten the pause that was asked for.
      untilMs: Math.max(before?.untilMs ?? 0, now + pauseMs),
    };
    if (before?.kind !== error.kind) this.#news.opened(error, pauseMs);
    else if (!isOld) this.#news.stays?.(error, pauseMs);
    this.#wakeAll();
    return 0;
  }

  /** The call was given up without an answer. */
  abandoned(pass: Pass): void {
    if (this.#probe !== pass) return;
    this.#probe = undefined;
    this.#wakeAll();
  }

  /** What the sink asks for, else the backoff; never nothing, and never longer than the user allows. */
  #pauseMs({ retryAfterMs }: DeliveryError): number {
    const { minDelay, maxDelay } = this.#settings;
    const least = backoffMs(1, minDelay, maxDelay, 0);
    return retryAfterMs === undefined
      ? // A pause shall be short beside the outage that it ends: by doubling it would be as long as all before it.
        backoffMs(this.#streak, minDelay, maxDelay, this.#random(), GROWTH.slow)
      : Math.min(maxDelay, Math.max(least, retryAfterMs));
  }

  #wakeAll(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const wake of waiting) wake();
  }

  #changed(withinMs: number | undefined, signal: AbortSignal): Promise<void> {
    return new Promise((done) => {
      const finish = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", finish);
        done();
      };
      const timer = withinMs === undefined ? undefined : setTimeout(finish, withinMs);
      signal.addEventListener("abort", finish, { once: true });
      this.#wake.push(finish);
    });
  }
}

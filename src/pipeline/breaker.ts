import { backoffMs } from "../model/backoff.ts";
import { type DeliveryError, FAILURES } from "../model/failure.ts";

export interface RetrySettings {
  readonly minDelay: number;
  readonly maxDelay: number;
}

/** What a breaker says of itself; each is said once per change. */
export interface BreakerNews {
  retrying(error: DeliveryError, attempt: number, retryInMs: number): void;
  opened(error: DeliveryError, retryInMs: number): void;
  closed(openMs: number): void;
}

/** So many transient failures in a row are the sink's state, no longer a request's bad luck. */
const OPENS_AT = 3;

/**
 * Decides when a sink may be called. States:
 *
 * - *closed*: everyone passes. A transient failure makes its own request wait; the third in a row opens.
 * - *open*: nobody passes until the pause is over. Throttled, unauthorized and misconfigured open at once.
 * - *probing*: one request passes. Success closes; failure opens again with a longer pause.
 *
 * No attempt is counted against a batch: it waits for as long as the sink is in trouble.
 */
export class Breaker {
  readonly #settings: RetrySettings;
  readonly #news: BreakerNews;
  readonly #random: () => number;
  #streak = 0;
  #open: { readonly sinceMs: number; kind: string; untilMs: number } | undefined;
  #probing = false;
  #wake: (() => void)[] = [];

  constructor(settings: RetrySettings, news: BreakerNews, random: () => number = Math.random) {
    this.#settings = settings;
    this.#news = news;
    this.#random = random;
  }

  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  /** Why the sink rests; undefined when it does not. */
  get state(): { readonly kind: string; readonly untilMs: number } | undefined {
    return this.#open;
  }

  /** Resolves when the sink may be called. Rejects with the signal's reason. */
  async pass(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const open = this.#open;
      if (open === undefined) return;
      const waitMs = open.untilMs - Date.now();
      if (waitMs <= 0 && !this.#probing) {
        this.#probing = true;
        return;
      }
      await this.#changed(waitMs > 0 ? waitMs : undefined, signal);
    }
  }

  /** The sink answered, with a yes or with a refusal of the alerts themselves. */
  succeeded(): void {
    this.#streak = 0;
    this.#probing = false;
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    this.#news.closed(Date.now() - open.sinceMs);
    this.#wakeAll();
  }

  /** @returns how long the request itself has to wait before it asks to pass again, ms. */
  failed(error: DeliveryError): number {
    this.#streak += 1;
    this.#probing = false;
    const { minDelay, maxDelay } = this.#settings;
    const pauseMs = Math.min(
      maxDelay,
      error.retryAfterMs ?? backoffMs(this.#streak, minDelay, maxDelay, this.#random()),
    );
    const opens = FAILURES[error.kind].verdict !== "retry" || this.#streak >= OPENS_AT;
    if (!opens && this.#open === undefined) {
      this.#news.retrying(error, this.#streak, pauseMs);
      return pauseMs;
    }
    const before = this.#open;
    const untilMs = Date.now() + pauseMs;
    // A request that was under way when the sink opened must not shorten the pause that was asked for.
    this.#open = {
      sinceMs: before?.sinceMs ?? Date.now(),
      kind: error.kind,
      untilMs: Math.max(before?.untilMs ?? 0, untilMs),
    };
    if (before?.kind !== error.kind) this.#news.opened(error, pauseMs);
    this.#wakeAll();
    return 0;
  }

  /** The probing request was given up without an answer. */
  abandoned(): void {
    this.#probing = false;
    this.#wakeAll();
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

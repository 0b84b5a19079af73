import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { type BatchLimits, requestBytes } from "../model/batch.ts";
import { type Envelope, isNonEmpty } from "../model/envelope.ts";
import { DeliveryError } from "../model/failure.ts";
import type { Delivery, Sink } from "../sinks/sink.ts";
import type { Breaker, Pass } from "./breaker.ts";
import { RequestLimit } from "./limit.ts";

/** An alert that the receiver refused, alone, for good. */
export interface Refusal {
  readonly envelope: Envelope;
  readonly error: DeliveryError;
  readonly attempts: number;
}

export interface DelivererSettings extends BatchLimits {
  readonly lingerMs: number;
  readonly concurrency: number;
  /** What `concurrency` grows to while that helps; it does not where this is absent. */
  readonly maxConcurrency?: number | undefined;
  /**
   * So many batches are brought at once at most for each request that may be under way: while all of them are here, no
   * other can come to fill a request.
   */
  readonly batchesPerRequest?: number;
}

/** What a deliverer says of its work. */
export interface DelivererNews {
  completed(request: { alerts: number; bytes: number; shortened: number; durationMs: number }): void;
  /** A request was refused as a whole and is divided to find the alert that is meant. */
  halved(error: DeliveryError, alerts: number): void;
  /** So many requests may be under way from now on. */
  limited?(requests: number): void;
}

/** What became of the alerts of one job. */
export interface Delivered {
  readonly refused: readonly Refusal[];
  /** The most requests that one of the alerts was in. */
  readonly attempts: number;
  /** Event ids of the alerts that the sink had to shorten. */
  readonly shortened: readonly string[];
}

/** The alerts of one job; settled when each of them was taken or refused. */
interface Parcel {
  readonly refused: Refusal[];
  readonly shortened: string[];
  open: number;
  attempts: number;
  readonly done: (delivered: Delivered) => void;
  readonly failed: (cause: unknown) => void;
}

interface Entry {
  readonly envelope: Envelope;
  readonly parcel: Parcel;
}

/** After "taken, but slow down" a request rests for as long as it took, which halves the rate. */
const LEAST_SLOWDOWN_MS = 100;

/**
 * Brings the batches of one sink to it. Small batches of many tenants that come within the linger time share one
 * request; failures of the sink are waited out; a refused alert is found by division and set aside alone.
 *
 * Life: *working* until `drain`, which lets requests under way finish and gives up those that wait; `abort` cuts
 * these off too. Given up batches reject, and the queue hands them to whoever works next. A request that is being
 * divided counts as under way, since parts of it have been taken already.
 */
export class Deliverer {
  readonly #sink: Sink;
  readonly #settings: DelivererSettings;
  readonly #breaker: Breaker;
  readonly #news: DelivererNews;
  readonly #limit: RequestLimit;
  readonly #draining = new AbortController();
  readonly #aborting = new AbortController();
  #filling: { entries: Entry[]; bytes: number; timer: NodeJS.Timeout } | undefined;
  #busy = 0;
  /** Have been told that it is their turn, and are about to take it. */
  #woken = 0;
  #inHand = 0;
  #queue: (() => void)[] = [];

  constructor(sink: Sink, settings: DelivererSettings, breaker: Breaker, news: DelivererNews) {
    // Each request that is under way or waits hears of them.
    setMaxListeners(0, this.#draining.signal, this.#aborting.signal);
    this.#sink = sink;
    this.#settings = settings;
    this.#breaker = breaker;
    this.#news = news;
    const { concurrency, maxConcurrency = concurrency } = settings;
    this.#limit = new RequestLimit(concurrency, maxConcurrency, (requests) => news.limited?.(requests));
  }

  /** Resolves once every alert has been answered for; rejects when it is given up. */
  async deliver(envelopes: readonly Envelope[]): Promise<Delivered> {
    this.#inHand += 1;
    try {
      return await new Promise((done, failed) => {
        if (this.#draining.signal.aborted) return failed(this.#draining.signal.reason);
        if (envelopes.length === 0) return done({ refused: [], attempts: 0, shortened: [] });
        const parcel = { refused: [], shortened: [], open: envelopes.length, attempts: 0, done, failed };
        this.#gather(envelopes, parcel);
        const { batchesPerRequest = Number.POSITIVE_INFINITY } = this.#settings;
        if (this.#inHand >= this.#limit.now * batchesPerRequest) this.#flush();
      });
    } finally {
      this.#inHand -= 1;
    }
  }

  drain(): void {
    this.#draining.abort(new Error("The sink is stopping."));
    this.#flush();
    this.#wake(this.#queue.length);
  }

  abort(): void {
    this.drain();
    this.#aborting.abort(new Error("The sink was stopped."));
  }

  #gather(envelopes: readonly Envelope[], parcel: Parcel): void {
    const bytes = envelopes.reduce((sum, envelope) => sum + requestBytes(envelope), 0);
    // Better two requests with a whole batch each than a batch in two requests.
    if (!this.#fits(envelopes.length, bytes)) this.#flush();
    // A batch that was sealed under wider limits than today's is divided nonetheless.
    for (const envelope of envelopes) this.#add({ envelope, parcel }, requestBytes(envelope));
  }

  #add(entry: Entry, bytes: number): void {
    const { maxAlerts, maxBytes, lingerMs } = this.#settings;
    if (!this.#fits(1, bytes)) this.#flush();
    this.#filling ??= { entries: [], bytes: 0, timer: setTimeout(() => this.#flush(), lingerMs) };
    this.#filling.entries.push(entry);
    this.#filling.bytes += bytes;
    if (this.#filling.entries.length >= maxAlerts || this.#filling.bytes >= maxBytes) this.#flush();
  }

  #fits(alerts: number, bytes: number): boolean {
    const { maxAlerts, maxBytes } = this.#settings;
    const filling = this.#filling;
    return (
      filling === undefined ||
      (filling.entries.length + alerts <= maxAlerts && filling.bytes + bytes <= maxBytes)
    );
  }

  #flush(): void {
    const filling = this.#filling;
    if (filling === undefined) return;
    clearTimeout(filling.timer);
    this.#filling = undefined;
    this.#request(filling.entries).catch((cause: unknown) => {
      for (const { parcel } of filling.entries) parcel.failed(cause);
    });
  }

  async #request(entries: readonly Entry[]): Promise<void> {
    await this.#takeTurn();
    try {
      await this.#send(entries, 1, this.#draining.signal);
    } finally {
      this.#busy -= 1;
      this.#wake(Math.max(0, this.#limit.now - this.#busy - this.#woken));
    }
  }

  async #takeTurn(): Promise<void> {
    this.#draining.signal.throwIfAborted();
    if (this.#busy + this.#woken >= this.#limit.now) {
      await new Promise<void>((next) => this.#queue.push(next));
      this.#woken -= 1;
      this.#draining.signal.throwIfAborted();
    }
    this.#busy += 1;
  }

  #wake(turns: number): void {
    for (const next of this.#queue.splice(0, turns)) {
      this.#woken += 1;
      next();
    }
  }

  /** @param givenUp ends the waiting; what is at the sink just then has its own signal. */
  async #send(entries: readonly Entry[], attempt: number, givenUp: AbortSignal): Promise<void> {
    for (let tries = attempt; ; tries++) {
      const pass = await this.#breaker.pass(givenUp);
      const error = await this.#try(entries, pass, tries);
      if (error === undefined) return;
      if (error.kind === "rejected") {
        this.#breaker.succeeded(pass);
        return await this.#isolate(entries, error, tries);
      }
      this.#limit.troubled();
      const waitMs = this.#breaker.failed(pass, error);
      if (waitMs > 0) await sleep(waitMs, undefined, { signal: givenUp });
    }
  }

  /** @returns why it failed; undefined when all was taken. Throws when it was cut off. */
  async #try(entries: readonly Entry[], pass: Pass, attempt: number): Promise<DeliveryError | undefined> {
    const envelopes = entries.map(({ envelope }) => envelope);
    if (!isNonEmpty(envelopes)) return undefined;
    const startedAt = performance.now();
    let delivery: Delivery;
    try {
      delivery = await this.#sink.deliver(envelopes, this.#aborting.signal);
    } catch (cause) {
      if (this.#aborting.signal.aborted) {
        this.#breaker.abandoned(pass);
        throw cause;
      }
      return cause instanceof DeliveryError ? cause : unexpected(cause);
    }
    const durationMs = Math.round(performance.now() - startedAt);
    this.#breaker.succeeded(pass);
    if (delivery.slowDown === true) this.#limit.troubled();
    else this.#limit.taken(durationMs, this.#queue.length > 0);
    const { bytes, shortened = [] } = delivery;
    this.#news.completed({ alerts: envelopes.length, bytes, shortened: shortened.length, durationMs });
    const cut = new Set(shortened);
    for (const { envelope, parcel } of entries) {
      if (cut.has(envelope)) parcel.shortened.push(envelope.eventId);
      settleOne(parcel, attempt);
    }
    if (delivery.slowDown) await this.#rest(Math.max(LEAST_SLOWDOWN_MS, durationMs));
    return undefined;
  }

  /** Ends early when the sink is stopping. */
  async #rest(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#draining.signal }).catch(() => undefined);
  }

  /** Divides a refused request, at the alert that was named or in the middle, until the refused stands alone. */
  async #isolate(entries: readonly Entry[], error: DeliveryError, attempts: number): Promise<void> {
    const [only] = entries;
    if (only !== undefined && entries.length === 1) {
      only.parcel.refused.push({ envelope: only.envelope, error, attempts });
      settleOne(only.parcel, attempts);
      return;
    }
    this.#news.halved(error, entries.length);
    for (const part of partsOf(entries, error.culprit)) {
      await this.#send(part, attempts + 1, this.#aborting.signal);
    }
  }
}

/** A fault of ours must neither lose the alerts nor stop the others; it is treated as an outage and shows. */
function unexpected(cause: unknown): DeliveryError {
  const words = cause instanceof Error ? cause.message : String(cause);
  return new DeliveryError("transient", `The sink failed unexpectedly: ${words}`, {
    cause,
    code: "internal",
  });
}

function partsOf<T>(entries: readonly T[], culprit: number | undefined): readonly (readonly T[])[] {
  const named =
    culprit !== undefined && Number.isInteger(culprit) && culprit >= 0 && culprit < entries.length;
  const middle = Math.ceil(entries.length / 2);
  const parts = named
    ? [entries.slice(culprit, culprit + 1), entries.slice(0, culprit), entries.slice(culprit + 1)]
    : [entries.slice(0, middle), entries.slice(middle)];
  return parts.filter((part) => part.length > 0);
}

function settleOne(parcel: Parcel, attempts: number): void {
  parcel.open -= 1;
  parcel.attempts = Math.max(parcel.attempts, attempts);
  const { refused, shortened } = parcel;
  if (parcel.open === 0) parcel.done({ refused, shortened, attempts: parcel.attempts });
}

import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createSink, type SinkSettings } from "../config/schema.ts";
import { type Batch, envelopes, readableMs } from "../model/batch.ts";
import { textNamesAnother } from "../model/belonging.ts";
import { type DeadLetter, TENANT_MISMATCH } from "../model/dead-letter.ts";
import type { Envelope } from "../model/envelope.ts";
import { DeliveryError } from "../model/failure.ts";
import { Breaker } from "../pipeline/breaker.ts";
import { type Delivered, Deliverer, type Refusal } from "../pipeline/deliverer.ts";
import type { BullParts } from "../queue/bull.ts";
import { isTroubleOfRedis } from "../queue/connection.ts";
import { DeliverWorker } from "../queue/deliver-queue.ts";
import type { Resting } from "../queue/ledger.ts";
import type { Store } from "../queue/store.ts";
import type { Sink } from "../sinks/sink.ts";
import type { Events } from "../telemetry/events.ts";
import type { Tally } from "./tally.ts";

/** Batches in hand for each request that may be under way: enough to fill the next ones while these are sent. */
const JOBS_PER_REQUEST = 4;
const SETTLE_AGAIN_MS = 250;

/** Everything between one sink's queue and the sink. */
export class Lane {
  readonly name: string;
  readonly #sink: Sink;
  readonly #breaker: Breaker;
  readonly #deliverer: Deliverer;
  readonly #worker: DeliverWorker;
  readonly #store: Store;
  readonly #events: Events;
  readonly #tally: Tally;
  readonly #inHand = new Map<string, Promise<void>>();

  constructor(
    name: string,
    settings: SinkSettings,
    bull: BullParts,
    store: Store,
    events: Events,
    tally: Tally,
  ) {
    this.name = name;
    this.#store = store;
    this.#events = events;
    this.#tally = tally;
    this.#sink = createSink(settings);
    this.#breaker = new Breaker(settings.retry, {
      retrying: (error, attempt, retryInMs) => events.deliverRetrying(name, error, attempt, retryInMs),
      opened: (error, retryInMs) => {
        events.sinkOpened(name, error, retryInMs);
        const { kind, code, message } = error;
        this.#note({ sinceMs: Date.now(), kind, code, message });
      },
      stays: (error, retryInMs) => events.sinkOpened(name, error, retryInMs),
      closed: (openMs) => {
        events.sinkClosed(name, openMs);
        this.#note(undefined);
      },
    });
    const { concurrency, maxConcurrency, batch } = settings;
    const { maxAlerts, maxBytes, linger: lingerMs } = batch;
    const batchesPerRequest = JOBS_PER_REQUEST;
    this.#deliverer = new Deliverer(
      this.#sink,
      { maxAlerts, maxBytes, lingerMs, concurrency, maxConcurrency, batchesPerRequest },
      this.#breaker,
      {
        completed: (request) => events.deliverCompleted(name, request),
        halved: (error, alerts) => events.deliverHalved(name, error, alerts),
        limited: (requests) => this.#worker.take(requests * JOBS_PER_REQUEST),
      },
    );
    this.#worker = new DeliverWorker(bull, name, concurrency * JOBS_PER_REQUEST, (id, signal) =>
      this.#bring(id, signal),
    );
  }

  async start(): Promise<void> {
    // What a process before this one said of the sink may be over.
    this.#note(undefined);
    await this.#worker.start();
  }

  /** For whoever asks another process than this one. A Redis that is away will be told the next time. */
  #note(why: Resting | undefined): void {
    this.#store.noteResting(this.name, why).catch(() => undefined);
  }

  /** Finishes what is under way; what is not done when `deadline` aborts goes back to the queue. */
  async stop(deadline: AbortSignal): Promise<void> {
    const cutOff = () => this.#deliverer.abort();
    deadline.addEventListener("abort", cutOff, { once: true });
    if (deadline.aborted) cutOff();
    this.#deliverer.drain();
    await this.#worker.stop();
    deadline.removeEventListener("abort", cutOff);
    await this.#sink.close();
  }

  /**
   * One job. While Redis does not answer, the locks of jobs run out, and the queue gives out again what is in hand here
   * still: such a job waits for the one before it instead of sending the batch once more.
   */
  async #bring(id: string, stopping: AbortSignal): Promise<void> {
    const underWay = this.#inHand.get(id);
    if (underWay !== undefined) return await underWay;
    const work = this.#carry(id, stopping);
    this.#inHand.set(id, work);
    try {
      await work;
    } finally {
      this.#inHand.delete(id);
    }
  }

  /** Load, deliver, settle. A batch that was settled before, by a process that then died, is no work. */
  async #carry(id: string, stopping: AbortSignal): Promise<void> {
    try {
      const loaded = await this.#store.loadBatch(id);
      if (loaded === undefined) return this.#events.batchSettled(this.name, id, "settled-before");
      const { batch } = loaded;
      const all = envelopes(batch, loaded.numbers);
      const foreign = all.filter(({ raw, tenant }) => textNamesAnother(raw, tenant.tenantId));
      const own = foreign.length === 0 ? all : all.filter((envelope) => !foreign.includes(envelope));
      const delivered = await this.#deliverer.deliver(own);
      const refused = [...delivered.refused, ...foreign.map(mixedUp)];
      await this.#settle(batch, { ...delivered, refused }, stopping);
      loaded.letGo();
    } catch (cause) {
      if (stopping.aborted) this.#events.batchSettled(this.name, id, "given-back");
      else this.#events.deliverFailed(this.name, id, cause);
      throw cause;
    }
  }

  async #settle(
    batch: Batch,
    { refused, attempts, shortened }: Delivered,
    stopping: AbortSignal,
  ): Promise<void> {
    const acceptedMs = Date.now();
    const dead = refused.map((refusal) => deadLetter(batch, refusal));
    const settlement = { delivered: batch.alerts.length - dead.length, dead, attempts, shortened };
    const first = await this.#settled(() => this.#store.settle(batch, settlement, acceptedMs), stopping);
    if (!first) return this.#events.batchSettled(this.name, batch.id, "settled-before");
    this.#events.batchSettled(this.name, batch.id, dead.length > 0 ? "dead-lettered" : "delivered");
    for (const letter of dead) this.#events.deadLettered(letter);
    const refusedIds = new Set(dead.map(({ eventId }) => eventId));
    const accepted = batch.alerts.filter(({ eventId }) => !refusedIds.has(eventId));
    const delays = accepted.map((alert) => acceptedMs - readableMs(batch, alert));
    this.#events.accepted(this.name, delays);
    this.#events.travelled(this.name, "accepted", [acceptedMs - batch.sealedMs], accepted.length);
    for (const delayMs of delays) this.#tally.delivered(this.name, acceptedMs, delayMs);
  }

  /** What was delivered and is not settled is sent again: a Redis that takes nothing just now is waited out. */
  async #settled(settle: () => Promise<boolean>, stopping: AbortSignal): Promise<boolean> {
    for (;;) {
      try {
        return await settle();
      } catch (cause) {
        if (!isTroubleOfRedis(cause)) throw cause;
        this.#events.redisTrouble(cause);
        await sleep(SETTLE_AGAIN_MS, undefined, { signal: stopping });
      }
    }
  }
}

/** What names another tenant goes to nobody's receiver. */
function mixedUp(envelope: Envelope): Refusal {
  const message = "The alert names another tenant than the one it is bound for.";
  return { envelope, error: new DeliveryError("rejected", message, { code: TENANT_MISMATCH }), attempts: 0 };
}

function deadLetter(batch: Batch, { envelope, error, attempts }: Refusal): DeadLetter {
  const name = createHash("sha256").update(`${batch.sink}\n${envelope.eventId}`).digest("hex").slice(0, 24);
  return {
    id: `d-${name}`,
    tenant: batch.tenant.id,
    sink: batch.sink,
    source: batch.source,
    alertId: envelope.alertId,
    eventId: envelope.eventId,
    sent: {
      tenant: batch.tenant,
      window: batch.window,
      version: batch.alerts.find(({ eventId }) => eventId === envelope.eventId)?.version ?? "",
      seq: envelope.seq,
      revision: envelope.revision,
      updatedMs: envelope.updatedMs,
      device: envelope.device,
    },
    reason: error.code === TENANT_MISMATCH ? TENANT_MISMATCH : error.kind,
    message: error.message,
    attempts,
    at: new Date().toISOString(),
    raw: String(envelope.raw),
  };
}

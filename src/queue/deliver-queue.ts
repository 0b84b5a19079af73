import { type Job, Queue, WaitingError, Worker } from "bullmq";
import { type BullParts, JOB_OPTIONS, queueOptions, withoutJob, workerOptions } from "./bull.ts";
import { deliverQueue } from "./keys.ts";
import type { Outbox, SealedBatch } from "./ports.ts";

/** Brings one batch to its sink and settles it. Rejects when it had to be given up unsettled. */
export type RunDelivery = (batchId: string, signal: AbortSignal) => Promise<void>;

/** The sending side: puts sealed batches into the queues of their sinks. */
export class DeliverQueues implements Outbox {
  readonly #parts: BullParts;
  readonly #queues = new Map<string, Queue>();

  constructor(parts: BullParts) {
    this.#parts = parts;
  }

  async enqueue(batches: readonly SealedBatch[]): Promise<void> {
    const bySink = new Map<string, SealedBatch[]>();
    for (const batch of batches) bySink.set(batch.sink, [...(bySink.get(batch.sink) ?? []), batch]);
    await Promise.all(
      [...bySink].map(([sink, group]) =>
        this.#queueOf(sink).addBulk(
          group.map(({ id, priority }) => ({
            name: "batch",
            data: {},
            opts: { ...JOB_OPTIONS, jobId: id, priority },
          })),
        ),
      ),
    );
  }

  /** Those of the batches of a sink that nobody will bring there. */
  withoutJob(sink: string, ids: readonly string[]): Promise<readonly string[]> {
    return withoutJob(this.#queueOf(sink), this.#parts.redis, ids, (id) => id);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()));
  }

  #queueOf(sink: string): Queue {
    const known = this.#queues.get(sink);
    if (known !== undefined) return known;
    const queue = new Queue(deliverQueue(sink), queueOptions(this.#parts));
    queue.on("error", this.#parts.onError);
    this.#queues.set(sink, queue);
    return queue;
  }
}

/** The receiving side of one sink's queue. */
export class DeliverWorker {
  readonly #worker: Worker;
  readonly #run: RunDelivery;
  readonly #stopping = new AbortController();
  #running: Promise<unknown> | undefined;

  /** @param jobs how many batches may be in hand at once. */
  constructor(parts: BullParts, sink: string, jobs: number, run: RunDelivery) {
    this.#run = run;
    this.#worker = new Worker(
      deliverQueue(sink),
      (job, token) => this.#process(job, token),
      workerOptions(parts, jobs),
    );
    this.#worker.on("error", parts.onError);
  }

  async start(): Promise<void> {
    await this.#worker.waitUntilReady();
    this.#running = this.#worker.run();
  }

  /** From now on so many batches may be in hand at once; what is in hand already stays. */
  take(jobs: number): void {
    this.#worker.concurrency = jobs;
  }

  /** Takes no more jobs and resolves when those in hand are settled or handed back. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error("The daemon is stopping."));
    await this.#worker.close();
    await this.#running;
  }

  async #process(job: Job, token: string | undefined): Promise<void> {
    try {
      if (job.id !== undefined) await this.#run(job.id, this.#stopping.signal);
    } catch (cause) {
      if (!this.#stopping.signal.aborted) throw cause;
      await job.moveToWait(token);
      throw new WaitingError();
    }
  }
}

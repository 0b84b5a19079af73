import { DelayedError, type Job, Queue, Worker } from "bullmq";
import { type BullParts, JOB_OPTIONS, queueOptions, workerOptions } from "./bull.ts";
import { liveJobId, READ_QUEUE } from "./keys.ts";
import { type Fence, FencedOff } from "./store.ts";

/** The live job of one tenant's source; it never ends, but puts itself back after each round. */
export interface LiveJob {
  readonly tenant: string;
  readonly source: string;
  /** Failed rounds in a row. */
  readonly failures: number;
}

/** What a round asks for: when the next one is due, or that this place is not (or no more) ours to read. */
export type NextRound = { readonly inMs: number; readonly failures: number } | "not-ours";

export type RunRound = (job: LiveJob, fence: Fence, signal: AbortSignal) => Promise<NextRound>;

/** Rounds run at the same time in one process. They mostly wait for answers. */
const CONCURRENCY = 32;
/** Every job is put in place again this often, so that one that got lost comes back by itself. */
const ENSURE_EVERY_MS = 60_000;
/** First rounds begin this far apart, so that hundreds of tenants do not start in one second. */
const STAGGER_MS = 20;

/**
 * The queue of reading. A job's lock is the right to read its place; the delayed set is the schedule; the check
 * for stalled jobs is the take-over. So replicas share the tenants because they share the queue.
 */
export class ReadQueue {
  readonly #queue: Queue<LiveJob>;
  readonly #worker: Worker<LiveJob>;
  readonly #stopping = new AbortController();
  readonly #run: RunRound;
  #running: Promise<unknown> | undefined;
  #ensure: NodeJS.Timeout | undefined;

  constructor(parts: BullParts, run: RunRound) {
    this.#run = run;
    this.#queue = new Queue<LiveJob>(READ_QUEUE, queueOptions(parts));
    this.#worker = new Worker<LiveJob>(
      READ_QUEUE,
      (job, token) => this.#process(job, token),
      workerOptions(parts, CONCURRENCY),
    );
    this.#queue.on("error", parts.onError);
    this.#worker.on("error", parts.onError);
  }

  /** Puts the live job of every place into the queue, where it is not already, and begins to work. */
  async start(places: readonly { readonly tenant: string; readonly source: string }[]): Promise<void> {
    await this.#worker.waitUntilReady();
    await this.#addMissing(places);
    this.#running = this.#worker.run();
    this.#ensure = setInterval(() => {
      // A Redis that is away now will be asked again in a minute.
      this.#addMissing(places).catch(() => undefined);
    }, ENSURE_EVERY_MS);
  }

  get isRunning(): boolean {
    return this.#worker.isRunning();
  }

  /** Stops at the next slice; what is under way goes back to the queue for whoever works on. */
  async stop(): Promise<void> {
    clearInterval(this.#ensure);
    this.#stopping.abort(new Error("The daemon is stopping."));
    await this.#worker.close();
    await this.#running;
    await this.#queue.close();
  }

  async #addMissing(places: readonly { readonly tenant: string; readonly source: string }[]): Promise<void> {
    await this.#queue.addBulk(
      places.map(({ tenant, source }, index) => ({
        name: "live",
        data: { tenant, source, failures: 0 },
        opts: { ...JOB_OPTIONS, jobId: liveJobId(tenant, source), delay: index * STAGGER_MS, priority: 1 },
      })),
    );
  }

  async #process(job: Job<LiveJob>, token: string | undefined): Promise<void> {
    if (job.id === undefined || token === undefined) return;
    const fence = { lockKey: `${this.#queue.toKey(job.id)}:lock`, token };
    let next: NextRound;
    try {
      next = await this.#run(job.data, fence, this.#stopping.signal);
    } catch (cause) {
      if (cause instanceof FencedOff) throw cause;
      if (!this.#stopping.signal.aborted) throw cause;
      next = { inMs: 0, failures: job.data.failures };
    }
    if (next === "not-ours") return;
    if (next.failures !== job.data.failures) await job.updateData({ ...job.data, failures: next.failures });
    await job.moveToDelayed(Date.now() + next.inMs, token);
    throw new DelayedError();
  }
}

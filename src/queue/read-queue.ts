import { setMaxListeners } from "node:events";
import { DelayedError, type Job, Worker } from "bullmq";
import type { Redis } from "ioredis";
import type { LongWindow } from "../model/window.ts";
import { type BullParts, workerOptions } from "./bull.ts";
import { redisIdOf } from "./connection.ts";
import { type Fence, FencedOff } from "./fence.ts";
import { READ_QUEUE } from "./keys.ts";
import type { PlaceName } from "./places.ts";
import type { ReadJob, ReadJobs } from "./read-jobs.ts";

/** What a run asks for: when the next one is due; or that there is nothing more to do for this job here. */
export type NextRun = { readonly inMs: number; readonly failures: number } | "done";

export type RunRead = (job: ReadJob, fence: Fence, signal: AbortSignal) => Promise<NextRun>;

/** Runs at the same time in one process. They mostly wait for answers. */
const CONCURRENCY = 32;
/** Every job is put in place again this often and after each loss of Redis, so that one that got lost comes back by itself. */
const ENSURE_EVERY_MS = 60_000;

/** Tells BullMQ that a job was put back. One for all, since each new one looks through the calls that led to it. */
const DELAYED = new DelayedError();

/**
 * The queue of reading. A job's lock is the right to read its window; the delayed set is the schedule; the check
 * for stalled jobs is the take-over. So replicas share the tenants because they share the queue.
 */
export class ReadQueue {
  readonly #redis: Redis;
  readonly #jobs: ReadJobs;
  readonly #worker: Worker<ReadJob>;
  readonly #stopping = new AbortController();
  readonly #run: RunRead;
  #running: Promise<unknown> | undefined;

  constructor(parts: BullParts, jobs: ReadJobs, run: RunRead) {
    // Every request of every round that is under way hears of a stop.
    setMaxListeners(0, this.#stopping.signal);
    this.#redis = parts.redis;
    this.#run = run;
    this.#jobs = jobs;
    this.#worker = new Worker<ReadJob>(
      READ_QUEUE,
      (job, token) => this.#process(job, token),
      workerOptions(parts, CONCURRENCY),
    );
    this.#worker.on("error", parts.onError);
  }

  /**
   * Puts every job into the queue, where it is not already, and begins to work.
   *
   * @param wanted tells what there is to read; asked now, every minute, and whenever Redis is back.
   */
  async start(
    wanted: () => Promise<{ readonly places: readonly PlaceName[]; readonly windows: readonly LongWindow[] }>,
  ): Promise<void> {
    const addMissing = async () => {
      const { places, windows } = await wanted();
      await this.#jobs.addPlaces(places);
      await this.#jobs.addWindows(windows);
    };
    await this.#worker.waitUntilReady();
    await addMissing();
    if (this.#stopping.signal.aborted) return;
    this.#running = this.#worker.run();
    // A Redis that is away just then is asked again when it is back.
    const addSoon = () => void addMissing().catch(() => undefined);
    const timer = setInterval(addSoon, ENSURE_EVERY_MS);
    this.#redis.on("ready", addSoon);
    this.#stopping.signal.addEventListener("abort", () => {
      clearInterval(timer);
      this.#redis.off("ready", addSoon);
    });
  }

  get isRunning(): boolean {
    return this.#worker.isRunning();
  }

  /** Stops at the next slice; what is under way goes back to the queue for whoever works on. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error("The daemon is stopping."));
    await this.#worker.close();
    await this.#running;
  }

  async #process(job: Job<ReadJob>, token: string | undefined): Promise<void> {
    if (job.id === undefined || token === undefined) return;
    const fence = { lockKey: this.#jobs.lockKey(job.id), token, redisId: await redisIdOf(this.#redis) };
    let next: NextRun;
    try {
      next = await this.#run(job.data, fence, this.#stopping.signal);
    } catch (cause) {
      if (cause instanceof FencedOff) throw cause;
      if (!this.#stopping.signal.aborted) throw cause;
      next = { inMs: 0, failures: job.data.failures };
    }
    if (next === "done") return;
    if (next.failures !== job.data.failures) await job.updateData({ ...job.data, failures: next.failures });
    await job.moveToDelayed(Date.now() + next.inMs, token);
    throw DELAYED;
  }
}

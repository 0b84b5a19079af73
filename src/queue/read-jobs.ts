import { type JobsOptions, Queue } from "bullmq";
import type { Redis } from "ioredis";
import { type LongWindow, WINDOW_KINDS } from "../model/window.ts";
import { type BullParts, JOB_OPTIONS, queueOptions, withoutJob } from "./bull.ts";
import { liveJobId, READ_QUEUE } from "./keys.ts";
import type { PlaceName } from "./places.ts";
import type { WindowQueue } from "./ports.ts";

/** One job of reading: the rounds of a place, or a long window of it. It never ends before its window does. */
export interface ReadJob {
  readonly tenant: string;
  readonly source: string;
  /** Id of the long window; absent for the live rounds. */
  readonly window?: string;
  /** Failed rounds in a row. */
  readonly failures: number;
}

/** First rounds begin this far apart, so that hundreds of tenants do not start in one second. */
const STAGGER_MS = 20;

/** The sending side of the queue of reading. What is in it already stays as it is. */
export class ReadJobs implements WindowQueue {
  readonly #redis: Redis;
  readonly #queue: Queue<ReadJob>;

  constructor(parts: BullParts) {
    this.#redis = parts.redis;
    this.#queue = new Queue<ReadJob>(READ_QUEUE, queueOptions(parts));
    this.#queue.on("error", parts.onError);
  }

  async addPlaces(places: readonly PlaceName[]): Promise<void> {
    const idOf = ({ tenant, source }: PlaceName) => liveJobId(tenant, source);
    const missing = await withoutJob(this.#queue, this.#redis, places, idOf);
    await this.#queue.addBulk(
      missing.map(({ tenant, source }, index) =>
        job(liveJobId(tenant, source), { tenant, source, failures: 0 }, "live", {
          delay: index * STAGGER_MS,
        }),
      ),
    );
  }

  async addWindows(windows: readonly Pick<LongWindow, "id" | "kind" | "tenant" | "source">[]): Promise<void> {
    await this.#queue.addBulk(
      windows.map(({ id, kind, tenant, source }) =>
        job(id, { tenant, source, window: id, failures: 0 }, kind, {}),
      ),
    );
  }

  /** The key of a job's lock. */
  lockKey(jobId: string): string {
    return `${this.#queue.toKey(jobId)}:lock`;
  }

  close(): Promise<void> {
    return this.#queue.close();
  }
}

function job(jobId: string, data: ReadJob, kind: keyof typeof WINDOW_KINDS, more: JobsOptions) {
  return { name: kind, data, opts: { ...JOB_OPTIONS, jobId, priority: WINDOW_KINDS[kind], ...more } };
}

import type { Queue } from "bullmq";
import type { Redis } from "ioredis";

/** How every queue and worker of ours is set up. */
export interface BullParts {
  readonly redis: Redis;
  readonly prefix: string;
  /** Told of trouble inside BullMQ; it recovers by itself. */
  readonly onError: (error: Error) => void;
}

/**
 * A job whose process died is running again elsewhere within 10 s: at worst its lock has just been renewed
 * (5 s), and then two rounds of the check for stalled jobs pass (2 s each): the first marks it, the second takes it.
 */
const LOCK_MS = 5000;
const STALLED_CHECK_MS = 2000;
/** A job is never given up for having been taken over too often: what it carries must arrive. */
const UNLIMITED = 1_000_000_000;

export function queueOptions({ redis, prefix }: BullParts) {
  return { connection: redis, prefix };
}

export function workerOptions(parts: BullParts, concurrency: number) {
  return {
    ...queueOptions(parts),
    concurrency,
    autorun: false,
    lockDuration: LOCK_MS,
    stalledInterval: STALLED_CHECK_MS,
    maxStalledCount: UNLIMITED,
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 0 },
  };
}

/** Nothing is ever tried a last time. The pauses between tries are ours; this one is for faults of ours. */
export const JOB_OPTIONS = {
  attempts: UNLIMITED,
  backoff: { type: "fixed", delay: 5000 },
  removeOnComplete: true,
  removeOnFail: true,
} as const;

/**
 * Those that no job of the queue stands for. Adding one that is there changes nothing, and costs a hundred times what
 * asking does.
 */
export async function withoutJob<T>(
  queue: Queue,
  redis: Redis,
  wanted: readonly T[],
  idOf: (one: T) => string,
): Promise<readonly T[]> {
  const pipeline = redis.pipeline();
  for (const one of wanted) pipeline.exists(queue.toKey(idOf(one)));
  const replies = (await pipeline.exec()) ?? [];
  return wanted.filter((_, index) => replies[index]?.[1] !== 1);
}

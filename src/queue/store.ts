import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import { StartupError } from "../model/failure.ts";
import { createBatches } from "./batches.ts";
import { createCalls } from "./calls.ts";
import type { Codec } from "./codec.ts";
import { createConsents } from "./consents.ts";
import { createDeadLetters } from "./dead-letters.ts";
import type { Fence } from "./fence.ts";
import { createHistory } from "./history.ts";
import type { Keys } from "./keys.ts";
import { createLedger } from "./ledger.ts";
import { createPlaces } from "./places.ts";
import { createReplicas } from "./replicas.ts";
import { createTenants } from "./tenants.ts";
import { createWindows } from "./windows.ts";

/** Layout of the keys. */
const FORMAT = 1;
/** A command that was killed leaves its fence for so long. */
const FENCE_MS = 600_000;

export type Store = ReturnType<typeof createStore>;

/** What lies in Redis besides BullMQ's jobs. Each part has its file. */
export function createStore(redis: Redis, keys: Keys, codec: Codec, rememberMs: number) {
  return {
    ...createPlaces(redis, keys),
    ...createBatches(redis, keys, codec, rememberMs),
    ...createWindows(redis, keys),
    ...createDeadLetters(redis, keys, codec),
    ...createLedger(redis, keys),
    ...createConsents(redis, keys),
    ...createCalls(redis, keys),
    ...createReplicas(redis, keys),
    ...createTenants(redis, keys),
    ...createHistory(redis, keys),

    /** Works with a fence of its own, for who is no read job. */
    async fenced<T>(work: (fence: Fence) => Promise<T>): Promise<T> {
      const token = randomUUID();
      const lockKey = keys.fence(token);
      await redis.set(lockKey, token, "PX", FENCE_MS);
      try {
        return await work({ lockKey, token });
      } finally {
        await redis.del(lockKey);
      }
    },

    async ping(): Promise<void> {
      await redis.ping();
    },

    /**
     * Marks what lies here with the layout of this version, or finds another one.
     *
     * @throws StartupError when a newer version wrote it.
     */
    async claimFormat(): Promise<void> {
      await redis.setnx(keys.format, FORMAT);
      const found = await redis.get(keys.format);
      if (found === String(FORMAT)) return;
      throw new StartupError(
        `Redis holds alerts in format ${found}; this version reads ${FORMAT}. Run the version that wrote it.`,
      );
    },
  };
}

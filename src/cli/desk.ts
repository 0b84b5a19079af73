import type { Config } from "../config/schema.ts";
import { StartupError } from "../model/failure.ts";
import { createCodec } from "../queue/codec.ts";
import { checkRedis, connectRedis, joinRedis } from "../queue/connection.ts";
import { DeliverQueues } from "../queue/deliver-queue.ts";
import { createKeys } from "../queue/keys.ts";
import { ReadJobs } from "../queue/read-jobs.ts";
import { createStore, type Store } from "../queue/store.ts";

/** What a command needs to look at and add to what lies in Redis. */
export interface Desk {
  readonly store: Store;
  readonly outbox: DeliverQueues;
  readonly jobs: ReadJobs;
}

/**
 * Sits down beside the daemon, at the same Redis, for as long as the work takes. The daemon need not run: what is
 * queued is done when it does.
 *
 * @throws StartupError
 */
export async function atDesk<T>({ queue }: Config, work: (desk: Desk) => Promise<T>): Promise<T> {
  const place = await joinRedis(queue);
  let trouble: Error | undefined;
  const onError = (error: Error) => {
    trouble = error;
  };
  const redis = connectRedis(place, onError);
  try {
    await checkRedis(redis, place);
    const key = queue.encryptionKey === undefined ? undefined : Buffer.from(queue.encryptionKey, "base64");
    const store = createStore(redis, createKeys(queue.prefix), createCodec(key), queue.remember);
    await store.claimFormat();
    const parts = { redis, prefix: queue.prefix, onError };
    const desk = { store, outbox: new DeliverQueues(parts), jobs: new ReadJobs(parts) };
    try {
      return await work(desk);
    } finally {
      await Promise.all([desk.outbox.close(), desk.jobs.close()]);
    }
  } catch (cause) {
    if (trouble === undefined || cause instanceof StartupError) throw cause;
    throw new StartupError(`${place.name}: ${trouble.message}`, { cause });
  } finally {
    redis.disconnect();
    await place.stop();
  }
}

import type { Redis } from "ioredis";
import type { Alert } from "../../src/model/alert.ts";
import type { Batch } from "../../src/model/batch.ts";
import { createCodec } from "../../src/queue/codec.ts";
import { createKeys } from "../../src/queue/keys.ts";
import type { LedgerRow } from "../../src/queue/ledger.ts";
import type { Fence, SealedBatch, Sealing } from "../../src/queue/ports.ts";
import { createStore, type Store } from "../../src/queue/store.ts";
import { aBatch } from "../support/alerts.ts";
import { type RedisServer, startRedis } from "../support/redis.ts";

export const KEYS = createKeys("test");
export const FENCE: Fence = { lockKey: "lock", token: "mine" };
export const PLACE = { tenant: "contoso", source: "graph_alerts" };
export const DAY_MS = 86_400_000;
/** How long a store of these tests remembers what was sent. */
export const REMEMBER_MS = 3 * DAY_MS;
/** Sealed for the first time, with room for all. */
export const NEW: Sealing = {
  mode: "new",
  window: undefined,
  maxBacklogBytes: 1_000_000_000,
  priorityFor: () => 5,
};
export const AGAIN: Sealing = { ...NEW, mode: "again" };

/** A store in an empty Redis, whose lock we hold. */
export interface StoreBench {
  readonly server: RedisServer;
  readonly store: Store;
  /** The same store over another client. */
  storeOver(redis: Redis): Store;
  /** Seals alerts as one batch; gives the batch, and throws where it is not sealed. */
  sealed(alerts: readonly Alert[], more?: Partial<Batch>, how?: Sealing): Promise<Batch>;
  /** What a tenant's row in the ledger of a sink says. */
  row(sink?: string, tenant?: string): Promise<LedgerRow | undefined>;
  /** The numbers that the alerts of a batch were given: `[seq, revision]` each. */
  numbersOf(batch: Batch): Promise<readonly (readonly [number, number])[]>;
  pendingIds(): Promise<readonly string[]>;
  /** Has somebody else take the lock. */
  loseLock(): Promise<void>;
}

export async function openBench(key?: Buffer): Promise<StoreBench> {
  const server = await startRedis();
  const storeOver = (redis: Redis) => createStore(redis, KEYS, createCodec(key), REMEMBER_MS);
  const store = storeOver(server.client);
  await server.client.set(FENCE.lockKey, FENCE.token);
  return {
    server,
    store,
    storeOver,
    async sealed(alerts, more = {}, how = NEW) {
      const batch = { ...aBatch(alerts, more.sink), ...more };
      const reply = await store.seal(FENCE, batch, alerts, how);
      if (!isSealed(reply)) throw new Error(`The batch was not sealed: ${reply}.`);
      return batch;
    },
    row: async (sink = "splunk", tenant = "contoso") =>
      (await store.ledger(sink)).find((row) => row.tenant === tenant),
    async numbersOf({ id }) {
      const { seqs = [], revisions = [] } = (await store.loadBatch(id))?.numbers ?? {};
      return seqs.map((seq, index) => [seq, revisions[index] ?? 0]);
    },
    pendingIds: async () => (await store.readState(PLACE.tenant, PLACE.source)).pending.map(({ id }) => id),
    async loseLock() {
      await server.client.set(FENCE.lockKey, "somebody else's");
    },
  };
}

export function isSealed(reply: SealedBatch | "known" | "full"): reply is SealedBatch {
  return typeof reply === "object";
}

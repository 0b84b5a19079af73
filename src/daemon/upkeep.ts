import type { Config } from "../config/schema.ts";
import type { ResolvedTenant } from "../config/tenant-schema.ts";
import type { DeliverQueues } from "../queue/deliver-queue.ts";
import { restoreJobs } from "../queue/lost-jobs.ts";
import type { Store } from "../queue/store.ts";
import type { Events } from "../telemetry/events.ts";

const EVERY_MS = 60_000;
/** Who has just mended something wants to read that it is over. */
const OFTEN_MS = 5000;
/** Longer than a job whose process has died takes to run again. */
const LOST_AFTER_MS = 10_000;
/** From so many dead letters of a sink on a person should look. */
const MANY = 100;

interface UpkeepParts {
  readonly store: Store;
  readonly queues: DeliverQueues;
  readonly events: Events;
}

/**
 * Looks after what lies in Redis: puts back what lost its place in a queue, discards the dead letters that the configuration
 * does not want kept, warns as they grow, and forgets the tenants that were removed from every configuration long ago.
 */
export function startUpkeep(
  { store, queues, events }: UpkeepParts,
  config: Pick<Config, "deadLetters" | "tenants" | "queue" | "sinks">,
  roles: { readonly deliver: boolean },
): { stop(): void } {
  async function look(): Promise<void> {
    await lookAtTenants(store, config, events, Date.now());
    if (roles.deliver) await lookAtDeadLetters(store, config.deadLetters, events);
  }
  let total: number | undefined;
  /**
   * Looks closer only where their number has changed: there may be very many. Where there are none that is cheap, and
   * some may have come and gone in between.
   */
  async function count(): Promise<void> {
    const now = await store.deadLetterTotal();
    if (now === total && now > 0) return;
    events.deadLettersLeft(await store.countDeadLetters());
    total = now;
  }
  const lookSoon = () => {
    // A Redis that is away now is asked again the next time.
    look().catch(() => undefined);
  };
  async function restore(): Promise<void> {
    for (const sink of Object.keys(config.sinks)) {
      const batches = await restoreJobs(store, queues, sink, Date.now() - LOST_AFTER_MS);
      if (batches > 0) events.deliverRestored(sink, batches);
    }
  }
  const lookOften = () => {
    if (!roles.deliver) return;
    count().catch(() => undefined);
    restore().catch(() => undefined);
  };
  const timers = [setInterval(lookSoon, EVERY_MS), setInterval(lookOften, OFTEN_MS)];
  // A tenant that is removed within the first minute was configured all the same.
  lookSoon();
  return {
    stop() {
      for (const timer of timers) clearInterval(timer);
    },
  };
}

async function lookAtDeadLetters(
  store: Store,
  { maxCount = Number.POSITIVE_INFINITY, maxAge = Number.POSITIVE_INFINITY }: Config["deadLetters"],
  events: Events,
): Promise<void> {
  if (Number.isFinite(maxCount) || Number.isFinite(maxAge)) {
    const discarded = await store.trimDeadLetters(maxCount, Math.max(0, Date.now() - maxAge));
    if (discarded > 0) events.deadLettersTrimmed(discarded);
  }
  for (const [sink, count] of await store.countDeadLetters()) {
    if (count >= MANY) events.deadLettersMany(sink, count);
  }
}

/** Exported for tests, which do not wait for weeks. */
export async function lookAtTenants(
  store: Pick<Store, "noteConfigured" | "removedTenants" | "forgetTenant">,
  {
    tenants,
    queue,
  }: {
    readonly tenants: readonly Pick<ResolvedTenant, "id">[];
    readonly queue: Pick<Config["queue"], "rememberRemoved">;
  },
  events: Pick<Events, "tenantForgotten">,
  nowMs: number,
): Promise<void> {
  await store.noteConfigured(
    tenants.map(({ id }) => id),
    nowMs,
  );
  for (const removed of await store.removedTenants(nowMs - queue.rememberRemoved)) {
    if (await store.forgetTenant(removed)) events.tenantForgotten(removed.tenant, removed.lastMs);
  }
}

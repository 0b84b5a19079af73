import type { Redis } from "ioredis";
import type { Keys } from "./keys.ts";
import { script } from "./script.ts";

/** A tenant that no configuration has any more. */
export interface RemovedTenant {
  readonly tenant: string;
  /** When a daemon last had it in its configuration, ms. */
  readonly lastMs: number;
}

const SCAN_COUNT = 1000;

/**
 * Begins to forget a tenant: how far its sources are read, and what was counted for it. All counts of it go together, and
 * nothing of it waits, so what is left of a ledger still adds up.
 *
 * KEYS configured, then states and ledgers
 * ARGV tenant, when it was last configured (ms), number of states
 * Returns 0 when it was configured since, or is forgotten; -1 while something of it waits for a sink; else 1.
 */
const FORGET = `
local tenant, states = ARGV[1], tonumber(ARGV[3])
if redis.call('HGET', KEYS[1], tenant) ~= ARGV[2] then return 0 end
for i = states + 2, #KEYS do
  if tonumber(redis.call('HGET', KEYS[i], tenant .. '|waiting') or '0') ~= 0 then return -1 end
end
for i = 2, states + 1 do redis.call('DEL', KEYS[i]) end
local own = tenant .. '|'
for i = states + 2, #KEYS do
  for _, field in ipairs(redis.call('HKEYS', KEYS[i])) do
    if string.sub(field, 1, #own) == own then redis.call('HDEL', KEYS[i], field) end
  end
end
return 1
`;

/** Which tenants are configured anywhere, and the end of those that are not. */
export function createTenants(redis: Redis, keys: Keys) {
  const forget = script(redis, FORGET);

  async function scan(pattern: string): Promise<string[]> {
    const found = new Set<string>();
    let cursor = "0";
    do {
      const [next, some] = await redis.scan(cursor, "MATCH", pattern, "COUNT", SCAN_COUNT);
      for (const key of some) found.add(key);
      cursor = next;
    } while (cursor !== "0");
    return [...found];
  }

  /** The windows that were left open; `windows` is a set, so one by one is no race. */
  async function dropWindows(tenant: string): Promise<void> {
    for (const id of await redis.smembers(keys.windows)) {
      if ((await redis.hget(keys.window(id), "tenant")) !== tenant) continue;
      await redis.multi().srem(keys.windows, id).del(keys.window(id)).exec();
    }
  }

  return {
    /** Notes that tenants are in the configuration of a daemon. Replicas may have different ones for a moment. */
    async noteConfigured(tenants: readonly string[], nowMs: number): Promise<void> {
      if (tenants.length === 0) return;
      await redis.hset(keys.configured, ...tenants.flatMap((tenant) => [tenant, nowMs]));
    },

    /** Those that no daemon has had in its configuration since. */
    async removedTenants(sinceMs: number): Promise<RemovedTenant[]> {
      const last = Object.entries(await redis.hgetall(keys.configured));
      return last
        .map(([tenant, ms]) => ({ tenant, lastMs: Number(ms) }))
        .filter(({ lastMs }) => lastMs < sinceMs);
    },

    /**
     * Forgets a removed tenant: cursors, windows, counts, and what was sent. Its dead letters stay for a person. What is begun
     * and not ended, as the process dies, is gone on with the next time.
     *
     * @returns whether it is forgotten now, by this call; false also while something of it waits for a sink.
     */
    async forgetTenant({ tenant, lastMs }: RemovedTenant): Promise<boolean> {
      const own = await scan(keys.patternOf(tenant));
      const ofTenant = own.filter((key) => keys.isOf(tenant, key));
      const states = ofTenant.filter((key) => key.startsWith(keys.state(tenant, "")));
      const ledgers = await scan(keys.ledgers);
      const begun = await forget([keys.configured, ...states, ...ledgers], [tenant, lastMs, states.length]);
      if (begun !== 1) return false;
      await dropWindows(tenant);
      if (ofTenant.length > 0) await redis.unlink(...ofTenant);
      await redis.multi().hdel(keys.onboarding, tenant).srem(keys.verifying, tenant).exec();
      return (await redis.hdel(keys.configured, tenant)) === 1;
    },
  };
}

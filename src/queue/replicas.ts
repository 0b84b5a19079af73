import type { Redis } from "ioredis";
import type { Keys } from "./keys.ts";
import { script } from "./script.ts";

/**
 * Marks that a process is alive, by the clock of Redis, and takes out those that are not. Each is taken out once, so
 * one process alone tells of it. Who has missed a beat itself accuses nobody: it was Redis that was away.
 *
 * KEYS: replicas. ARGV: own name, silence after which a process is lost (ms), beat (ms).
 * @returns now, names and times of all that are left, then an empty text, then names and times of the lost.
 */
const BEAT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local mine = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], now, ARGV[1])
local lost = {}
if mine and now - mine < 2 * ARGV[3] then
  lost = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2], 'WITHSCORES')
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
end
local told = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
table.insert(told, 1, string.format('%.0f', now))
table.insert(told, '')
for _, word in ipairs(lost) do table.insert(told, word) end
return told
`;

interface Replica {
  readonly name: string;
  readonly seenMs: number;
}

/** The processes that share the work. */
export function createReplicas(redis: Redis, keys: Keys) {
  const beat = script(redis, BEAT);

  return {
    async markAlive(
      name: string,
      { lostAfterMs, everyMs }: { readonly lostAfterMs: number; readonly everyMs: number },
    ): Promise<{
      readonly nowMs: number;
      readonly left: readonly Replica[];
      readonly lost: readonly Replica[];
    }> {
      const [now, ...words] = ((await beat([keys.replicas], [name, lostAfterMs, everyMs])) as unknown[]).map(
        String,
      );
      const middle = words.indexOf("");
      return {
        nowMs: Number(now),
        left: replicasIn(words.slice(0, middle)),
        lost: replicasIn(words.slice(middle + 1)),
      };
    },

    /** Goes in peace: nobody shall miss it. */
    async markGone(name: string): Promise<void> {
      await redis.zrem(keys.replicas, name);
    },
  };
}

function replicasIn(words: readonly string[]): Replica[] {
  return words.flatMap((name, index) =>
    index % 2 === 0 ? [{ name, seenMs: Number(words[index + 1] ?? 0) }] : [],
  );
}

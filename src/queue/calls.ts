import type { Redis } from "ioredis";
import type { Keys } from "./keys.ts";
import { script } from "./script.ts";
import { TAKE_CALL } from "./scripts.ts";

/** So many calls are allowed in any span of that length. */
export interface CallLimit {
  readonly most: number;
  readonly spanMs: number;
}

/** The calls that all replicas make on behalf of a tenant. */
export function createCalls(redis: Redis, keys: Keys) {
  const take = script(redis, TAKE_CALL);

  return {
    /**
     * Counts one call, unless a limit is reached.
     *
     * @param limits the widest last.
     * @returns how long to wait before asking again, ms; 0 when the call may be made.
     */
    async takeCall(tenant: string, api: string, limits: readonly CallLimit[]): Promise<number> {
      const args = limits.flatMap(({ most, spanMs }) => [most, spanMs]);
      return Number(await take([keys.calls(tenant, api)], args));
    },
  };
}

import type { ResolvedTenant } from "../config/tenant-schema.ts";
import { CALL_BUDGET, SourceError } from "../model/failure.ts";
import type { Store } from "../queue/store.ts";
import { API_NAMES, type ApiName, CALL_LIMITS } from "../sources/source.ts";

/** What the calls are for. */
export type Purpose = "live" | "backlog";

/**
 * The share of Microsoft's limit that is used. What is left of it is for clocks that differ and for commands; and
 * backlogs leave some for the live rounds, which must not wait behind them.
 */
const SHARES: Readonly<Record<Purpose, number>> = { live: 0.9, backlog: 0.6 };
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** Throws a SourceError where one more call would be one too many. Undefined where no limits hold. */
export type Pace = (
  tenant: ResolvedTenant,
  api: ApiName,
  purpose: Purpose,
) => (() => Promise<void>) | undefined;

/** Keeps each tenant's calls below the limit, over all replicas: being refused costs calls as well. */
export function createPace(store: Pick<Store, "takeCall">): Pace {
  return ({ id, cloud }, api, purpose) => {
    if (cloud.callLimits === false) return undefined;
    const { perMinute, perHour } = CALL_LIMITS[api];
    const most = (limit: number) => Math.floor(limit * SHARES[purpose]);
    const limits = [
      { most: most(perMinute), spanMs: MINUTE_MS },
      ...(perHour === undefined ? [] : [{ most: most(perHour), spanMs: HOUR_MS }]),
    ];
    return async () => {
      const retryAfterMs = await store.takeCall(id, api, limits);
      if (retryAfterMs === 0) return;
      throw new SourceError(
        "throttled",
        `The calls to ${API_NAMES[api]} that may be made for this tenant are used up for a moment.`,
        { code: CALL_BUDGET, retryAfterMs },
      );
    };
  };
}

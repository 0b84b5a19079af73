import type { ConfigProblem } from "../model/failure.ts";
import { definitionOf } from "../sources/index.ts";
import { API_NAMES, type ApiName, CALL_LIMITS } from "../sources/source.ts";
import type { TenantSource } from "./cross-check.ts";
import { placeOf } from "./document.ts";
import type { ResolvedTenant } from "./tenant-schema.ts";

/** A forecast above this share of the limit leaves too little for what comes on top: pages, updates, backlogs. */
const COMFORTABLE_SHARE = 0.75;
const MINUTE_MS = 60_000;

/**
 * Warns of tenants whose rounds alone come near to Microsoft's limit on calls: one call a round and source at the least.
 * Tenants that share their interval share a warning.
 */
export function forecastCalls(
  tenants: readonly TenantSource[],
  resolved: readonly ResolvedTenant[],
  warnings: ConfigProblem[],
): void {
  const said = new Set<string>();
  for (const tenant of resolved.filter(({ cloud }) => cloud.callLimits !== false)) {
    const node = tenants.find(({ parsed }) => parsed?.id === tenant.id)?.node;
    for (const message of complaints(tenant)) {
      if (node === undefined || said.has(message)) continue;
      said.add(message);
      warnings.push({ ...placeOf(node, ["poll", "interval"]), message });
    }
  }
}

function complaints({ sources, poll }: ResolvedTenant): string[] {
  const apis = sources.map((source) => definitionOf(source).api);
  return [...new Set(apis)].flatMap((api) => {
    const rounds = (apis.filter((each) => each === api).length * MINUTE_MS) / poll.interval;
    const allowed = sustained(api);
    if (rounds <= allowed * COMFORTABLE_SHARE) return [];
    return [
      `makes ${Math.round(rounds)} calls a minute to ${API_NAMES[api]} at the least, where ${allowed} are allowed; a longer interval leaves room for what comes on top`,
    ];
  });
}

/** Calls a minute that can go on for ever. */
function sustained(api: ApiName): number {
  const { perMinute, perHour } = CALL_LIMITS[api];
  return Math.min(perMinute, (perHour ?? Number.POSITIVE_INFINITY) / 60);
}

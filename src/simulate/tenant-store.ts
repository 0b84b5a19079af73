import type { Ticks } from "../model/ticks.ts";
import type { Filter } from "./odata.ts";
import type { Version } from "./version.ts";

export interface StoreQuery extends Filter {
  readonly by: "updated" | "created";
  readonly descending: boolean;
  readonly skip: number;
  readonly top: number;
}

interface StorePage {
  readonly versions: readonly Version[];
  /** All that match, whatever the page holds. */
  readonly total: number;
}

/** What one source of one tenant holds, and everything it ever held. */
export interface TenantStore {
  /** Every version in the order it was added, also those not visible yet or no more. */
  readonly ledger: readonly Version[];
  hold(version: Version, now: number): void;
  /** The version of an alert that is visible at this time. */
  current(alertId: string, now: number): Version | undefined;
  /** All versions that are visible at this time, oldest update first. */
  visible(now: number): readonly Version[];
  query(query: StoreQuery, now: number): StorePage;
  /** Lets an alert age out: it is not served any more. The ledger keeps it. */
  remove(alertId: string, now: number): void;
}

export function createTenantStore(): TenantStore {
  const ledger: Version[] = [];
  /** Visible versions by update time; equal times in the order they appeared. */
  const shown: Version[] = [];
  const shownById = new Map<string, Version>();
  /** Versions whose time to be seen has not come, the next one last. */
  const awaited: Version[] = [];

  const hide = (version: Version, at: number): void => {
    let index = lowerBound(shown, version.updated);
    while (shown[index] !== version) index++;
    shown.splice(index, 1);
    version.supersededAt = at;
  };
  const show = (version: Version): void => {
    const standing = shownById.get(version.alertId);
    if (standing !== undefined && standing.updated > version.updated) {
      // Overtaken by a newer version while it was on its way: never seen.
      version.supersededAt = version.visibleAt;
      return;
    }
    if (standing !== undefined) hide(standing, version.visibleAt);
    shownById.set(version.alertId, version);
    shown.splice(lowerBound(shown, version.updated + 1n), 0, version);
  };
  const catchUp = (now: number): void => {
    for (let next = awaited.at(-1); next !== undefined && next.visibleAt <= now; next = awaited.at(-1)) {
      awaited.pop();
      show(next);
    }
  };

  return {
    ledger,
    hold: (version, now) => {
      catchUp(now);
      ledger.push(version);
      if (version.visibleAt <= now) return show(version);
      const index = awaited.findIndex(({ visibleAt }) => visibleAt <= version.visibleAt);
      awaited.splice(index < 0 ? awaited.length : index, 0, version);
    },
    current: (alertId, now) => {
      catchUp(now);
      return shownById.get(alertId);
    },
    visible: (now) => {
      catchUp(now);
      return shown;
    },
    query: (query, now) => {
      catchUp(now);
      return select(shown, query);
    },
    remove: (alertId, now) => {
      catchUp(now);
      const version = shownById.get(alertId);
      if (version === undefined) return;
      shownById.delete(alertId);
      hide(version, now);
    },
  };
}

function select(shown: readonly Version[], query: StoreQuery): StorePage {
  const low = query.from === undefined ? 0 : lowerBound(shown, query.from);
  const high = query.to === undefined ? shown.length : Math.max(low, lowerBound(shown, query.to));
  const { test, by, descending, skip, top } = query;
  if (test === undefined && by === "updated") {
    const [from, to] = descending ? [high - skip - top, high - skip] : [low + skip, low + skip + top];
    const page = shown.slice(Math.max(low, Math.min(from, high)), Math.max(low, Math.min(to, high)));
    return { versions: descending ? page.reverse() : page, total: high - low };
  }
  const matching = shown.slice(low, high).filter((version) => test === undefined || test(version.facts));
  if (by === "created") matching.sort((left, right) => sign(left.created - right.created));
  if (descending) matching.reverse();
  return { versions: matching.slice(skip, skip + top), total: matching.length };
}

/** Index of the first version that was updated at or after this tick. */
function lowerBound(versions: readonly Version[], tick: Ticks): number {
  let low = 0;
  let high = versions.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((versions[middle]?.updated ?? tick) < tick) low = middle + 1;
    else high = middle;
  }
  return low;
}

function sign(difference: bigint): number {
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

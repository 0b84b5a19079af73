import type { SourceName } from "./collections.ts";
import type { Random } from "./random.ts";
import type { WorldTenant } from "./tenant.ts";
import type { Version } from "./version.ts";

/** A steady stream of new and changed alerts. */
export interface TrafficOptions {
  /** Versions a second, over all tenants and sources. */
  readonly perSecond: number;
  /** Share of versions that change an alert already there; default 0.2. */
  readonly updates?: number;
  /** Share of versions that the service shows late; default 0. */
  readonly late?: number;
  /** The longest delay of a late one; default 2,000. */
  readonly lateMs?: number;
  /** Share of new alerts that come in a group with one and the same update time; default 0.1. */
  readonly ties?: number;
  /** Default `graph_alerts`. */
  readonly sources?: readonly [SourceName, ...SourceName[]];
  /** Short names; default all tenants of the world at every moment. */
  readonly tenants?: readonly string[];
  readonly size?: "real" | "small";
}

export interface Traffic {
  /** Versions made so far. */
  readonly made: number;
  stop(): void;
}

const TICK_MS = 25;
/** How many alerts are looked at to find one that may be updated. */
const TRIES = 8;

export function startTraffic(
  tenantsNow: () => readonly WorldTenant[],
  options: TrafficOptions,
  circumstances: {
    readonly random: Random;
    readonly now: () => number;
    readonly quietBeforeUpdateMs: number;
  },
): Traffic {
  const { random, now, quietBeforeUpdateMs } = circumstances;
  const { perSecond, updates = 0.2, late = 0, lateMs = 2000, ties = 0.1, size = "real" } = options;
  const sources: readonly [SourceName, ...SourceName[]] = options.sources ?? ["graph_alerts"];
  const startedAt = now();
  let made = 0;

  const make = (tenant: WorldTenant): number => {
    const source = random.pick(sources);
    const delay = random.chance(late) ? { lateMs: random.whole(1, lateMs) } : {};
    const subject = random.chance(updates) ? updatable(tenant, source) : undefined;
    if (subject !== undefined) {
      tenant.update(subject, delay);
      return 1;
    }
    const count = random.chance(ties) ? random.whole(2, 4) : 1;
    return tenant.add(source, count, { size, sameInstant: count > 1, ...delay }).length;
  };
  /** An alert whose present version every poller has had time to see. */
  const updatable = (tenant: WorldTenant, source: SourceName): Version | undefined => {
    const shown = tenant.stores[source].visible(now());
    for (let tries = 0; tries < TRIES && shown.length > 0; tries++) {
      const version = shown[random.whole(0, shown.length - 1)];
      if (version === undefined || !version.genuine || now() - version.visibleAt < quietBeforeUpdateMs)
        continue;
      if (tenant.latest(source, version.alertId) === version) return version;
    }
    return undefined;
  };

  const timer = setInterval(() => {
    const tenants = tenantsNow().filter(({ id }) => options.tenants?.includes(id) ?? true);
    const [first, ...others] = tenants;
    if (first === undefined) return;
    const due = ((now() - startedAt) / 1000) * perSecond;
    while (made < due) made += make(random.pick([first, ...others]));
  }, TICK_MS);
  return {
    get made() {
      return made;
    },
    stop: () => clearInterval(timer),
  };
}

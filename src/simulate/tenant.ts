import type { JsonObject } from "../model/alert.ts";
import { parseTicks, type Ticks, ticksFromMs } from "../model/ticks.ts";
import type { SourceName } from "./collections.ts";
import type { DefenderTenant } from "./defender.ts";
import type { AlertShapeOptions, Draft } from "./draft.ts";
import type { AppRegistration, Directory } from "./entra-directory.ts";
import { graphAlert } from "./graph-alerts.ts";
import { graphIncident } from "./graph-incidents.ts";
import { roundAsStored, type Surroundings } from "./invention.ts";
import { mdeAlert } from "./mde-alerts.ts";
import { randomFrom } from "./random.ts";
import type { TenantApi } from "./tenant-api.ts";
import { createTenantStore, type TenantStore } from "./tenant-store.ts";
import { plantedVersion, type Version, versionOf } from "./version.ts";

/** When an alert was last updated: milliseconds since the epoch, or the text the service writes. */
type Instant = number | string;

interface AddOptions extends AlertShapeOptions {
  /** Update time of all of them, or of the newest where they are spread; default now. */
  readonly at?: Instant | undefined;
  /** Spreads the update times evenly over this span before `at`. */
  readonly spreadMs?: number | undefined;
  /** All share one update time, to the last digit. */
  readonly sameInstant?: boolean | undefined;
  /** How much later than now the service shows them. */
  readonly lateMs?: number;
}

interface UpdateOptions extends AlertShapeOptions {
  readonly at?: Instant;
  readonly lateMs?: number;
}

/** One simulated customer. */
export interface WorldTenant {
  /** The short name: `contoso`. */
  readonly id: string;
  readonly name: string;
  /** The directory's GUID. */
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Secrets and certificates of the application, which other tenants may share. */
  readonly app: AppRegistration;
  /** Consent, roles, faults and requests at the sign-in host. */
  readonly entra: Directory;
  /** Faults, limits and requests at Graph. */
  readonly graph: TenantApi;
  /** The same at Defender for Endpoint. */
  readonly defender: TenantApi;
  readonly stores: DefenderTenant["stores"];
  /** Every version that the sources have held, oldest first. */
  readonly ledger: readonly Version[];
  /** Invents alerts and holds them. */
  add(source: SourceName, count: number, options?: AddOptions): readonly Version[];
  /** Gives an alert a new version: a newer update time and changed content. */
  update(version: Pick<Version, "source" | "alertId">, options?: UpdateOptions): Version;
  /** The newest version of an alert, visible or on its way. */
  latest(source: SourceName, alertId: string): Version | undefined;
  /** Serves any JSON text as an element of the list, as if updated at that time. Nobody has to deliver it. */
  plant(source: SourceName, raw: string, at?: Instant): Version;
}

export interface TenantOptions {
  readonly id: string;
  readonly name: string;
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly seed: string;
  readonly app: AppRegistration;
  readonly entra: Directory;
  readonly graph: TenantApi;
  readonly defender: TenantApi;
  readonly now: () => number;
  /** Told of every version before it is visible. */
  readonly onVersion: (version: Version) => void;
}

const INVENTORS: Readonly<Record<SourceName, (draft: Draft) => JsonObject>> = {
  graph_alerts: graphAlert,
  graph_incidents: graphIncident,
  mde_alerts: mdeAlert,
};

/** What is needed to invent the next version of an alert. */
interface Origin {
  readonly index: number;
  readonly created: Ticks;
  readonly shape: AlertShapeOptions;
  latest: Version;
}

export function createTenant(options: TenantOptions): WorldTenant {
  const { id, tenantId, seed, now } = options;
  const around: Surroundings = {
    tenantId,
    domain: `${id}.example`,
    portal: "https://security.portal.example",
  };
  const stores: Record<SourceName, TenantStore> = {
    graph_alerts: createTenantStore(),
    graph_incidents: createTenantStore(),
    mde_alerts: createTenantStore(),
  };
  const origins: Record<SourceName, Map<string, Origin>> = {
    graph_alerts: new Map(),
    graph_incidents: new Map(),
    mde_alerts: new Map(),
  };
  const ledger: Version[] = [];
  const chance = randomFrom(seed, tenantId, "times");
  let made = 0;
  let planted = 0;

  const hold = (version: Version): Version => {
    options.onVersion(version);
    ledger.push(version);
    stores[version.source].hold(version, now());
    return version;
  };
  const invent = (
    source: SourceName,
    origin: Omit<Origin, "latest">,
    revision: number,
    updated: Ticks,
    visibleAt: number,
  ): Version => {
    const draft = { tenantId, source, revision, updated, created: origin.created, visibleAt };
    const alert = INVENTORS[source]({
      around,
      alert: randomFrom(seed, tenantId, source, origin.index),
      index: origin.index,
      revision,
      created: origin.created,
      updated,
      shape: origin.shape,
    });
    return versionOf({ ...alert, ...origin.shape.with }, draft, String(alert["id"]));
  };
  const stampNow = (): Ticks => roundAsStored(ticksFromMs(now()) + BigInt(chance.whole(0, 9999)), chance);

  const updateTimes = (
    count: number,
    { at, spreadMs, sameInstant }: Pick<AddOptions, "at" | "spreadMs" | "sameInstant">,
  ): Ticks[] => {
    const isSpread = spreadMs !== undefined;
    if (at === undefined && !isSpread && sameInstant !== true) return Array.from({ length: count }, stampNow);
    const last = at === undefined ? stampNow() : ticksOf(at);
    const step = isSpread ? (spreadMs * 10_000) / count : 0;
    return Array.from(
      { length: count },
      (_, position) => last - BigInt(Math.round((count - 1 - position) * step)),
    );
  };

  return {
    ...options,
    stores,
    ledger,
    add: (source, count, { at, spreadMs, sameInstant, lateMs = 0, ...shape } = {}) => {
      const visibleAt = now() + lateMs;
      return updateTimes(count, { at, spreadMs, sameInstant }).map((updated) => {
        const created = updated - BigInt(chance.whole(0, 600_000_000));
        const origin = { index: made++, created, shape };
        const version = hold(invent(source, origin, 1, updated, visibleAt));
        origins[source].set(version.alertId, { ...origin, latest: version });
        return version;
      });
    },
    update: ({ source, alertId }, { at, lateMs = 0, ...shape } = {}) => {
      const origin = origins[source].get(alertId);
      if (origin === undefined) throw new Error(`The simulated tenant ${id} holds no alert ${alertId}.`);
      const earliest = origin.latest.updated + 1n;
      const wanted = at === undefined ? stampNow() : ticksOf(at);
      const updated = wanted < earliest ? earliest : wanted;
      const next = { ...origin, shape: { ...origin.shape, ...shape } };
      // A version cannot be seen before the one it follows.
      const visibleAt = Math.max(now() + lateMs, origin.latest.visibleAt);
      const version = hold(invent(source, next, origin.latest.revision + 1, updated, visibleAt));
      origins[source].set(alertId, { ...next, latest: version });
      return version;
    },
    latest: (source, alertId) => origins[source].get(alertId)?.latest,
    plant: (source, raw, at = now()) => {
      const updated = ticksOf(at);
      const draft = { tenantId, source, revision: 1, updated, created: updated, visibleAt: now() };
      return hold(plantedVersion(raw, draft, `planted-${++planted}`));
    },
  };
}

function ticksOf(at: Instant): Ticks {
  const ticks = typeof at === "number" ? ticksFromMs(at) : parseTicks(at);
  if (ticks === undefined) throw new Error(`${at} is no instant.`);
  return ticks;
}

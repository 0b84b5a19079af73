import { acceptanceOf, type Config } from "../config/schema.ts";
import type { ResolvedTenant } from "../config/tenant-schema.ts";
import { type Place, type Route, reaches, wanted } from "../pipeline/routes.ts";
import type { Watched } from "../pipeline/snapshot.ts";
import type { BullParts } from "../queue/bull.ts";
import { DeliverQueues } from "../queue/deliver-queue.ts";
import { ReadJobs } from "../queue/read-jobs.ts";
import { ReadQueue } from "../queue/read-queue.ts";
import type { Store } from "../queue/store.ts";
import { SOURCES } from "../sources/index.ts";
import type { Events } from "../telemetry/events.ts";
import { type AccessPool, createAccessPool } from "./access.ts";
import { createPace } from "./call-budget.ts";
import { rememberCredentials, watchExpiry } from "./expiry.ts";
import { createHeapMode } from "./heap-mode.ts";
import { Lane } from "./lane.ts";
import { createRounds } from "./rounds.ts";
import { watchSilence } from "./silence.ts";
import { startTally } from "./tally.ts";
import { startUpkeep } from "./upkeep.ts";

export interface Roles {
  readonly poll: boolean;
  readonly deliver: boolean;
}

/** Everything that a configuration describes: tenants being read, sinks being served. Replaced whole on a reload. */
export interface Pipeline {
  readonly watched: Watched;
  readonly isReading: () => boolean;
  /** Stops reading, then delivering. What is not done by `deadline` goes back to the queues. */
  stop(deadline: AbortSignal): Promise<void>;
}

export async function startPipeline(
  config: Config,
  roles: Roles,
  bull: BullParts,
  store: Store,
  events: Events,
): Promise<Pipeline> {
  const pool = createAccessPool(config.memory, createPace(store));
  const heap = createHeapMode();
  const places = config.tenants.flatMap((tenant) => placesOf(tenant, config, pool));
  const outbox = new DeliverQueues(bull);
  const jobs = new ReadJobs(bull);
  const tally = startTally(store);
  const lanes = roles.deliver
    ? Object.entries(config.sinks).map(
        ([name, settings]) => new Lane(name, settings, bull, store, events, tally),
      )
    : [];
  const reading = roles.poll
    ? new ReadQueue(
        bull,
        jobs,
        createRounds(places, { store, outbox, windows: jobs, nowMs: Date.now, onFresh: heap.busy }, events),
      )
    : undefined;
  const watchedPlaces = places.map(({ tenant, source }) => ({ tenant: tenant.id, source }));

  const upkeep = startUpkeep({ store, queues: outbox, events }, config, roles);
  const expiry = roles.poll ? watchExpiry(config.tenants, events) : undefined;

  const silence = roles.poll ? watchSilence(watchedPlaces, store, events) : undefined;

  await Promise.all(lanes.map((lane) => lane.start()));
  await reading?.start(async () => ({ places: watchedPlaces, windows: await store.openWindows() }));
  return {
    watched: {
      places: watchedPlaces,
      sinks: Object.keys(config.sinks),
      credentials: rememberCredentials(config.tenants),
    },
    isReading: () => reading?.isRunning ?? true,
    async stop(deadline) {
      upkeep.stop();
      expiry?.stop();
      silence?.stop();
      await reading?.stop();
      await Promise.all(lanes.map((lane) => lane.stop(deadline)));
      await Promise.all([outbox.close(), jobs.close(), tally.stop()]);
      pool.close();
      heap.stop();
    },
  };
}

/** Every source of a tenant, with its way to each of the tenant's sinks. */
export function placesOf(tenant: ResolvedTenant, config: Config, pool: AccessPool): Place[] {
  const access = pool.for(tenant);
  const routes = tenant.sinks.flatMap((sink) => routeTo(sink, tenant, config));
  return SOURCES.filter(({ type }) => tenant.sources.includes(type)).map((definition) => ({
    tenant: { id: tenant.id, name: tenant.name, tenantId: tenant.tenantId },
    source: definition.type,
    reader: definition.create(access.live),
    backlogReader: definition.create(access.backlog),
    poll: tenant.poll,
    updates: tenant.updates,
    routes,
  }));
}

/** None where there is no such sink. */
export function routeTo(sink: string, tenant: ResolvedTenant, config: Config): Route[] {
  const settings = config.sinks[sink];
  if (settings === undefined) return [];
  const isAccepted = acceptanceOf(settings);
  return [
    {
      sink,
      limits: settings.batch,
      maxBacklogBytes: settings.backlog.maxBytes,
      accepts: (alert) =>
        wanted(alert, tenant.filter) && reaches(alert.severity, settings.minSeverity) && isAccepted(alert),
    },
  ];
}

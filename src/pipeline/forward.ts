import type { Alert } from "../model/alert.ts";
import { type Batch, batchId, divide, queuedAlert } from "../model/batch.ts";
import { namesAnother } from "../model/belonging.ts";
import { type DeadLetter, readingLetter, TENANT_MISMATCH } from "../model/dead-letter.ts";
import { priorityOf, type WindowText } from "../model/window.ts";
import type { Fence, Outbox, SealedBatch, Store, WindowQueue } from "../queue/ports.ts";
import type { Slice } from "../sources/source.ts";
import type { Place, Route } from "./routes.ts";
import { worthSending } from "./updates.ts";

export interface ReaderParts {
  readonly store: Store;
  readonly outbox: Outbox;
  readonly windows: WindowQueue;
  readonly nowMs: () => number;
  /** Told when a slice brought something new. */
  readonly onFresh: () => void;
}

/** How the alerts of a window are sealed. */
export interface Sealing {
  readonly fence: Fence;
  readonly window: WindowText;
  /** Id of the long window; undefined in the rounds of a place. */
  readonly long: string | undefined;
  readonly routes: readonly Route[];
  /** The occasion on which alerts are sent once more that were sent before; undefined: only new ones are sent. */
  readonly again: string | undefined;
  /** Milliseconds: no alert of the window was readable before it. */
  readonly notReadableBeforeMs: number;
}

/** What became of one slice. */
export interface Forwarded {
  readonly sealed: readonly SealedBatch[];
  /** Sinks for which too much waits already: not all of the slice was sealed for them. */
  readonly full: readonly Route[];
}

/** Adds a round up. */
export class Tally {
  /** Alerts in the pages. */
  read = 0;
  /** Of these, the versions that were queued for at least one sink. */
  fresh = 0;
  /** Of these, the ones every sink had been given before: the overlap read again. */
  duplicates = 0;
  /** Updates that the tenant does not want, each counted once for every sink. */
  suppressed = 0;
  readonly setAside: DeadLetter[] = [];
  /** Alerts queued, per sink. */
  readonly enqueued = new Map<string, number>();
}

/**
 * One slice on its way into the queues: what is no alert of the tenant is set aside, and for each sink what it was not
 * given before is sealed and enqueued.
 *
 * @throws FencedOff
 */
export async function forward(
  slice: Slice,
  place: Place,
  parts: ReaderParts,
  how: Sealing,
  tally: Tally,
): Promise<Forwarded> {
  const own = await setAside(slice, place, parts, how, tally);
  const sealed: SealedBatch[] = [];
  const full: Route[] = [];
  const fresh = new Set<Alert>();
  /** New to a sink for which too much waits: they are met again, and counted when they are sealed. */
  const held = new Set<Alert>();
  for (const route of how.routes) {
    const wanted = await wantedAt(route, own, place, parts, how, tally);
    const { batches, alerts, isFull } = await sealAll(wanted, route, place, parts, how);
    sealed.push(...batches);
    addAll(fresh, alerts);
    if (isFull) {
      full.push(route);
      addAll(held, wanted);
    }
    if (alerts.length > 0)
      tally.enqueued.set(route.sink, (tally.enqueued.get(route.sink) ?? 0) + alerts.length);
  }
  if (fresh.size > 0) parts.onFresh();
  tally.fresh += fresh.size;
  tally.duplicates += own.filter((alert) => !fresh.has(alert) && !held.has(alert)).length;
  await parts.outbox.enqueue(sealed);
  return { sealed, full };
}

/** What a sink is to get: what it was not given before, as far as the tenant wants it sent; or all of it once more. */
async function wantedAt(
  route: Route,
  own: readonly Alert[],
  place: Place,
  parts: ReaderParts,
  how: Sealing,
  tally: Tally,
): Promise<readonly Alert[]> {
  const bound = own.filter((alert) => route.accepts(alert));
  if (how.again !== undefined) return once(bound);
  const fresh = await unseen(bound, route, place, parts);
  const { wanted, suppressed } = await worthSending(fresh, route, place, parts);
  tally.suppressed += suppressed.length;
  return wanted;
}

function addAll<T>(set: Set<T>, elements: readonly T[]): void {
  for (const element of elements) set.add(element);
}

/** Takes out of a slice what is no alert, or not this tenant's. What is left may be sealed. */
async function setAside(
  slice: Slice,
  place: Place,
  { store, nowMs }: ReaderParts,
  { fence }: Sealing,
  tally: Tally,
): Promise<readonly Alert[]> {
  const own: Alert[] = [];
  const at = { tenant: place.tenant.id, source: place.source };
  const letters = slice.unreadable.map((element) =>
    readingLetter(
      at,
      element,
      element.reason,
      `The source gave a record that is no alert (${element.reason}).`,
      nowMs(),
    ),
  );
  for (const alert of slice.alerts) {
    if (isOwn(alert, place)) own.push(alert);
    else {
      const message = "The alert names another tenant than the one that was asked.";
      letters.push(readingLetter(at, alert, TENANT_MISMATCH, message, nowMs()));
    }
  }
  tally.read += slice.alerts.length + slice.unreadable.length;
  if (letters.length > 0) tally.setAside.push(...(await store.setAside(fence, at.tenant, letters)));
  return own;
}

/** Seals as many of the alerts as may wait for the sink. */
async function sealAll(
  alerts: readonly Alert[],
  route: Route,
  place: Place,
  parts: ReaderParts,
  how: Sealing,
): Promise<{
  readonly batches: readonly SealedBatch[];
  readonly alerts: readonly Alert[];
  readonly isFull: boolean;
}> {
  const batches: SealedBatch[] = [];
  const sealed: Alert[] = [];
  for (const run of divide(alerts, route.limits)) {
    const outcome = await sealRun(run, route, place, parts, how);
    if (outcome === "full") return { batches, alerts: sealed, isFull: true };
    if (outcome === undefined) continue;
    batches.push(outcome.batch);
    sealed.push(...outcome.alerts);
  }
  return { batches, alerts: sealed, isFull: false };
}

/** Seals one run; what another window of the place has taken in the meantime is left to that one. */
async function sealRun(
  alerts: readonly Alert[],
  route: Route,
  place: Place,
  parts: ReaderParts,
  { fence, window, long, again, notReadableBeforeMs }: Sealing,
): Promise<{ readonly batch: SealedBatch; readonly alerts: readonly Alert[] } | "full" | undefined> {
  let run = alerts;
  while (run.length > 0) {
    const batch: Batch = {
      id: batchId(place.tenant.id, place.source, route.sink, run, again),
      tenant: place.tenant,
      source: place.source,
      sink: route.sink,
      window,
      alerts: run.map((alert) => queuedAlert(place.tenant, alert)),
      notReadableBeforeMs,
      sealedMs: parts.nowMs(),
    };
    const sealed = await parts.store.seal(fence, batch, run, {
      mode: again === undefined ? "new" : "again",
      window: long,
      maxBacklogBytes: route.maxBacklogBytes,
      priorityFor: (waiting) => priorityOf(window.kind, waiting),
    });
    if (sealed === "full") return "full";
    if (sealed !== "known") return { batch: sealed, alerts: run };
    run = await unseen(run, route, place, parts);
  }
  return undefined;
}

/** Those of the alerts whose version the sink was never given. */
async function unseen(
  alerts: readonly Alert[],
  { sink }: Route,
  place: Place,
  { store }: ReaderParts,
): Promise<readonly Alert[]> {
  const sent = await store.sent({ tenant: place.tenant.id, source: place.source, sink }, alerts);
  return once(alerts.filter((_, index) => sent[index] === undefined));
}

/** A page may hold the same version twice, when it was paged through a moving list. */
function once(alerts: readonly Alert[]): readonly Alert[] {
  return [...new Map(alerts.map((alert) => [`${alert.id}\n${alert.version}`, alert])).values()];
}

/** An alert's tenant must be the one we asked for. */
export function isOwn({ tenantId }: Alert, { tenant }: Place): boolean {
  return !namesAnother(tenantId, tenant.tenantId);
}

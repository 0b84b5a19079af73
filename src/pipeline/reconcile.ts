import type { Alert } from "../model/alert.ts";
import { eventId } from "../model/alert.ts";
import { batchId, divide, queuedAlert } from "../model/batch.ts";
import { type LongWindow, priorityOf, type Span, windowText } from "../model/window.ts";
import type { Outbox, ReadState, SealedBatch, SentRecord, Store } from "../queue/ports.ts";
import type { TimeOf } from "../sources/source.ts";
import { isOwn } from "./forward.ts";
import type { Place, Route } from "./routes.ts";

/**
 * Why a version that the source has is missing at a sink:
 *
 * - `never-queued`: nothing is known of it;
 * - `lost`: it was queued and numbered, but neither settled nor waiting any more;
 * - `not-received`: it was delivered, but is not among what the receiver says it has.
 */
type Why = "never-queued" | "lost" | "not-received";

export interface Missing {
  readonly route: Route;
  readonly alert: Alert;
  readonly why: Why;
  /** The number it has, where it was given one. */
  readonly seq: number | undefined;
}

/** What one sink was sent of what the source has. Counts are versions. */
interface SinkAccount {
  readonly sink: string;
  delivered: number;
  /** Updates that the tenant does not want. */
  suppressed: number;
  /** In the queue, or in a gap or backfill that is still to be read. */
  waiting: number;
  deadLettered: number;
}

export interface Account {
  /** Versions that the source has in the span, and that have been readable for a round. */
  checked: number;
  /** Instants that the source failed to give out: nothing is said of them. */
  unread: number;
  readonly sinks: readonly SinkAccount[];
  readonly missing: Missing[];
}

export interface ReconcileParts {
  readonly store: Store;
  /** Event ids that the receiver says it has; undefined: it was not asked. */
  readonly received: ReadonlySet<string> | undefined;
  /** Told how much is done, 0 to 1. */
  readonly onProgress: (share: number) => void;
}

/** What is known when the comparison begins. */
interface Known {
  readonly reach: NonNullable<ReadState["reach"]>;
  readonly windows: readonly LongWindow[];
}

/**
 * Asks the source once more, by update time and by creation time, and compares with what each sink was sent. What the
 * rounds have not come to yet is left out: everything before the cursor must be in the queues, nothing after it.
 *
 * @throws SourceError
 */
export async function reconcile(
  place: Place,
  span: Span,
  parts: ReconcileParts,
  signal: AbortSignal,
): Promise<Account> {
  const { store } = parts;
  const account: Account = {
    checked: 0,
    unread: 0,
    sinks: place.routes.map(({ sink }) => ({
      sink,
      delivered: 0,
      suppressed: 0,
      waiting: 0,
      deadLettered: 0,
    })),
    missing: [],
  };
  const { reach } = await store.readState(place.tenant.id, place.source);
  if (reach === undefined) return account;
  const to = span.to < reach.cursor ? span.to : reach.cursor;
  const met = new Set<string>();
  for (const [index, by] of (["updated", "created"] as const satisfies TimeOf[]).entries()) {
    if (span.from >= to) break;
    let unread = 0;
    for await (const slice of place.reader.read({ from: span.from, to }, signal, { by, stepOver: true })) {
      unread += Number(slice.failed !== undefined);
      const known = await knownOf(place, reach, store);
      const alerts = slice.alerts.filter(
        (alert) => isOwn(alert, place) && isDue(alert, known) && isNew(alert, met),
      );
      account.checked += alerts.length;
      for (const route of place.routes) await compare(alerts, route, place, known, parts, account);
      const share = Number(slice.to - span.from) / Number(to - span.from);
      parts.onProgress((index + share) / 2);
    }
    // The same record fails by either time.
    account.unread = Math.max(account.unread, unread);
  }
  return account;
}

/** Puts what is missing on its way. What has a number keeps it. @returns how many alerts were queued. */
export async function mend(
  place: Place,
  missing: readonly Missing[],
  { store, outbox }: { readonly store: Store; readonly outbox: Outbox },
  span: Span,
  nowMs: number,
): Promise<number> {
  let queued = 0;
  for (const route of new Set(missing.map((each) => each.route))) {
    for (const why of ["never-queued", "lost", "not-received"] as const) {
      const alerts = missing
        .filter((each) => each.route === route && each.why === why)
        .map(({ alert }) => alert);
      if (alerts.length === 0) continue;
      if (why === "lost") await store.recount(route.sink);
      const sealed = await sealMissing(place, route, alerts, why, store, span, nowMs);
      await outbox.enqueue(sealed.batches);
      queued += sealed.alerts;
    }
  }
  return queued;
}

async function sealMissing(
  place: Place,
  route: Route,
  alerts: readonly Alert[],
  why: Why,
  store: Store,
  span: Span,
  nowMs: number,
): Promise<{ readonly batches: SealedBatch[]; readonly alerts: number }> {
  const kind = why === "not-received" ? "replay" : "gap";
  const mode = ({ "never-queued": "new", lost: "mend", "not-received": "again" } as const)[why];
  const batches: SealedBatch[] = [];
  let count = 0;
  for (const run of divide(alerts, route.limits)) {
    const batch = {
      id: batchId(place.tenant.id, place.source, route.sink, run, `reconcile ${nowMs}`),
      tenant: place.tenant,
      source: place.source,
      sink: route.sink,
      window: windowText(kind, span),
      alerts: run.map((alert) => queuedAlert(place.tenant, alert)),
      notReadableBeforeMs: nowMs,
      sealedMs: nowMs,
    };
    const sealed = await store.fenced((fence) =>
      store.seal(fence, batch, run, {
        mode,
        window: undefined,
        // Whoever asks for it wants it queued, whatever waits already.
        maxBacklogBytes: Number.MAX_SAFE_INTEGER,
        priorityFor: (waiting) => priorityOf(kind, waiting),
      }),
    );
    if (typeof sealed === "string") continue;
    batches.push(sealed);
    count += run.length;
  }
  return { batches, alerts: count };
}

async function knownOf(place: Place, reach: Known["reach"], store: Store): Promise<Known> {
  const tenant = place.tenant.id;
  const windows = (await store.openWindows()).filter(
    (window) => window.tenant === tenant && window.source === place.source && window.kind !== "replay",
  );
  return { reach, windows };
}

/** Whether the rounds must have met this version by now. */
function isDue({ version }: Alert, { reach }: Known): boolean {
  if (version.startsWith("~")) return true;
  const ticks = BigInt(version);
  return ticks >= reach.since && ticks < reach.cursor;
}

function isNew({ id, version }: Alert, met: Set<string>): boolean {
  const name = `${id}\n${version}`;
  if (met.has(name)) return false;
  met.add(name);
  return true;
}

async function compare(
  alerts: readonly Alert[],
  route: Route,
  place: Place,
  { windows }: Known,
  { store, received }: ReconcileParts,
  account: Account,
): Promise<void> {
  const mine = account.sinks.find(({ sink }) => sink === route.sink);
  if (mine === undefined) return;
  const bound = alerts.filter((alert) => route.accepts(alert));
  const records = await recordsOf(bound, route, place, store);
  for (const [index, alert] of bound.entries()) {
    const { record, isLost = false } = records[index] ?? {};
    const isThere = received === undefined || received.has(eventId(place.tenant.tenantId, alert));
    const why = isLost ? "lost" : whyMissing(record, isThere, isInWindow(alert, route, windows));
    if (why === undefined) mine[countOf(record)] += 1;
    else {
      // Its bytes are the page's, and that is given back.
      const kept = { ...alert, raw: Buffer.from(alert.raw) };
      account.missing.push({ route, alert: kept, why, seq: record?.seq });
    }
  }
}

function whyMissing(record: SentRecord | undefined, isThere: boolean, isAwaited: boolean): Why | undefined {
  if (record === undefined) return isAwaited ? undefined : "never-queued";
  return record.state === "delivered" && !isThere ? "not-received" : undefined;
}

function countOf(record: SentRecord | undefined): "delivered" | "suppressed" | "waiting" | "deadLettered" {
  if (record?.state === "suppressed") return "suppressed";
  if (record?.state === "delivered") return "delivered";
  return record?.state === "dead-lettered" ? "deadLettered" : "waiting";
}

/**
 * What is remembered of each alert. One is lost when it was queued before the list of what waits was read, is not in
 * that, and was not settled after it either.
 */
async function recordsOf(
  alerts: readonly Alert[],
  { sink }: Route,
  { tenant, source }: Place,
  store: Store,
): Promise<readonly { readonly record: SentRecord | undefined; readonly isLost: boolean }[]> {
  const at = { tenant: tenant.id, source, sink };
  const before = await store.sent(at, alerts);
  if (before.every((record) => record?.state !== "queued")) {
    return before.map((record) => ({ record, isLost: false }));
  }
  const waiting = await store.waitingSeqs(tenant.id, sink);
  const after = await store.sent(at, alerts);
  return after.map((record, index) => ({
    record,
    isLost: before[index]?.state === "queued" && record?.state === "queued" && !waiting.has(record.seq),
  }));
}

function isInWindow({ version }: Alert, { sink }: Route, windows: readonly LongWindow[]): boolean {
  if (version.startsWith("~")) return false;
  const ticks = BigInt(version);
  return windows.some(({ sinks, cursor, to }) => sinks.includes(sink) && ticks >= cursor && ticks < to);
}

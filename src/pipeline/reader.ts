import { setImmediate as breathe } from "node:timers/promises";
import type { Alert } from "../model/alert.ts";
import { type Batch, batchId, type DeadLetter, divide, queuedAlert } from "../model/batch.ts";
import { msFromTicks, type Ticks, ticksFromMs } from "../model/ticks.ts";
import {
  liveSpan,
  type Span,
  WINDOW_KINDS,
  type WindowKind,
  type WindowText,
  windowText,
} from "../model/window.ts";
import type { Outbox } from "../queue/ports.ts";
import { type Fence, type ReadState, readingLetter, type SealedBatch, type Store } from "../queue/store.ts";
import type { Slice } from "../sources/source.ts";
import type { Place } from "./routes.ts";

/** What one round of reading came to. */
export interface Round {
  readonly window: WindowText;
  /** Alerts in the pages. */
  readonly read: number;
  /** Of these, the versions that at least one sink had not been given. */
  readonly fresh: number;
  /** Of these, the ones every sink had been given before: the overlap read again. */
  readonly duplicates: number;
  readonly setAside: readonly DeadLetter[];
  /** Alerts queued, per sink. */
  readonly enqueued: ReadonlyMap<string, number>;
}

export interface ReaderParts {
  readonly store: Store;
  readonly outbox: Outbox;
  readonly nowMs: () => number;
  /** Told when a slice brought something new. */
  readonly onFresh: () => void;
}

/** Seen versions are kept for this long beyond twice the overlap, so that a longer overlap may be configured. */
const SEEN_MARGIN_MS = 3_600_000;
/** Leaves room for the number of waiting batches within the priority of a window kind (BullMQ: at most 2^21). */
const PRIORITY_STEP = 2 ** 18;

/**
 * One live round of one tenant's source: read the window slice by slice, seal what is new for each sink, put it
 * into the queues, and only then move the cursor. A crash between any two steps repeats, and loses nothing.
 *
 * @throws SourceError when the source fails; what was committed before stands.
 * @throws FencedOff when another process has taken the job over.
 */
export async function readLive(
  place: Place,
  parts: ReaderParts,
  fence: Fence,
  signal: AbortSignal,
): Promise<Round> {
  const { store, outbox } = parts;
  const startedMs = parts.nowMs();
  const tenant = place.tenant.id;
  const state = await store.readState(tenant, place.source);
  // A round before this one sealed them and was cut off before they were in their queues, or before it could say so.
  await outbox.enqueue(state.pending);

  const now = ticksFromMs(startedMs);
  const span = liveSpan(state.cursor, now, place.poll);
  const tally = new Tally(windowText("live", span ?? { from: now, to: now }));
  if (span === undefined) return tally.round();
  let from = span.from;
  let cursor: Ticks = state.cursor ?? span.from;
  let queued: readonly SealedBatch[] = state.pending;

  for await (const slice of place.reader.read(span, signal)) {
    const alerts = await setAside(slice, place, parts, fence, tally);
    const sealed = await sealSlice(
      alerts,
      place,
      parts,
      fence,
      { kind: "live", state, part: { from, to: slice.to } },
      tally,
    );
    from = slice.to;
    await outbox.enqueue(sealed);
    queued = [...queued, ...sealed];
    if (slice.to > cursor) cursor = slice.to;
    await store.commit(
      fence,
      { tenant, source: place.source, sinks: place.routes.map(({ sink }) => sink) },
      {
        cursor,
        roundMs: slice.to >= span.to ? startedMs : undefined,
        forgetBelowMs: msFromTicks(cursor) - 2 * place.poll.overlap - SEEN_MARGIN_MS,
        queued,
      },
    );
    queued = [];
    // Long work lets the others have their turn, and hears of a stop between two slices.
    await breathe();
    signal.throwIfAborted();
  }
  return tally.round();
}

/** Takes out of a slice what is no alert, or not this tenant's. What is left may be sealed. */
async function setAside(
  slice: Slice,
  place: Place,
  { store }: ReaderParts,
  fence: Fence,
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
    ),
  );
  for (const alert of slice.alerts) {
    if (alert.tenantId === undefined || isSameTenant(alert.tenantId, place.tenant.tenantId)) own.push(alert);
    else {
      const message = "The alert names another tenant than the one that was asked.";
      letters.push(readingLetter(at, alert, "tenant-mismatch", message));
    }
  }
  tally.read += slice.alerts.length + slice.unreadable.length;
  if (letters.length > 0) tally.setAside.push(...(await store.setAside(fence, at.tenant, letters)));
  return own;
}

/** Seals, for each sink, the versions that it was not given before. */
async function sealSlice(
  alerts: readonly Alert[],
  place: Place,
  { store, nowMs, onFresh }: ReaderParts,
  fence: Fence,
  round: { readonly kind: WindowKind; readonly state: ReadState; readonly part: Span },
  tally: Tally,
): Promise<SealedBatch[]> {
  const sealed: SealedBatch[] = [];
  const fresh = new Set<Alert>();
  for (const route of place.routes) {
    const bound = alerts.filter((alert) => route.accepts(alert));
    const unseen = await store.unseen(place.tenant.id, place.source, route.sink, bound);
    for (const alert of unseen) fresh.add(alert);
    for (const run of divide(unseen, route.limits)) {
      const batch: Batch = {
        id: batchId(place.tenant.id, place.source, route.sink, run),
        tenant: place.tenant,
        source: place.source,
        sink: route.sink,
        window: tally.window,
        alerts: run.map((alert) => queuedAlert(place.tenant, alert)),
        bytes: run.reduce((sum, alert) => sum + Buffer.byteLength(alert.raw), 0),
        notReadableBeforeMs: round.state.roundMs ?? 0,
        sealedMs: nowMs(),
      };
      sealed.push(
        await store.seal(
          fence,
          batch,
          run,
          (alert) => meetableAtMs(alert, round.part),
          (waiting) => priority(round.kind, waiting),
        ),
      );
      tally.enqueued.set(route.sink, (tally.enqueued.get(route.sink) ?? 0) + run.length);
    }
  }
  if (fresh.size > 0) onFresh();
  tally.fresh += fresh.size;
  tally.duplicates += alerts.length - fresh.size;
  return sealed;
}

/**
 * When the source counts the alert as updated, for remembering its version as long as rounds can meet it again: its
 * own time, unless that is not in the part of the window that brought it. Such alerts (without an update time, or
 * with another one than the service filters by) would else be forgotten at once, and sent again in every round.
 */
function meetableAtMs(alert: Alert, part: Span): number {
  const { updatedMs } = alert;
  const isInside =
    updatedMs !== undefined && updatedMs >= msFromTicks(part.from) && updatedMs <= msFromTicks(part.to);
  return isInside ? updatedMs : msFromTicks(part.to);
}

/**
 * Fair shares at a shared sink: the more batches of a tenant wait there already, the later the next one is served,
 * but never later than any window of a lesser kind. A flood queues behind everyone else's trickle.
 */
function priority(kind: WindowKind, batchesWaiting: number): number {
  return (WINDOW_KINDS[kind] - 1) * PRIORITY_STEP + 1 + Math.min(batchesWaiting, PRIORITY_STEP - 1);
}

/**
 * An alert's tenant must be the one we asked for. A text that is no GUID (recorded alerts have cut ones) names
 * nobody else, so it does not count as a contradiction.
 */
function isSameTenant(named: string, asked: string): boolean {
  return (
    named.toLowerCase() === asked.toLowerCase() || !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(named)
  );
}

/** Adds a round up. */
class Tally {
  readonly window: WindowText;
  read = 0;
  fresh = 0;
  duplicates = 0;
  readonly setAside: DeadLetter[] = [];
  readonly enqueued = new Map<string, number>();

  constructor(window: WindowText) {
    this.window = window;
  }

  round(): Round {
    return { ...this };
  }
}

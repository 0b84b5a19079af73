import { setImmediate as breathe } from "node:timers/promises";
import type { SourceError } from "../model/failure.ts";
import { type Ticks, ticksFromMs } from "../model/ticks.ts";
import {
  beginning,
  holeId,
  type LongWindow,
  liveSpan,
  type Span,
  type WindowKind,
  type WindowText,
  windowText,
} from "../model/window.ts";
import type { Fence, ReadState, SealedBatch } from "../queue/ports.ts";
import type { Slice } from "../sources/source.ts";
import { completed, type OnIncomplete } from "./complete.ts";
import { forward, type ReaderParts, type Sealing, Tally } from "./forward.ts";
import type { Place, Route } from "./routes.ts";

/** What one round of reading came to. */
export interface Round extends Readonly<Omit<Tally, "setAside" | "enqueued">> {
  readonly window: WindowText;
  readonly setAside: Tally["setAside"];
  readonly enqueued: ReadonlyMap<string, number>;
  /** Sinks for which a new gap was opened, since too much waits for them. */
  readonly gaps: readonly string[];
}

/** What one turn at a long window came to. */
export interface Turn extends Round {
  /** `full`: it waits for its sink to drain. `gone`: nothing is left to do. */
  readonly state: "more" | "full" | "done" | "gone";
}

/**
 * Told of each hole: a part that the source fails to give out while it gives out what lies beside it. It is a window of
 * its own by then, and is asked for again by itself.
 */
export type OnHole = (window: WindowText, cause: SourceError) => void;

/** What happens while a place is read, and is nobody's failure. */
export interface Notices {
  /** Where it is given, what fails for good is stepped over; without it the reading ends there. */
  readonly onHole?: OnHole | undefined;
  readonly onIncomplete?: OnIncomplete | undefined;
}

/** These do not wait for a sink that is full: what it misses becomes a gap, and the other sinks go on. */
const GO_ON_WITHOUT: ReadonlySet<WindowKind> = new Set(["backfill", "hole"]);
/** A long window reads for so long before it lets others have their turn. */
const TURN_MS = 1000;
/** A gap is read once no more than this share of the bound waits for its sink. */
const DRAINED_SHARE = 0.5;

/**
 * One live round of one tenant's source: read the window slice by slice, seal what is new for each sink, put it
 * into the queues, and only then move the cursor. A crash between any two steps repeats, and loses nothing. What is
 * not sealed for a sink, because too much waits for it already, is recorded as a gap before the cursor moves.
 *
 * A round that the source cuts off is gone on with where it was, or a flood within the overlap would be read from its
 * beginning for ever. The round after it reaches back to before the one that was cut off began.
 *
 * @throws SourceError when the source fails; what was committed before stands.
 * @throws FencedOff when another process has taken the job over.
 */
export async function readLive(
  place: Place,
  parts: ReaderParts,
  fence: Fence,
  signal: AbortSignal,
  { onHole, onIncomplete }: Notices = {},
): Promise<Round> {
  const { store, outbox } = parts;
  const startedMs = parts.nowMs();
  const state = await store.readState(place.tenant.id, place.source);
  // A round before this one sealed them and was cut off before they were in their queues, or before it could say so.
  await outbox.enqueue(state.pending);

  const now = ticksFromMs(startedMs);
  const { since, span } = await reachOf(place, state, now, parts);
  const beganMs = state.resume?.startedMs ?? startedMs;
  const tally = new Tally();
  const window = windowText("live", span ?? { from: now, to: now });
  if (span === undefined) return { ...tally, window, gaps: [] };
  const gaps = new GapKeeper("live", place, state, parts, fence);
  const holes = new HoleKeeper(undefined, place, parts, onHole);
  const passOver = await store.openHoles(placeName(place), state.holes);
  const how: Sealing = {
    fence,
    window,
    routes: place.routes,
    long: undefined,
    again: undefined,
    notReadableBeforeMs: state.roundMs ?? 0,
  };
  let from = span.from;
  let cursor: Ticks = state.reach?.cursor ?? span.from;
  let queued: readonly SealedBatch[] = state.pending;

  const { reader, routes } = place;
  const slices = reader.read(span, signal, { passOver, stepOver: onHole !== undefined });
  const completing = { place, reader, routes, store, isAgain: false, onIncomplete };
  for await (const slice of completed(slices, completing, signal)) {
    const { sealed, full } = await forward(slice, place, parts, how, tally);
    await holes.record(slice, from);
    await gaps.record(full, { from, to: slice.to });
    from = slice.to;
    if (slice.to > cursor) cursor = slice.to;
    const isWhole = slice.to >= span.to;
    await store.commit(fence, placeName(place), {
      cursor,
      since,
      roundMs: isWhole ? beganMs : undefined,
      resume: isWhole ? undefined : { from: slice.to, startedMs: beganMs },
      queued: [...queued, ...sealed],
    });
    queued = [];
    await nextTurn(signal);
  }
  return { ...tally, window, gaps: gaps.opened };
}

/**
 * Reads on in a long window, for a moment. A gap waits until its sink has drained; where a sink fills up again while
 * a backfill goes on for others, what it misses becomes a gap of its own.
 *
 * @param notices as in the rounds. A hole itself, and a replay, which sends again what was sent, end at what fails.
 * @throws SourceError, FencedOff
 */
export async function readLong(
  id: string,
  place: Place,
  parts: ReaderParts,
  fence: Fence,
  signal: AbortSignal,
  notices: Notices = {},
): Promise<Turn> {
  const found = await parts.store.window(id);
  const routes = place.routes.filter(({ sink }) => found?.sinks.includes(sink));
  const window = windowText(found?.kind ?? "gap", found ?? { from: 0n, to: 0n });
  const tally = new Tally();
  const gaps: string[] = [];
  const turn = (state: Turn["state"]): Turn => ({ ...tally, window, gaps, state });
  // Where its sinks are not the place's any more, it stays for the day they are again.
  if (found === undefined || "doneMs" in found || routes.length === 0) return turn("gone");
  // A turn before this one sealed them and was cut off; what waits for nobody would keep the sink full for ever.
  const pending = await parts.store.pendingOf(found);
  await parts.outbox.enqueue(pending);
  if (await mustWait(found, routes, parts)) return turn("full");

  const how: Sealing = {
    fence,
    window,
    routes,
    long: id,
    again: found.kind === "replay" ? id : undefined,
    notReadableBeforeMs: found.createdMs,
  };
  return turn(await readOn(found, place, parts, how, { pending, tally, gaps, signal, notices }));
}

async function readOn(
  window: LongWindow,
  place: Place,
  parts: ReaderParts,
  how: Sealing,
  {
    pending,
    tally,
    gaps,
    signal,
    notices: { onHole, onIncomplete },
  }: {
    readonly pending: readonly SealedBatch[];
    readonly tally: Tally;
    readonly gaps: string[];
    readonly signal: AbortSignal;
    readonly notices: Notices;
  },
): Promise<Turn["state"]> {
  const { store, nowMs } = parts;
  let queued = pending;
  const state = await store.readState(place.tenant.id, place.source);
  const keeper = new GapKeeper(window.kind, place, state, parts, how.fence);
  const holes = new HoleKeeper(window, place, parts, onHole);
  const stepOver = onHole !== undefined && (window.kind === "gap" || window.kind === "backfill");
  const startedAt = performance.now();
  let from = window.cursor;
  const reader = place.backlogReader;
  const isAgain = how.again !== undefined;
  const completing = { place, reader, routes: how.routes, store, isAgain, onIncomplete };
  const slices = reader.read({ from, to: window.to }, signal, { stepOver });
  for await (const slice of completed(slices, completing, signal)) {
    const before = { read: tally.read, queued: sum(tally.enqueued) };
    const { sealed, full } = await forward(slice, place, parts, how, tally);
    if (full.length > 0 && !GO_ON_WITHOUT.has(window.kind)) return "full";
    await holes.record(slice, from);
    await keeper.record(full, { from, to: slice.to });
    gaps.push(...keeper.opened.splice(0));
    from = slice.to;
    const progress = await store.advance(how.fence, window, {
      cursor: slice.to,
      read: tally.read - before.read,
      queued: sum(tally.enqueued) - before.queued,
      batches: [...queued, ...sealed],
      nowMs: nowMs(),
    });
    queued = [];
    if (progress === "done") return "done";
    if (progress === "grown") return "more";
    if (performance.now() - startedAt > TURN_MS) return "more";
    await nextTurn(signal);
  }
  return "more";
}

/** What a round asks for. A place that was never read gets a window for what the rounds will not reach back to. */
async function reachOf(
  place: Place,
  { reach, roundMs, resume }: ReadState,
  now: Ticks,
  { store, windows, nowMs }: ReaderParts,
): Promise<{ readonly since: Ticks; readonly span: Span | undefined }> {
  if (reach !== undefined) {
    const span = liveSpan({ ...reach, roundMs, resume: resume?.from }, now, place.poll);
    return { since: reach.since, span };
  }
  const name = placeName(place);
  const { since, live } = beginning(now, place.poll);
  // Rounds before this one may have begun and failed: the backfill that they have opened ends where the first one began.
  const begun = await store.begin(name, { since, from: live.from });
  if (begun.since < begun.from) {
    const id = `backfill.${name.tenant}.${name.source}`;
    const sinks = place.routes.map(({ sink }) => sink);
    const span = { from: begun.since, to: begun.from };
    await store.openWindow({ id, kind: "backfill", ...name, sinks, ...span, createdMs: nowMs() });
    await windows.addWindows([{ id, kind: "backfill", ...name }]);
  }
  return { since: begun.since, span: { from: begun.from, to: live.to } };
}

/** Whether too much waits for the sinks of a window that may wait. */
async function mustWait(
  { kind }: LongWindow,
  routes: readonly Route[],
  { store }: ReaderParts,
): Promise<boolean> {
  if (GO_ON_WITHOUT.has(kind)) return false;
  for (const { sink, maxBacklogBytes } of routes) {
    if ((await store.backlogBytes(sink)) > maxBacklogBytes * DRAINED_SHARE) return true;
  }
  return false;
}

/**
 * Records what a place could not queue for a sink. Each sink has one gap that grows while it lasts, and others for
 * what a backfill or a hole misses, which are elsewhere in time.
 */
class GapKeeper {
  readonly opened: string[] = [];
  readonly #kind: WindowKind;
  readonly #place: Place;
  readonly #known: Map<string, string>;
  readonly #parts: ReaderParts;
  readonly #fence: Fence;

  constructor(kind: WindowKind, place: Place, state: ReadState, parts: ReaderParts, fence: Fence) {
    this.#kind = kind;
    this.#place = place;
    this.#known = new Map(state.gaps);
    this.#parts = parts;
    this.#fence = fence;
  }

  async record(routes: readonly Route[], span: Span): Promise<void> {
    const { store, windows, nowMs } = this.#parts;
    const name = placeName(this.#place);
    for (const { sink } of routes) {
      const pointer = `${this.#kind}.${sink}`;
      const gap = await store.recordGap(
        this.#fence,
        name,
        { sink, pointer, known: this.#known.get(pointer) },
        span,
        nowMs(),
      );
      this.#known.set(pointer, gap.id);
      if (!gap.isNew) continue;
      this.opened.push(sink);
      await windows.addWindows([{ id: gap.id, kind: "gap", ...name }]);
    }
  }
}

/** Records what the source failed to give out, for the sinks that were to get it. */
class HoleKeeper {
  readonly #within: LongWindow | undefined;
  readonly #place: Place;
  readonly #parts: ReaderParts;
  readonly #onHole: OnHole | undefined;

  /** @param within the long window that is read; undefined in the rounds. */
  constructor(within: LongWindow | undefined, place: Place, parts: ReaderParts, onHole: OnHole | undefined) {
    this.#within = within;
    this.#place = place;
    this.#parts = parts;
    this.#onHole = onHole;
  }

  async record({ to, failed }: Slice, from: Ticks): Promise<void> {
    if (failed === undefined) return;
    const { store, windows, nowMs } = this.#parts;
    const name = placeName(this.#place);
    const id = holeId(this.#within?.id ?? `live.${name.tenant}.${name.source}`, from);
    const sinks = this.#within?.sinks ?? this.#place.routes.map(({ sink }) => sink);
    const request = { id, kind: "hole", ...name, sinks, from, to, createdMs: nowMs() } as const;
    const isNew = await store.recordHole(request, this.#within === undefined);
    await windows.addWindows([request]);
    if (isNew) this.#onHole?.(windowText("hole", request), failed);
  }
}

function placeName({ tenant, source }: Place) {
  return { tenant: tenant.id, source };
}

/** Long work lets the others have their turn, and hears of a stop between two slices. */
async function nextTurn(signal: AbortSignal): Promise<void> {
  await breathe();
  signal.throwIfAborted();
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((total, count) => total + count, 0);
}

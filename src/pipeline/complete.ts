import type { Alert } from "../model/alert.ts";
import { SourceError } from "../model/failure.ts";
import type { Ticks } from "../model/ticks.ts";
import type { Store } from "../queue/ports.ts";
import type { Incomplete, Slice, Source } from "../sources/source.ts";
import { isOwn } from "./forward.ts";
import type { Place, Route } from "./routes.ts";
import { isUpdateUnwanted } from "./updates.ts";

/** Told of each alert that is sent as its list tells it. */
export type OnIncomplete = (reason: Incomplete) => void;

interface Completing {
  readonly place: Place;
  /** That one of the place's readers which is at work. */
  readonly reader: Source;
  readonly routes: readonly Route[];
  readonly store: Store;
  /** Whether what was sent before is sent once more. */
  readonly isAgain: boolean;
  readonly onIncomplete: OnIncomplete | undefined;
}

/** Alerts with all that belongs to them may be large: a slice is divided where it has so much text. */
const MOST_BYTES = 4_000_000;

/**
 * The slices, with what the list of the source leaves out. It is asked for only of alerts that are new to a sink, since the
 * overlap would cost its calls in every round, and before they are numbered, under the versions that the list has given. What
 * cannot be had holds nothing up. Where the source asks to wait, what was had by then goes on first.
 *
 * @throws SourceError what reading throws.
 */
export async function* completed(
  slices: AsyncIterable<Slice>,
  how: Completing,
  signal: AbortSignal,
): AsyncGenerator<Slice> {
  const { reader } = how;
  for await (const slice of slices) {
    const wanted = reader.complete === undefined ? new Set<Alert>() : await newToASink(slice.alerts, how);
    if (wanted.size === 0) yield slice;
    else yield* portions(slice, wanted, how, signal);
  }
}

async function* portions(
  slice: Slice,
  wanted: ReadonlySet<Alert>,
  how: Completing,
  signal: AbortSignal,
): AsyncGenerator<Slice> {
  let portion = new Portion(slice.to);
  for (const alert of slice.alerts) {
    portion.next(alert);
    const before = portion.beforeTick();
    if (before !== undefined && portion.bytes > MOST_BYTES) {
      yield before;
      portion = portion.fromTick();
    }
    const isWanted = wanted.has(alert);
    const answer = isWanted ? await ask(alert, how, signal) : alert;
    if (answer instanceof SourceError) yield* endWith(answer, portion);
    portion.add(answer instanceof SourceError ? alert : answer, isWanted);
    if (answer instanceof SourceError) how.onIncomplete?.("failed");
  }
  yield { ...slice, alerts: portion.alerts };
}

/**
 * The source asks to wait: what was had goes on. But within one tick nothing can be divided; once something was had in it
 * the rest goes as it is, or it would be asked for again and again.
 */
async function* endWith(wait: SourceError, portion: Portion): AsyncGenerator<Slice> {
  const before = portion.beforeTick();
  if (before !== undefined) yield before;
  if (before !== undefined || !portion.hasHadSome) throw wait;
}

/** Resolves with the error where the source asks to wait. */
async function ask(
  alert: Alert,
  { reader, routes, onIncomplete }: Completing,
  signal: AbortSignal,
): Promise<Alert | SourceError> {
  const maxBytes = Math.min(...routes.map(({ limits }) => limits.maxBytes));
  try {
    const found = (await reader.complete?.(alert, maxBytes, signal)) ?? alert;
    if (typeof found !== "string") return found;
    onIncomplete?.(found);
    return alert;
  } catch (cause) {
    if (cause instanceof SourceError) return cause;
    throw cause;
  }
}

/** A part of a slice that is being made, with the tick that its last alerts share. */
class Portion {
  readonly alerts: Alert[] = [];
  /** Of the text in it. */
  bytes = 0;
  /** Whether something was had in the tick. */
  hasHadSome = false;
  readonly #sliceTo: Ticks;
  #tick: Ticks | undefined;
  #tickBegins = 0;

  constructor(sliceTo: Ticks) {
    this.#sliceTo = sliceTo;
  }

  /** Another alert comes, the oldest first. */
  next({ version }: Alert): void {
    const tick = /^\d+$/.test(version) ? BigInt(version) : undefined;
    if (tick === undefined || tick >= this.#sliceTo || (this.#tick !== undefined && tick <= this.#tick))
      return;
    this.#tick = tick;
    this.#tickBegins = this.alerts.length;
    this.hasHadSome = false;
  }

  add(alert: Alert, isHad: boolean): void {
    this.alerts.push(alert);
    this.bytes += alert.raw.length;
    this.hasHadSome ||= isHad;
  }

  /** All before the tick, as a slice; undefined where that is nothing. */
  beforeTick(): Slice | undefined {
    if (this.#tick === undefined || this.#tickBegins === 0) return undefined;
    return { to: this.#tick, alerts: this.alerts.slice(0, this.#tickBegins), unreadable: [] };
  }

  /** What is left when all before the tick is taken. */
  fromTick(): Portion {
    const rest = new Portion(this.#sliceTo);
    rest.#tick = this.#tick;
    for (const alert of this.alerts.slice(this.#tickBegins)) rest.add(alert, this.hasHadSome);
    return rest;
  }
}

/** Those that some sink is to get. */
async function newToASink(
  alerts: readonly Alert[],
  { place, routes, store, isAgain }: Completing,
): Promise<ReadonlySet<Alert>> {
  const wanted = new Set<Alert>();
  for (const route of routes) {
    const bound = alerts.filter((alert) => isOwn(alert, place) && route.accepts(alert));
    for (const alert of isAgain ? bound : await newTo(route, bound, place, store)) wanted.add(alert);
  }
  return wanted;
}

async function newTo(
  route: Route,
  bound: readonly Alert[],
  place: Place,
  store: Store,
): Promise<readonly Alert[]> {
  const at = { tenant: place.tenant.id, source: place.source, sink: route.sink };
  const sent = await store.sent(at, bound);
  const fresh = bound.filter((_, index) => sent[index] === undefined);
  const isUnwanted = await isUpdateUnwanted(fresh, route, place, store);
  return fresh.filter((alert, index) => !isUnwanted(alert, index));
}

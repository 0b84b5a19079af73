import { NO_SINK } from "../model/dead-letter.ts";
import type { Weeks } from "../model/rhythm.ts";
import { formatTicks, msFromTicks } from "../model/ticks.ts";
import { type LongWindow, progressOf, type WindowText, windowText } from "../model/window.ts";
import type { LedgerRow, PlaceName, PlaceState, Resting, Store } from "../queue/ports.ts";
import { silenceOf } from "./silence.ts";
import { placeState, type State, sinkState } from "./states.ts";
import { type Totals, totalsOf, type Verdict, verdictOf } from "./verdict.ts";

/** One tenant's source: how far it is read, and how its last round ended. Times are ISO 8601. */
export interface PlaceStatus extends PlaceName {
  readonly state: State;
  /** Everything before it is queued; null before the first round. */
  readonly cursor: string | null;
  readonly lagSeconds: number | null;
  readonly lastPoll: string | null;
  /** `completed`, or the kind of the failure; null before the first round. */
  readonly outcome: string | null;
  /** In the source's own words; null when the last round was completed. */
  readonly error: { readonly code: string | null; readonly message: string } | null;
  readonly failures: number;
  readonly nextPoll: string | null;
  /** When a round last brought something new. */
  readonly lastNew: string | null;
  /** Whether it is read without trouble and has been silent in hours that usually bring something. */
  readonly unusuallyQuiet: boolean;
  /** Hours since the last news that usually bring some; null while too little is known of the tenant. */
  readonly usualHours: number | null;
  /** Instants that the source fails to give out; they are asked for again. */
  readonly holes: number;
}

export interface SinkStatus {
  readonly sink: string;
  readonly state: State;
  readonly backlogAlerts: number;
  /** What these take in Redis. */
  readonly backlogBytes: number;
  readonly oldestSeconds: number;
  /** When the oldest batch that waits was sealed. */
  readonly oldestAt: string | null;
  readonly gaps: number;
  readonly deadLetters: number;
  /** Why the sink rests; null when it does not. */
  readonly resting: (Omit<Resting, "sinceMs"> & { readonly since: string }) | null;
}

/** A window that takes longer than a round. */
export interface WindowStatus extends PlaceName {
  readonly id: string;
  readonly window: WindowText;
  readonly sinks: readonly string[];
  /** 0 to 1 */
  readonly progress: number;
  readonly read: number;
  readonly queued: number;
}

/** A credential that ends. What it is stands in words; it tells nothing of the secret. */
export interface CredentialStatus {
  readonly credential: string;
  readonly expires: string;
  readonly tenants: readonly string[];
}

/** Where everything stands, from Redis: true for all replicas. */
export interface Snapshot {
  readonly at: string;
  readonly verdict: Verdict;
  readonly totals: Totals;
  readonly tenants: readonly PlaceStatus[];
  readonly sinks: readonly SinkStatus[];
  readonly windows: readonly WindowStatus[];
  readonly ledger: readonly LedgerRow[];
  /** Dead letters of what could not be read as an alert, and so was bound for no sink. */
  readonly setAside: number;
  /** The first to end comes first. */
  readonly credentials: readonly CredentialStatus[];
}

export interface Watched {
  readonly places: readonly PlaceName[];
  readonly sinks: readonly string[];
  readonly credentials: () => readonly CredentialStatus[];
}

export async function takeSnapshot(store: Store, watched: Watched): Promise<Snapshot> {
  const nowMs = Date.now();
  const [places, rhythms, ledgers, oldest, windows, resting, letters] = await Promise.all([
    store.placeStates(watched.places),
    store.rhythms(watched.places, nowMs),
    Promise.all([...watched.sinks, NO_SINK].map((sink) => store.ledger(sink))),
    Promise.all(watched.sinks.map((sink) => store.oldestWaitingMs(sink))),
    store.openWindows(),
    store.restingSinks(),
    store.countDeadLetters(),
  ]);
  const tenants = watched.places.map((place, index) => {
    const holes = windows.filter((window) => window.kind === "hole" && isOf(window, place)).length;
    return placeStatus(place, { state: places[index], weeks: rhythms[index], holes }, nowMs);
  });
  const sinks = watched.sinks.map((sink, index) =>
    sinkStatus(
      sink,
      { rows: ledgers[index] ?? [], oldestMs: oldest[index], windows, resting: resting.get(sink) },
      letters.get(sink) ?? 0,
      nowMs,
    ),
  );
  const ledger = ledgers.flat();
  const totals = totalsOf(ledger);
  const setAside = letters.get(NO_SINK) ?? 0;
  const credentials = watched.credentials();
  const deadLetters = sinks.reduce((sum, sink) => sum + sink.deadLetters, setAside);
  return {
    at: new Date(nowMs).toISOString(),
    verdict: verdictOf({ places: tenants, sinks, totals, deadLetters, credentials, nowMs }),
    totals,
    tenants,
    sinks,
    windows: windows.map(windowStatus),
    ledger,
    setAside,
    credentials,
  };
}

interface SinkFacts {
  readonly rows: readonly LedgerRow[];
  readonly oldestMs: number | undefined;
  readonly windows: readonly LongWindow[];
  readonly resting: Resting | undefined;
}

function sinkStatus(
  sink: string,
  { rows, oldestMs, windows, resting: why }: SinkFacts,
  deadLetters: number,
  nowMs: number,
): SinkStatus {
  const backlogAlerts = rows.reduce((sum, row) => sum + row.waiting, 0);
  const oldestSeconds = oldestMs === undefined ? 0 : Math.max(0, (nowMs - oldestMs) / 1000);
  const resting = restingStatus(why);
  return {
    sink,
    state: sinkState({ backlogAlerts, oldestSeconds, resting }),
    backlogAlerts,
    backlogBytes: rows.reduce((sum, row) => sum + row.bytes, 0),
    oldestSeconds,
    oldestAt: isoOf(oldestMs),
    gaps: windows.filter(({ kind, sinks }) => kind === "gap" && sinks.includes(sink)).length,
    deadLetters,
    resting,
  };
}

interface PlaceFacts {
  readonly state: PlaceState | undefined;
  readonly weeks: Weeks | undefined;
  readonly holes: number;
}

function placeStatus(place: PlaceName, { state, weeks, holes }: PlaceFacts, nowMs: number): PlaceStatus {
  const silence = state === undefined ? undefined : silenceOf(state, weeks ?? new Map(), nowMs);
  const { cursor, last, freshMs } = state ?? {};
  const outcome = last?.outcome ?? null;
  const failures = last?.failures ?? 0;
  const unusuallyQuiet = silence?.isUnusual ?? false;
  const ms = cursor === undefined ? undefined : msFromTicks(cursor);
  return {
    ...place,
    state: placeState({ outcome, failures, nextMs: last?.nextMs, unusuallyQuiet, holes }, nowMs),
    cursor: cursor === undefined ? null : formatTicks(cursor),
    lagSeconds: ms === undefined ? null : Math.max(0, (nowMs - ms) / 1000),
    lastPoll: isoOf(last?.atMs),
    outcome,
    error: last?.message === undefined ? null : { code: last.code ?? null, message: last.message },
    failures,
    nextPoll: isoOf(last?.nextMs),
    lastNew: isoOf(freshMs),
    unusuallyQuiet,
    usualHours: silence?.usualHours ?? null,
    holes,
  };
}

function isOf(window: PlaceName, { tenant, source }: PlaceName): boolean {
  return window.tenant === tenant && window.source === source;
}

function restingStatus(resting: Resting | undefined): SinkStatus["resting"] {
  if (resting === undefined) return null;
  const { sinceMs, ...why } = resting;
  return { ...why, since: new Date(sinceMs).toISOString() };
}

function windowStatus(window: LongWindow): WindowStatus {
  const { id, kind, tenant, source, sinks, read, queued } = window;
  return {
    id,
    tenant,
    source,
    window: windowText(kind, window),
    sinks,
    progress: progressOf(window),
    read,
    queued,
  };
}

function isoOf(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}

import { msFromTicks } from "../model/ticks.ts";
import type { LedgerRow, Store } from "../queue/store.ts";

/** One tenant's source: how far it is read. */
interface PlaceStatus {
  readonly tenant: string;
  readonly source: string;
  /** Everything before it is queued, ISO 8601; null before the first round. */
  readonly cursor: string | null;
  readonly lagSeconds: number | null;
}

interface SinkStatus {
  readonly sink: string;
  readonly backlogAlerts: number;
  readonly backlogBytes: number;
  readonly oldestSeconds: number;
  /** Why this process lets the sink rest: a kind of failure; null when it does not. */
  readonly resting: string | null;
}

/** Where everything stands, from Redis: true for all replicas. */
export interface Snapshot {
  readonly tenants: readonly PlaceStatus[];
  readonly sinks: readonly SinkStatus[];
  readonly ledger: readonly LedgerRow[];
}

export interface Watched {
  readonly places: readonly { readonly tenant: string; readonly source: string }[];
  readonly sinks: readonly string[];
  readonly restingSince: (sink: string) => string | undefined;
}

export async function takeSnapshot(store: Store, watched: Watched, extraLedger: string): Promise<Snapshot> {
  const nowMs = Date.now();
  const [cursors, ledgers, oldest] = await Promise.all([
    store.cursors(watched.places),
    Promise.all([...watched.sinks, extraLedger].map((sink) => store.ledger(sink))),
    Promise.all(watched.sinks.map((sink) => store.oldestWaitingMs(sink))),
  ]);
  return {
    tenants: watched.places.map((place, index) => {
      const cursor = cursors[index];
      const ms = cursor === undefined ? undefined : msFromTicks(cursor);
      return {
        ...place,
        cursor: ms === undefined ? null : new Date(ms).toISOString(),
        lagSeconds: ms === undefined ? null : Math.max(0, (nowMs - ms) / 1000),
      };
    }),
    sinks: watched.sinks.map((sink, index) => {
      const rows = ledgers[index] ?? [];
      const oldestMs = oldest[index];
      return {
        sink,
        backlogAlerts: rows.reduce((sum, row) => sum + row.waiting, 0),
        backlogBytes: rows.reduce((sum, row) => sum + row.bytes, 0),
        oldestSeconds: oldestMs === undefined ? 0 : Math.max(0, (nowMs - oldestMs) / 1000),
        resting: watched.restingSince(sink) ?? null,
      };
    }),
    ledger: ledgers.flat(),
  };
}

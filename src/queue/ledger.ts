import type { Redis } from "ioredis";
import type { Keys } from "./keys.ts";

/** One tenant's row in the ledger of a sink. `waiting` counts alerts, `bytes` what they take in Redis. */
export interface LedgerRow {
  readonly tenant: string;
  readonly sink: string;
  readonly enqueued: number;
  readonly delivered: number;
  readonly waiting: number;
  readonly bytes: number;
  /** The last number that was given. */
  readonly seq: number;
  readonly dead: Readonly<Record<string, number>>;
}

/** Why a sink rests, as the process says that met it last. */
export interface Resting {
  readonly sinceMs: number;
  readonly kind: string;
  readonly code: string | undefined;
  readonly message: string;
}

const COUNTS = ["enqueued", "delivered", "waiting", "bytes", "seq"] as const;
type Count = (typeof COUNTS)[number];

/** What was counted, and what waits. */
export function createLedger(redis: Redis, keys: Keys) {
  return {
    async ledger(sink: string): Promise<LedgerRow[]> {
      return ledgerRows(sink, await redis.hgetall(keys.ledger(sink)));
    },

    /** What all that waits for a sink takes in Redis, in bytes. */
    async backlogBytes(sink: string): Promise<number> {
      return Number((await redis.hget(keys.ledger(sink), "|bytes")) ?? 0);
    },

    /** When the oldest batch that waits for the sink was sealed, ms; undefined when none waits. */
    async oldestWaitingMs(sink: string): Promise<number | undefined> {
      const [, score] = await redis.zrange(keys.waiting(sink), 0, "0", "WITHSCORES");
      return score === undefined ? undefined : Number(score);
    },

    /** Keeps why a sink rests; undefined: it does not. */
    async noteResting(sink: string, why: Resting | undefined): Promise<void> {
      if (why === undefined) await redis.hdel(keys.resting, sink);
      else await redis.hset(keys.resting, sink, JSON.stringify(why));
    },

    async restingSinks(): Promise<Map<string, Resting>> {
      const found = await redis.hgetall(keys.resting);
      return new Map(Object.entries(found).map(([sink, text]) => [sink, JSON.parse(text) as Resting]));
    },
  };
}

type Row = { -readonly [K in keyof LedgerRow]: LedgerRow[K] } & { dead: Record<string, number> };

function ledgerRows(sink: string, fields: Readonly<Record<string, string>>): LedgerRow[] {
  const rows = new Map<string, Row>();
  for (const [field, value] of Object.entries(fields)) {
    const [tenant = "", what = "", reason = ""] = field.split("|");
    // The sums over all tenants stand beside theirs.
    if (tenant === "") continue;
    const row = rows.get(tenant) ?? emptyRow(tenant, sink);
    rows.set(tenant, row);
    if (what === "dead") row.dead[reason] = Number(value);
    else if (isCount(what)) row[what] = Number(value);
  }
  return [...rows.values()];
}

function emptyRow(tenant: string, sink: string): Row {
  return { tenant, sink, enqueued: 0, delivered: 0, waiting: 0, bytes: 0, seq: 0, dead: {} };
}

function isCount(word: string): word is Count {
  return COUNTS.some((count) => count === word);
}

import { createHash } from "node:crypto";
import type { Redis } from "ioredis";
import type { Alert, Unreadable } from "../model/alert.ts";
import type { Batch, DeadLetter, Numbers } from "../model/batch.ts";
import { StartupError } from "../model/failure.ts";
import { formatTicks, type Ticks } from "../model/ticks.ts";
import type { Codec } from "./codec.ts";
import { type Keys, NO_SINK } from "./keys.ts";
import { COMMIT, SEAL, SET_ASIDE, SETTLE } from "./scripts.ts";

/** Layout of the keys. */
const FORMAT = 1;

/** A batch whose content is kept and numbered, and that must reach its sink's queue. */
export interface SealedBatch {
  readonly id: string;
  readonly sink: string;
  readonly priority: number;
}

/** Proof that a read job is still ours: its lock in Redis holds our token. */
export interface Fence {
  readonly lockKey: string;
  readonly token: string;
}

/** The job was taken over by another process; whoever holds it now goes on. */
export class FencedOff extends Error {
  override readonly name = "FencedOff";
}

export interface ReadState {
  /** Everything before it is queued; undefined before the first round. */
  readonly cursor: Ticks | undefined;
  /** When the last round began, ms. */
  readonly roundMs: number | undefined;
  /** Sealed by a round that did not come to its end. */
  readonly pending: readonly SealedBatch[];
}

export interface Settlement {
  readonly delivered: number;
  readonly dead: readonly DeadLetter[];
}

/** One tenant's row in the ledger of a sink. `waiting` counts alerts, `batches` their jobs. */
export interface LedgerRow {
  readonly tenant: string;
  readonly sink: string;
  readonly enqueued: number;
  readonly delivered: number;
  readonly waiting: number;
  readonly bytes: number;
  readonly dead: Readonly<Record<string, number>>;
}

export type Store = ReturnType<typeof createStore>;

/** What lies in Redis besides BullMQ's jobs: cursors, known versions, sealed batches, the ledger, dead letters. */
export function createStore(redis: Redis, keys: Keys, codec: Codec) {
  const seal = script(redis, SEAL);
  const commit = script(redis, COMMIT);
  const settle = script(redis, SETTLE);
  const setAside = script(redis, SET_ASIDE);

  return {
    async readState(tenant: string, source: string): Promise<ReadState> {
      const [state, pending] = await Promise.all([
        redis.hgetall(keys.state(tenant, source)),
        redis.hgetall(keys.pending(tenant, source)),
      ]);
      return {
        cursor: state["cursor"] === undefined ? undefined : BigInt(state["cursor"]),
        roundMs: state["roundMs"] === undefined ? undefined : Number(state["roundMs"]),
        pending: Object.entries(pending).map(([id, entry]) => {
          const [priority = "0", sink = ""] = entry.split(" ");
          return { id, sink, priority: Number(priority) };
        }),
      };
    },

    /** Those of the alerts whose version was never queued for the sink. */
    async unseen(tenant: string, source: string, sink: string, alerts: readonly Alert[]): Promise<Alert[]> {
      if (alerts.length === 0) return [];
      const members = alerts.map((alert) => `${alert.id}@${alert.version}`);
      const scores = await redis.zmscore(keys.seen(tenant, source, sink), ...members);
      const taken = new Set<string>();
      // A page may hold the same version twice, when it was paged through a moving list.
      return alerts.filter((_, index) => {
        const member = members[index] ?? "";
        if (scores[index] !== null || taken.has(member)) return false;
        taken.add(member);
        return true;
      });
    },

    /**
     * Numbers a batch and keeps it, in one step. Sealing it again changes nothing.
     *
     * @param rememberAtMs for how long a version is remembered counts from this time on.
     * @param priorityFor gives the queue priority from the number of batches that wait for the tenant there.
     * @throws FencedOff
     */
    async seal(
      fence: Fence,
      batch: Batch,
      alerts: readonly Alert[],
      rememberAtMs: (alert: Alert) => number,
      priorityFor: (batchesWaiting: number) => number,
    ): Promise<SealedBatch> {
      const { alerts: queued, ...head } = batch;
      const tenant = batch.tenant.id;
      const known = await redis.hget(keys.ledger(batch.sink), `${tenant}|batches`);
      const priority = priorityFor(Number(known ?? 0));
      const reply = await seal(
        [
          fence.lockKey,
          keys.batch(batch.id),
          keys.seen(tenant, batch.source, batch.sink),
          keys.ledger(batch.sink),
          keys.pending(tenant, batch.source),
          keys.waiting(batch.sink),
        ],
        [
          fence.token,
          batch.id,
          tenant,
          JSON.stringify({ ...head, count: queued.length }),
          await codec.encode(queued, batch.id),
          batch.bytes,
          batch.sealedMs,
          `${priority} ${batch.sink}`,
          keys.revisions(tenant, batch.source),
          ...alerts.flatMap((alert) => [
            alert.id,
            alert.version,
            rememberAtMs(alert),
            /^\d{4}-\d{2}/.exec(alert.createdText ?? "")?.[0] ?? "undated",
          ]),
        ],
      );
      if (reply === -1) throw new FencedOff(`The read job of ${tenant} was taken over.`);
      return { id: batch.id, sink: batch.sink, priority };
    },

    /**
     * Moves the cursor.
     *
     * @param roundMs when the round began; undefined while it has not read to its end.
     * @throws FencedOff
     */
    async commit(
      fence: Fence,
      place: { readonly tenant: string; readonly source: string; readonly sinks: readonly string[] },
      step: {
        readonly cursor: Ticks;
        readonly roundMs: number | undefined;
        readonly forgetBelowMs: number;
        readonly queued: readonly SealedBatch[];
      },
    ): Promise<void> {
      const { tenant, source, sinks } = place;
      const reply = await commit(
        [
          fence.lockKey,
          keys.state(tenant, source),
          keys.pending(tenant, source),
          ...sinks.map((sink) => keys.seen(tenant, source, sink)),
        ],
        [
          fence.token,
          String(step.cursor),
          step.roundMs ?? "",
          step.forgetBelowMs,
          ...step.queued.map(({ id }) => id),
        ],
      );
      if (reply !== 1) throw new FencedOff(`The read job of ${tenant} was taken over.`);
    },

    /** @returns the dead letters that were not known. @throws FencedOff */
    async setAside(fence: Fence, tenant: string, letters: readonly DeadLetter[]): Promise<DeadLetter[]> {
      const entries = await Promise.all(letters.map((letter) => deadLetterEntry(letter, codec)));
      const reply = await setAside(
        [fence.lockKey, keys.ledger(NO_SINK), keys.deadLetters],
        [fence.token, tenant, ...entries.flat()],
      );
      if (!Array.isArray(reply)) throw new FencedOff(`The read job of ${tenant} was taken over.`);
      const fresh = new Set(reply.map(String));
      return letters.filter(({ id }) => fresh.has(id));
    },

    /** Undefined when the batch was settled before. */
    async loadBatch(id: string): Promise<{ batch: Batch; numbers: Numbers } | undefined> {
      const fields = await redis.hgetallBuffer(keys.batch(id));
      const { head, body, seq, revisions } = fields;
      if (head === undefined || body === undefined) return undefined;
      return {
        batch: {
          ...(JSON.parse(String(head)) as Omit<Batch, "alerts">),
          alerts: await codec.decode(body, id),
        },
        numbers: { firstSeq: Number(String(seq)), revisions: String(revisions).split(",").map(Number) },
      };
    },

    /** @returns false when it was settled before; then nothing is counted. */
    async settle(batch: Batch, settlement: Settlement): Promise<boolean> {
      const entries = await Promise.all(settlement.dead.map((letter) => deadLetterEntry(letter, codec)));
      const reply = await settle(
        [keys.batch(batch.id), keys.ledger(batch.sink), keys.waiting(batch.sink), keys.deadLetters],
        [
          batch.id,
          batch.tenant.id,
          batch.alerts.length,
          settlement.delivered,
          batch.bytes,
          ...entries.flat(),
        ],
      );
      return reply === 1;
    },

    async ledger(sink: string): Promise<LedgerRow[]> {
      return ledgerRows(sink, await redis.hgetall(keys.ledger(sink)));
    },

    /** When the oldest batch that waits for the sink was sealed, ms; undefined when none waits. */
    async oldestWaitingMs(sink: string): Promise<number | undefined> {
      const [, score] = await redis.zrange(keys.waiting(sink), 0, "0", "WITHSCORES");
      return score === undefined ? undefined : Number(score);
    },

    /** The cursors of many tenants' sources, in the order asked for. */
    async cursors(
      places: readonly { readonly tenant: string; readonly source: string }[],
    ): Promise<(Ticks | undefined)[]> {
      const pipeline = redis.pipeline();
      for (const { tenant, source } of places) pipeline.hget(keys.state(tenant, source), "cursor");
      const replies = (await pipeline.exec()) ?? [];
      return replies.map(([, cursor]) => (typeof cursor === "string" ? BigInt(cursor) : undefined));
    },

    async ping(): Promise<void> {
      await redis.ping();
    },

    /**
     * Marks what lies here with the layout of this version, or finds another one.
     *
     * @throws StartupError when a newer version wrote it.
     */
    async claimFormat(): Promise<void> {
      await redis.setnx(keys.format, FORMAT);
      const found = await redis.get(keys.format);
      if (found === String(FORMAT)) return;
      throw new StartupError(
        `Redis holds alerts in format ${found}; this version reads ${FORMAT}. Run the version that wrote it.`,
      );
    },
  };
}

/** A dead letter for something that could not be read as an alert of its tenant. */
export function readingLetter(
  place: { readonly tenant: string; readonly source: string },
  element: Unreadable | Alert,
  reason: string,
  message: string,
): DeadLetter {
  const name = "reason" in element ? element.id : `${element.id}@${element.version}`;
  return {
    id: `d-${sha256(`${place.tenant}\n${place.source}\n${reason}\n${name}`).slice(0, 24)}`,
    ...place,
    sink: NO_SINK,
    alertId: "reason" in element ? undefined : element.id,
    eventId: undefined,
    reason,
    message,
    attempts: 0,
    at: formatTicks(BigInt(Date.now()) * 10_000n),
    raw: element.raw,
  };
}

/** The alert's own text is packed and sealed as in a batch. */
async function deadLetterEntry(letter: DeadLetter, codec: Codec): Promise<[string, string, string]> {
  const { raw, ...rest } = letter;
  const facts = {
    alertId: letter.alertId ?? "",
    eventId: letter.eventId ?? "",
    updatedMs: undefined,
    device: undefined,
  };
  const body = await codec.encode([{ ...facts, raw }], letter.id);
  return [letter.id, letter.reason, JSON.stringify({ v: 1, ...rest, body: body.toString("base64") })];
}

function ledgerRows(sink: string, fields: Readonly<Record<string, string>>): LedgerRow[] {
  const rows = new Map<
    string,
    { -readonly [K in keyof LedgerRow]: LedgerRow[K] } & { dead: Record<string, number> }
  >();
  for (const [field, value] of Object.entries(fields)) {
    const [tenant = "", what = "", reason = ""] = field.split("|");
    const row = rows.get(tenant) ?? {
      tenant,
      sink,
      enqueued: 0,
      delivered: 0,
      waiting: 0,
      bytes: 0,
      dead: {},
    };
    rows.set(tenant, row);
    if (what === "dead") row.dead[reason] = Number(value);
    else if (what === "enqueued" || what === "delivered" || what === "waiting" || what === "bytes")
      row[what] = Number(value);
  }
  return [...rows.values()];
}

type Argument = string | number | Buffer;

/** Runs a script by its digest, and sends its text only when Redis does not know it (yet, or any more). */
function script(redis: Redis, lua: string) {
  const digest = createHash("sha1").update(lua).digest("hex");
  return async (keys: readonly string[], args: readonly Argument[]): Promise<unknown> => {
    const words = args.map((argument) => (typeof argument === "number" ? String(argument) : argument));
    try {
      return await redis.evalsha(digest, keys.length, ...keys, ...words);
    } catch (cause) {
      if (!(cause instanceof Error) || !cause.message.startsWith("NOSCRIPT")) throw cause;
      return await redis.eval(lua, keys.length, ...keys, ...words);
    }
  };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

import type { Redis } from "ioredis";
import type { Alert } from "../model/alert.ts";
import type { Batch, Numbers } from "../model/batch.ts";
import type { WindowKind } from "../model/window.ts";
import { type Codec, letGoOf, storedBytes } from "./codec.ts";
import { deadLetterEntry } from "./dead-letters.ts";
import { type Fence, FencedOff } from "./fence.ts";
import type { Keys } from "./keys.ts";
import type { Sealed, Sealing, Settlement } from "./ports.ts";
import { script } from "./script.ts";
import { RECOUNT, SEAL, SEAL_REPLY, SETTLE } from "./scripts.ts";
import {
  alertCell,
  keyList,
  readCells,
  readSent,
  revisionCell,
  type SentRecord,
  sealingText,
  sentCell,
  suppressedText,
  type VersionName,
} from "./sent.ts";
import { WarmBatches } from "./warm.ts";

/** How long the revision of an alert is remembered after its last update, seconds: alerts change for months. */
const REVISION_TTL_SECONDS = 180 * 86_400;

interface SinkOfPlace {
  readonly tenant: string;
  readonly source: string;
  readonly sink: string;
}

/** The batches that wait, and what is remembered of those that were sent. */
export function createBatches(redis: Redis, keys: Keys, codec: Codec, rememberMs: number) {
  const seal = script(redis, SEAL);
  const settle = script(redis, SETTLE);
  const recount = script(redis, RECOUNT);
  const warm = new WarmBatches();

  return {
    /** What is remembered of versions that a sink was given, in the order asked for; undefined: never given. */
    sent: (at: SinkOfPlace, versions: readonly VersionName[]): Promise<(SentRecord | undefined)[]> =>
      readSent(redis, keys, at, versions),

    /** The digest of what each alert's sink was last given of it, in the order asked for; undefined: nothing. */
    async materials(at: SinkOfPlace, alerts: readonly Alert[]): Promise<(string | undefined)[]> {
      const prefix = keys.material(at.tenant, at.source, at.sink);
      const found = await readCells(
        redis,
        alerts.map((alert) => revisionCell(prefix, monthOf(alert), alert.id)),
      );
      return found.map((text) => text?.split(" ")[0]);
    },

    /** Remembers of versions that the sink is not to be given them. What is known of one stays as it is. */
    async suppress(at: SinkOfPlace, versions: readonly VersionName[], nowMs: number): Promise<void> {
      const pipeline = redis.pipeline();
      const prefix = keys.sent(at.tenant, at.source, at.sink);
      const cells = versions.map((version) => sentCell(prefix, version));
      for (const { key, field } of cells) pipeline.hsetnx(key, field, suppressedText(nowMs));
      for (const key of new Set(cells.map((cell) => cell.key))) {
        pipeline.expire(key, Math.ceil(rememberMs / 1000));
      }
      for (const [error] of (await pipeline.exec()) ?? []) if (error !== null) throw error;
    },

    /**
     * The newest version of an alert that any sink of a place was given, by the alert's id alone.
     *
     * @param months of its creation to look in, `2026-05`.
     */
    async newestVersion(
      at: { readonly tenant: string; readonly source: string },
      id: string,
      months: readonly string[],
    ): Promise<{ readonly version: string; readonly revision: number } | undefined> {
      const prefix = keys.revisions(at.tenant, at.source);
      const found = await readCells(
        redis,
        months.map((month) => revisionCell(prefix, month, id)),
      );
      const [revision, version] = found.find((text) => text !== null)?.split(" ") ?? [];
      return version === undefined ? undefined : { version, revision: Number(revision) };
    },

    /**
     * Numbers a batch and keeps it, in one step. Sealing it again changes nothing.
     *
     * @throws FencedOff
     */
    async seal(fence: Fence, batch: Batch, alerts: readonly Alert[], how: Sealing): Promise<Sealed> {
      const { alerts: queued, ...head } = batch;
      const tenant = batch.tenant.id;
      await warm.room(batch.sink);
      const headText = JSON.stringify({ ...head, count: queued.length });
      const [{ content: body, own }, waiting] = await Promise.all([
        codec.encode(queued, batch.id),
        redis.hget(keys.ledger(batch.sink), `${tenant}|batches`),
      ]);
      const priority = how.priorityFor(Number(waiting ?? 0));
      const list = keyList([
        fence.lockKey,
        keys.batch(batch.id),
        keys.ledger(batch.sink),
        keys.pending(tenant, batch.source, how.window),
        keys.waiting(batch.sink),
      ]);
      const sentPrefix = keys.sent(tenant, batch.source, batch.sink);
      const revisionPrefix = keys.revisions(tenant, batch.source);
      const materialPrefix = keys.material(tenant, batch.source, batch.sink);
      const perAlert = alerts.flatMap((alert) => {
        const sent = sentCell(sentPrefix, alert);
        const { suffix, field } = alertCell(monthOf(alert), alert.id);
        return [
          list.indexOf(sent.key),
          sent.field,
          list.indexOf(`${revisionPrefix}${suffix}`),
          field,
          wellFormed(alert.version),
          list.indexOf(`${materialPrefix}${suffix}`),
          alert.material,
        ];
      });
      const reply = await seal(list.keys, [
        fence.token,
        batch.id,
        tenant,
        headText,
        body,
        storedBytes(headText, body, queued.length),
        batch.sealedMs,
        `${priority} ${batch.sink}`,
        how.mode,
        how.maxBacklogBytes,
        sealingText(batch.sealedMs, batch.id),
        Math.ceil(rememberMs / 1000),
        REVISION_TTL_SECONDS,
        JSON.stringify(perAlert),
      ]);
      if (reply !== SEAL_REPLY.sealed || !warm.keep(batch.id, batch.sink, own)) letGoOf(own);
      if (reply === SEAL_REPLY.fenced) throw new FencedOff(tenant);
      if (reply === SEAL_REPLY.known) return "known";
      if (reply === SEAL_REPLY.full) return "full";
      return { id: batch.id, sink: batch.sink, priority };
    },

    /** Ids of what waits for a sink, the oldest first: sealed before a time, and at most so many. */
    waitingSince: (sink: string, beforeMs: number, most: number): Promise<string[]> =>
      redis.zrangebyscore(keys.waiting(sink), 0, beforeMs, "LIMIT", 0, most),

    /** Of which kind the windows are that batches come from; undefined for one that was settled before. */
    async kindsOf(ids: readonly string[]): Promise<readonly (WindowKind | undefined)[]> {
      const heads = await Promise.all(ids.map((id) => redis.hget(keys.batch(id), "head")));
      return heads.map((head) => (head === null ? undefined : (JSON.parse(head) as Batch).window.kind));
    },

    /** Undefined when the batch was settled before. `letGo` gives its memory back; nothing may be read of it then. */
    async loadBatch(id: string): Promise<{ batch: Batch; numbers: Numbers; letGo: () => void } | undefined> {
      const known = warm.take(id);
      const key = keys.batch(id);
      const [head, seqs, revisions] = await redis.hmget(key, "head", "seqs", "revisions");
      const body = known === undefined ? await redis.hgetBuffer(key, "body") : null;
      if (head == null || (known === undefined && body === null)) return undefined;
      const alerts = body === null ? (known ?? []) : await codec.decode(body, id);
      return {
        batch: { ...(JSON.parse(head) as Omit<Batch, "alerts">), alerts },
        letGo: () => letGoOf(alerts),
        numbers: { seqs: numbersIn(seqs ?? ""), revisions: numbersIn(revisions ?? "") },
      };
    },

    /** @returns false when it was settled before; then nothing is counted. */
    async settle(batch: Batch, settlement: Settlement, nowMs: number): Promise<boolean> {
      const { id, tenant, source, sink } = batch;
      const entries = await Promise.all(settlement.dead.map((letter) => deadLetterEntry(letter, codec)));
      const deadIds = new Set(settlement.dead.map(({ eventId }) => eventId));
      const shortened = new Set(settlement.shortened);
      const list = keyList([
        keys.batch(id),
        keys.ledger(sink),
        keys.waiting(sink),
        keys.deadLetters,
        keys.deadLetterTimes,
      ]);
      const prefix = keys.sent(tenant.id, source, sink);
      const perAlert = batch.alerts.flatMap(({ alertId, version, eventId }) => {
        const cell = sentCell(prefix, { id: alertId, version });
        return [
          list.indexOf(cell.key),
          cell.field,
          deadIds.has(eventId) ? "x" : "d",
          shortened.has(eventId) ? "s" : "",
        ];
      });
      const reply = await settle(list.keys, [
        id,
        tenant.id,
        batch.alerts.length,
        settlement.delivered,
        nowMs.toString(36),
        settlement.attempts,
        settlement.dead.length,
        ...entries.flat(),
        JSON.stringify(perAlert),
      ]);
      return reply === 1;
    },

    /**
     * Counts anew what waits for a sink, from the batches that are there.
     *
     * @returns how many batches the ledger knew that are gone.
     */
    async recount(sink: string): Promise<number> {
      for (;;) {
        const ids = await redis.zrange(keys.waiting(sink), 0, "-1");
        const reply = await recount(
          [keys.ledger(sink), keys.waiting(sink), ...ids.map(keys.batch)],
          [...ids],
        );
        // Another batch was sealed or settled in between.
        if (reply !== -1) return Number(reply);
      }
    },

    /** The numbers of everything of a tenant that waits for a sink. */
    async waitingSeqs(tenant: string, sink: string): Promise<Set<number>> {
      const ids = await redis.zrange(keys.waiting(sink), 0, "-1");
      const pipeline = redis.pipeline();
      for (const id of ids) pipeline.hmget(keys.batch(id), "head", "seqs");
      const replies = (await pipeline.exec()) ?? [];
      return new Set(replies.flatMap(([, reply]) => seqsOf(tenant, reply)));
    },
  };
}

/** What JSON would write as an escape that Redis's own reader refuses. */
function wellFormed(version: string): string {
  return version.startsWith("~") ? String(Buffer.from(version)) : version;
}

function monthOf({ createdText }: { readonly createdText: string | undefined }): string {
  return /^\d{4}-\d{2}/.exec(createdText ?? "")?.[0] ?? "undated";
}

/** The numbers in a batch of the tenant; none when it was settled in the meantime. */
function seqsOf(tenant: string, reply: unknown): number[] {
  const [head, seqs] = Array.isArray(reply) ? reply : [];
  if (typeof head !== "string" || typeof seqs !== "string") return [];
  return (JSON.parse(head) as Batch).tenant.id === tenant ? numbersIn(seqs) : [];
}

function numbersIn(text: string): number[] {
  return text.split(",").map(Number);
}

import type { Redis } from "ioredis";
import { type Batch, batchId } from "../model/batch.ts";
import { type DeadLetter, NO_SINK, type SentFacts } from "../model/dead-letter.ts";
import { priorityOf } from "../model/window.ts";
import { type Codec, storedBytes } from "./codec.ts";
import { type Fence, FencedOff } from "./fence.ts";
import type { Keys } from "./keys.ts";
import type { SealedBatch } from "./ports.ts";
import { script } from "./script.ts";
import { RETRY, SET_ASIDE } from "./scripts.ts";

/** Layout of a stored dead letter. */
const VERSION = 1;
/** Letters that are read from Redis, and that are put into one batch, at once. */
const AT_ONCE = 200;

/** Which dead letters are meant; all of them where nothing is said. */
export interface LetterFilter {
  readonly sink?: string | undefined;
  readonly tenant?: string | undefined;
}

/** A part of the list of dead letters, from the newest on. */
export interface LetterPage {
  readonly letters: readonly LetterSummary[];
  /** What the next page is asked for with; undefined behind the last one. */
  readonly next: string | undefined;
}

/** A dead letter without its alert's text. */
export type LetterSummary = Omit<DeadLetter, "raw">;

type Stored = LetterSummary & { readonly v: number; readonly body: string };
type Retryable = Stored & { readonly sent: SentFacts };

/** What was set aside for a person. */
export function createDeadLetters(redis: Redis, keys: Keys, codec: Codec) {
  const setAside = script(redis, SET_ASIDE);
  const retry = script(redis, RETRY);

  async function storedOf(ids: readonly string[]): Promise<Stored[]> {
    const stored: Stored[] = [];
    const wanted = [...new Set(ids)];
    for (let at = 0; at < wanted.length; at += AT_ONCE) {
      const texts = await redis.hmget(keys.deadLetters, ...wanted.slice(at, at + AT_ONCE));
      for (const text of texts) if (text !== null) stored.push(JSON.parse(text) as Stored);
    }
    return stored;
  }

  async function requeue(parts: readonly Retryable[], nowMs: number): Promise<SealedBatch | undefined> {
    const batch = await retryBatch(parts, codec, nowMs);
    const { alerts, ...head } = batch;
    const headText = JSON.stringify({ ...head, count: alerts.length });
    const { content: body } = await codec.encode(alerts, batch.id);
    const priority = priorityOf(batch.window.kind, 0);
    const reply = await retry(
      [
        keys.batch(batch.id),
        keys.ledger(batch.sink),
        keys.waiting(batch.sink),
        keys.deadLetters,
        keys.deadLetterTimes,
        keys.pending(batch.tenant.id, batch.source),
      ],
      [
        batch.id,
        batch.tenant.id,
        headText,
        body,
        storedBytes(headText, body, alerts.length),
        nowMs,
        parts.map(({ sent }) => sent.seq).join(","),
        parts.map(({ sent }) => sent.revision).join(","),
        `${priority} ${batch.sink}`,
        ...parts.flatMap((letter) => [letter.id, memberOf(letter)]),
      ],
    );
    return reply === 1 ? { id: batch.id, sink: batch.sink, priority } : undefined;
  }

  async function discard(ids: readonly string[]): Promise<number> {
    const letters = await storedOf(ids);
    if (letters.length === 0) return 0;
    await redis
      .multi()
      .hdel(keys.deadLetters, ...letters.map(({ id }) => id))
      .zrem(keys.deadLetterTimes, ...letters.map(memberOf))
      .exec();
    return letters.length;
  }

  return {
    /** @returns the dead letters that were not known. @throws FencedOff */
    async setAside(fence: Fence, tenant: string, letters: readonly DeadLetter[]): Promise<DeadLetter[]> {
      const entries = await Promise.all(letters.map((letter) => deadLetterEntry(letter, codec)));
      const reply = await setAside(
        [fence.lockKey, keys.ledger(NO_SINK), keys.deadLetters, keys.deadLetterTimes],
        [fence.token, tenant, ...entries.flat()],
      );
      if (!Array.isArray(reply)) throw new FencedOff(tenant);
      const fresh = new Set(reply.map(String));
      return letters.filter(({ id }) => fresh.has(id));
    },

    /** Oldest first. */
    async deadLetters(filter: LetterFilter = {}): Promise<LetterSummary[]> {
      const members = await redis.zrange(keys.deadLetterTimes, 0, "-1");
      const ids = members.map(parseMember).filter(({ sink }) => (filter.sink ?? sink) === sink);
      return (await storedOf(ids.map(({ id }) => id)))
        .filter(({ tenant }) => (filter.tenant ?? tenant) === tenant)
        .map(({ v: _, body: __, ...letter }) => letter);
    },

    /**
     * A page of them, the newest first. Letters that come or go meanwhile move no other one to another page.
     *
     * @param after `next` of the page before.
     */
    async deadLetterPage(
      limit: number,
      { sink, after }: { readonly sink?: string | undefined; readonly after?: string | undefined } = {},
    ): Promise<LetterPage> {
      const isWanted = (member: string) => (sink ?? parseMember(member).sink) === parseMember(member).sink;
      const [atMs, last = ""] = splitOnce(after ?? "+inf");
      const sameTime = last === "" ? [] : await redis.zrevrangebyscore(keys.deadLetterTimes, atMs, atMs);
      const found = sameTime.filter((member) => member < last && isWanted(member));
      const from = last === "" ? atMs : `(${atMs}`;
      for (let offset = 0, isMore = true; isMore && found.length <= limit; offset += AT_ONCE) {
        const part = ["LIMIT", offset, AT_ONCE] as const;
        const some = await redis.zrevrangebyscore(keys.deadLetterTimes, from, "-inf", ...part);
        found.push(...some.filter(isWanted));
        isMore = some.length === AT_ONCE;
      }
      const stored = await storedOf(found.slice(0, limit).map((member) => parseMember(member).id));
      const letters = stored.map(({ v: _, body: __, ...letter }) => letter);
      const end = letters.at(-1);
      const isLast = found.length <= limit || end === undefined;
      return { letters, next: isLast ? undefined : `${Date.parse(end.at)}|${memberOf(end)}` };
    },

    async deadLetter(id: string): Promise<DeadLetter | undefined> {
      const [stored] = await storedOf([id]);
      if (stored === undefined) return undefined;
      const { v: _, body, ...letter } = stored;
      return { ...letter, raw: String(await bytesOf(stored.id, body, codec)) };
    },

    /**
     * Puts dead letters back on their way to their sinks, under the numbers that they had. What never was bound for a
     * sink stays.
     *
     * @returns the batches, which must reach their sinks' queues, and how many letters are in them.
     */
    async retryDeadLetters(
      ids: readonly string[],
      nowMs: number,
    ): Promise<{ readonly retried: number; readonly batches: readonly SealedBatch[] }> {
      const batches: SealedBatch[] = [];
      let retried = 0;
      for (const part of partsOf(await storedOf(ids))) {
        const sealed = await requeue(part, nowMs);
        if (sealed === undefined) continue;
        batches.push(sealed);
        retried += part.length;
      }
      return { retried, batches };
    },

    /** @returns how many were there to be discarded. */
    discardDeadLetters: discard,

    deadLetterTotal: (): Promise<number> => redis.zcard(keys.deadLetterTimes),

    /** How many letters lie there for each sink. */
    async countDeadLetters(): Promise<Map<string, number>> {
      const counts = new Map<string, number>();
      for (const member of await redis.zrange(keys.deadLetterTimes, 0, "-1")) {
        const { sink } = parseMember(member);
        counts.set(sink, (counts.get(sink) ?? 0) + 1);
      }
      return counts;
    },

    /** Discards the oldest beyond a number, and those from before a time (ms). @returns how many. */
    async trimDeadLetters(maxCount: number, beforeMs: number): Promise<number> {
      const tooMany = (await redis.zcard(keys.deadLetterTimes)) - maxCount;
      const excess = tooMany > 0 ? await redis.zrange(keys.deadLetterTimes, 0, String(tooMany - 1)) : [];
      const old = await redis.zrangebyscore(keys.deadLetterTimes, "-inf", `(${beforeMs}`);
      return await discard([...new Set([...excess, ...old])].map((member) => parseMember(member).id));
    },
  };
}

/** Id, reason, JSON, time (ms) and member, as the scripts take them. The alert's own text is packed and sealed as in a batch. */
export async function deadLetterEntry(
  letter: DeadLetter,
  codec: Codec,
): Promise<[string, string, string, number, string]> {
  const { raw, ...rest } = letter;
  const facts = {
    alertId: letter.alertId ?? "",
    version: letter.sent?.version ?? "",
    eventId: letter.eventId ?? "",
    updatedMs: letter.sent?.updatedMs,
    device: letter.sent?.device,
  };
  const { content } = await codec.encode([{ ...facts, raw: Buffer.from(raw) }], letter.id);
  const text = JSON.stringify({ v: VERSION, ...rest, body: content.toString("base64") });
  return [letter.id, letter.reason, text, Date.parse(letter.at), memberOf(letter)];
}

/** How a letter stands in the list of times: with its sink, so that they can be counted without reading them. */
function memberOf({ sink, id }: { readonly sink: string; readonly id: string }): string {
  return `${sink}|${id}`;
}

function splitOnce(text: string): [string, string] {
  const at = text.indexOf("|");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function parseMember(member: string): { readonly sink: string; readonly id: string } {
  const [sink = "", id = ""] = member.split("|");
  return { sink, id };
}

/** Those that were bound for a sink, divided as batches are: by tenant, source and sink. */
function partsOf(letters: readonly Stored[]): Retryable[][] {
  const groups = new Map<string, Retryable[]>();
  for (const letter of letters) {
    if (letter.sent === undefined) continue;
    const name = `${letter.tenant}\n${letter.source}\n${letter.sink}`;
    groups.set(name, [...(groups.get(name) ?? []), { ...letter, sent: letter.sent }]);
  }
  return [...groups.values()].flatMap((group) =>
    Array.from({ length: Math.ceil(group.length / AT_ONCE) }, (_, index) =>
      group.slice(index * AT_ONCE, (index + 1) * AT_ONCE),
    ),
  );
}

async function retryBatch(letters: readonly Retryable[], codec: Codec, nowMs: number): Promise<Batch> {
  const [first] = letters;
  if (first === undefined) throw new Error("There is no batch of no letters.");
  const { source, sink, sent } = first;
  const versions = letters.map((letter) => ({ id: letter.id, version: letter.at }));
  return {
    id: batchId(sent.tenant.id, source, sink, versions, `retry ${nowMs}`),
    tenant: sent.tenant,
    source,
    sink,
    window: sent.window,
    alerts: await Promise.all(
      letters.map(async (letter) => ({
        alertId: letter.alertId ?? "",
        version: letter.sent.version,
        eventId: letter.eventId ?? "",
        updatedMs: letter.sent.updatedMs,
        device: letter.sent.device,
        raw: await bytesOf(letter.id, letter.body, codec),
      })),
    ),
    notReadableBeforeMs: nowMs,
    sealedMs: nowMs,
  };
}

async function bytesOf(id: string, body: string, codec: Codec): Promise<Buffer> {
  const [only] = await codec.decode(Buffer.from(body, "base64"), id);
  return only?.raw ?? Buffer.alloc(0);
}

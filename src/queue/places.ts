import type { Redis } from "ioredis";
import { HOURS_OF_WEEK, hourOf, WEEKS_KNOWN, type Weeks } from "../model/rhythm.ts";
import type { Ticks } from "../model/ticks.ts";
import { isHole, type LongWindow } from "../model/window.ts";
import { type Fence, FencedOff, RedisRestarted } from "./fence.ts";
import type { Keys } from "./keys.ts";
import type { SealedBatch } from "./ports.ts";
import { script } from "./script.ts";
import { COMMIT, IS_ANOTHER_REPLY, NOTE_ROUND, READ_STATE } from "./scripts.ts";

export interface PlaceName {
  readonly tenant: string;
  readonly source: string;
}

/** A round that was cut off goes on where it was. */
export interface Resume {
  readonly from: Ticks;
  readonly startedMs: number;
}

export interface ReadState {
  /** Everything before it is queued, and what was updated before `since` is not asked for; undefined: never read. */
  readonly reach: { readonly cursor: Ticks; readonly since: Ticks } | undefined;
  /** When the last round began that was read to its end, ms. */
  readonly roundMs: number | undefined;
  /** Where a round after it was cut off, and when that one began. */
  readonly resume: Resume | undefined;
  /** Sealed by a round that did not come to its end. */
  readonly pending: readonly SealedBatch[];
  /** Pointer → id of the newest gap's window. It may be closed by now. */
  readonly gaps: ReadonlyMap<string, string>;
  /** Ids of the holes that rounds have stepped over. They may be closed by now. */
  readonly holes: readonly string[];
}

/** How the last round of a place ended, for whoever asks why it is quiet. */
export interface RoundNote {
  readonly atMs: number;
  /** `completed`, or the kind of the failure. */
  readonly outcome: string;
  readonly code: string | undefined;
  readonly message: string | undefined;
  /** Failed rounds in a row. */
  readonly failures: number;
  readonly nextMs: number;
}

/** How far a place is read, and what became of its last round. */
export interface PlaceState {
  readonly cursor: Ticks | undefined;
  readonly last: RoundNote | undefined;
  /** When a round last brought something new, ms. */
  readonly freshMs: number | undefined;
  /** When its first round ended, ms. */
  readonly firstMs: number | undefined;
}

/** A silence of some weeks is compared with the weeks before it. */
const WEEKS_KEPT = 2 * WEEKS_KNOWN + 1;
const RHYTHM_MS = WEEKS_KEPT * HOURS_OF_WEEK * 3_600_000;

/** How far each tenant's source is read. */
export function createPlaces(redis: Redis, keys: Keys) {
  const commit = script(redis, COMMIT);
  const readState = script(redis, READ_STATE);
  const noteRound = script(redis, NOTE_ROUND);

  return {
    async readState(tenant: string, source: string): Promise<ReadState> {
      const found = await readState([keys.state(tenant, source), keys.pending(tenant, source)], []);
      const [state = {}, pending = {}] = (found as readonly (readonly string[])[]).map(hashOf);
      const { cursor, since, roundMs, resume } = state;
      return {
        reach: cursor === undefined ? undefined : { cursor: BigInt(cursor), since: BigInt(since ?? cursor) },
        roundMs: roundMs === undefined ? undefined : Number(roundMs),
        resume: parseResume(resume),
        pending: parsePending(pending),
        gaps: new Map(
          Object.entries(state)
            .filter(([field]) => field.startsWith("gap."))
            .map(([field, id]) => [field.slice("gap.".length), id]),
        ),
        holes: Object.keys(state).filter(isHole),
      };
    },

    /** Batches that a turn at a long window has sealed, and then did not come to its end. */
    async pendingOf({ id, tenant, source }: LongWindow): Promise<SealedBatch[]> {
      return parsePending(await redis.hgetall(keys.pending(tenant, source, id)));
    },

    /**
     * Keeps where a place begins to be read, once and for all.
     *
     * @returns what is kept, which may be what an earlier round that failed has chosen.
     */
    async begin(
      { tenant, source }: PlaceName,
      wanted: { readonly since: Ticks; readonly from: Ticks },
    ): Promise<{ readonly since: Ticks; readonly from: Ticks }> {
      const key = keys.state(tenant, source);
      await redis.hsetnx(key, "begun", `${wanted.since} ${wanted.from}`);
      const [since, from] = ((await redis.hget(key, "begun")) ?? "").split(" ");
      return { since: BigInt(since ?? wanted.since), from: BigInt(from ?? wanted.from) };
    },

    /**
     * Moves the cursor.
     *
     * @param roundMs when the round began; undefined while it has not read to its end.
     * @throws FencedOff
     */
    async commit(
      fence: Fence,
      { tenant, source }: PlaceName,
      step: {
        readonly cursor: Ticks;
        readonly since: Ticks;
        readonly roundMs: number | undefined;
        /** Where the next round goes on; absent when this one was read to its end. */
        readonly resume?: Resume | undefined;
        readonly queued: readonly SealedBatch[];
      },
    ): Promise<void> {
      const reply = await commit(
        [fence.lockKey, keys.state(tenant, source), keys.pending(tenant, source)],
        [
          fence.token,
          fence.redisId ?? "",
          String(step.cursor),
          String(step.since),
          step.roundMs ?? "",
          step.resume === undefined ? "" : `${step.resume.from} ${step.resume.startedMs}`,
          ...step.queued.map(({ id }) => id),
        ],
      );
      if (reply === IS_ANOTHER_REPLY) throw new RedisRestarted();
      if (reply !== 1) throw new FencedOff(tenant);
    },

    /** Keeps how a round ended. */
    async noteRound({ tenant, source }: PlaceName, note: RoundNote, isFresh: boolean): Promise<void> {
      const { week, ofWeek } = hourOf(note.atMs);
      await noteRound(
        [keys.state(tenant, source), keys.rhythm(tenant, source, week)],
        [JSON.stringify(note), note.atMs, isFresh ? ofWeek : "", RHYTHM_MS],
      );
    },

    /** When places usually have news, as far back as is of use, in the order asked for. */
    async rhythms(places: readonly PlaceName[], nowMs: number): Promise<Weeks[]> {
      const now = hourOf(nowMs).week;
      const numbers = Array.from({ length: WEEKS_KEPT }, (_, back) => now - back);
      const pipeline = redis.pipeline();
      for (const { tenant, source } of places)
        pipeline.mgetBuffer(numbers.map((week) => keys.rhythm(tenant, source, week)));
      const replies = (await pipeline.exec()) ?? [];
      return replies.map(([, reply]) => {
        const bits: readonly unknown[] = Array.isArray(reply) ? reply : [];
        return new Map(
          numbers.flatMap((week, index) => {
            const found = bits[index];
            return Buffer.isBuffer(found) ? [[week, found]] : [];
          }),
        );
      });
    },

    /** The states of many places, in the order asked for. */
    async placeStates(places: readonly PlaceName[]): Promise<PlaceState[]> {
      const pipeline = redis.pipeline();
      for (const { tenant, source } of places) {
        pipeline.hmget(keys.state(tenant, source), "cursor", "last", "freshMs", "firstMs");
      }
      const replies = (await pipeline.exec()) ?? [];
      return replies.map(([, reply]) => placeState(Array.isArray(reply) ? reply : []));
    },
  };
}

function hashOf(fieldsAndValues: readonly string[]): Record<string, string> {
  const hash: Record<string, string> = {};
  for (let at = 0; at < fieldsAndValues.length; at += 2) {
    hash[fieldsAndValues[at] ?? ""] = fieldsAndValues[at + 1] ?? "";
  }
  return hash;
}

function placeState([cursor, last, freshMs, firstMs]: readonly unknown[]): PlaceState {
  return {
    cursor: typeof cursor === "string" ? BigInt(cursor) : undefined,
    last: typeof last === "string" ? (JSON.parse(last) as RoundNote) : undefined,
    freshMs: typeof freshMs === "string" ? Number(freshMs) : undefined,
    firstMs: typeof firstMs === "string" ? Number(firstMs) : undefined,
  };
}

function parseResume(text: string | undefined): Resume | undefined {
  const [from, startedMs] = text?.split(" ") ?? [];
  return from === undefined ? undefined : { from: BigInt(from), startedMs: Number(startedMs) };
}

function parsePending(entries: Readonly<Record<string, string>>): SealedBatch[] {
  return Object.entries(entries).map(([id, entry]) => {
    const [priority = "0", sink = ""] = entry.split(" ");
    return { id, sink, priority: Number(priority) };
  });
}

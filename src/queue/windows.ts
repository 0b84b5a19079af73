import type { ChainableCommander, Redis } from "ioredis";
import type { Ticks } from "../model/ticks.ts";
import type { LongWindow, Span } from "../model/window.ts";
import { type Fence, FencedOff, RedisRestarted } from "./fence.ts";
import type { Keys } from "./keys.ts";
import type { PlaceName } from "./places.ts";
import type { SealedBatch } from "./ports.ts";
import { script } from "./script.ts";
import { ADVANCE, GAP, IS_ANOTHER_REPLY } from "./scripts.ts";

/** A long window that is read to its end. */
export interface DoneWindow extends LongWindow {
  readonly doneMs: number;
}

/** What a new window is made of. */
export type WindowRequest = Omit<LongWindow, "cursor" | "read" | "queued" | "grown">;

/** The windows that take longer than a round. */
export function createWindows(redis: Redis, keys: Keys) {
  const gap = script(redis, GAP);
  const advance = script(redis, ADVANCE);

  async function load(id: string): Promise<LongWindow | DoneWindow | undefined> {
    return parseWindow(id, await redis.hgetall(keys.window(id)));
  }

  async function isOpen(id: string): Promise<boolean> {
    return (await redis.sismember(keys.windows, id)) === 1;
  }

  function open(transaction: ChainableCommander, request: WindowRequest): ChainableCommander {
    const [key, from] = [keys.window(request.id), sortable(request.from)];
    const span = ["from", from, "to", sortable(request.to), "cursor", from];
    return transaction
      .del(key)
      .hset(key, ...span, ...fixed(request))
      .sadd(keys.windows, request.id);
  }

  return {
    /** Opens a window; one that is open under the same id stays as it is. */
    async openWindow(request: WindowRequest): Promise<void> {
      if (await isOpen(request.id)) return;
      await open(redis.multi(), request).exec();
    },

    /**
     * Records that a source failed to give out a part of what was read.
     *
     * @param isOfRounds whether the rounds of its place are to pass over it, as long as it is open.
     * @returns whether it is a new one.
     */
    async recordHole(request: WindowRequest, isOfRounds: boolean): Promise<boolean> {
      const isNew = !(await isOpen(request.id));
      const recorded = redis.multi();
      if (isOfRounds)
        recorded.hset(keys.state(request.tenant, request.source), request.id, request.createdMs);
      if (isNew) open(recorded, request);
      await recorded.exec();
      return isNew;
    },

    /** Those of the holes of a place that are still open; the others are not to be passed over any more. */
    async openHoles({ tenant, source }: PlaceName, ids: readonly string[]): Promise<LongWindow[]> {
      const found = await Promise.all(ids.map(load));
      const holes = found.filter(
        (window): window is LongWindow => window !== undefined && !("doneMs" in window),
      );
      const open = new Set(holes.map(({ id }) => id));
      const closed = ids.filter((id) => !open.has(id));
      if (closed.length > 0) await redis.hdel(keys.state(tenant, source), ...closed);
      return holes;
    },

    /** Undefined when there is none, or it was closed long ago. */
    window: load,

    /** All that are not read to their end, oldest first. */
    async openWindows(): Promise<LongWindow[]> {
      const found = await Promise.all((await redis.smembers(keys.windows)).map(load));
      return found
        .filter((window) => window !== undefined)
        .sort((a, b) => a.createdMs - b.createdMs || (a.id < b.id ? -1 : 1));
    },

    /**
     * Records that a span was not queued for a sink.
     *
     * @param at.pointer under which the place's state names its newest gap; `known` is what it named when it was read.
     * @returns the id of the gap that it belongs to now, and whether that is a new one.
     * @throws FencedOff
     */
    async recordGap(
      fence: Fence,
      { tenant, source }: PlaceName,
      {
        sink,
        pointer,
        known,
      }: { readonly sink: string; readonly pointer: string; readonly known: string | undefined },
      span: Span,
      nowMs: number,
    ): Promise<{ readonly id: string; readonly isNew: boolean }> {
      const id = `gap.${pointer}.${tenant}.${source}.${span.from}`;
      const request: WindowRequest = {
        id,
        kind: "gap",
        tenant,
        source,
        sinks: [sink],
        ...span,
        createdMs: nowMs,
      };
      const reply = await gap(
        [fence.lockKey, keys.state(tenant, source), keys.windows, keys.window(known ?? id), keys.window(id)],
        [fence.token, pointer, id, sortable(span.from), sortable(span.to), ...fixed(request)],
      );
      if (reply === -1) throw new FencedOff(tenant);
      return { id: reply === 0 ? (known ?? id) : id, isNew: reply === 2 };
    },

    /**
     * Moves the cursor of a long window.
     *
     * @returns `grown` when the window has grown since it was loaded: the cursor is where it was, and it must be loaded
     * again.
     * @throws FencedOff also when it was closed before.
     */
    async advance(
      fence: Fence,
      window: LongWindow,
      step: {
        readonly cursor: Ticks;
        readonly read: number;
        readonly queued: number;
        readonly batches: readonly SealedBatch[];
        readonly nowMs: number;
      },
    ): Promise<"more" | "done" | "grown"> {
      const reply = await advance(
        [
          fence.lockKey,
          keys.window(window.id),
          keys.windows,
          keys.pending(window.tenant, window.source, window.id),
        ],
        [
          fence.token,
          fence.redisId ?? "",
          window.id,
          sortable(step.cursor),
          step.read,
          step.queued,
          step.nowMs,
          window.grown,
          ...step.batches.map(({ id }) => id),
        ],
      );
      if (reply === IS_ANOTHER_REPLY) throw new RedisRestarted();
      if (reply === -1) throw new FencedOff(window.tenant);
      return reply === 1 ? "done" : reply === 2 ? "grown" : "more";
    },
  };
}

/** Ticks with so many digits that they compare as text; the scripts' own numbers would lose the last of them. */
function sortable(ticks: Ticks): string {
  return String(ticks).padStart(20, "0");
}

function fixed({ kind, tenant, source, sinks, createdMs }: WindowRequest): string[] {
  const fields = {
    kind,
    tenant,
    source,
    sinks: sinks.join(","),
    createdMs: String(createdMs),
    read: "0",
    queued: "0",
    grown: "0",
  };
  return Object.entries(fields).flat();
}

function parseWindow(
  id: string,
  fields: Readonly<Record<string, string>>,
): LongWindow | DoneWindow | undefined {
  const { kind, tenant, source, sinks, from, to, cursor, doneMs } = fields;
  if (tenant === undefined || source === undefined || from === undefined || to === undefined)
    return undefined;
  return {
    id,
    kind: kind as LongWindow["kind"],
    tenant,
    source,
    sinks: (sinks ?? "").split(","),
    from: BigInt(from),
    to: BigInt(to),
    cursor: BigInt(cursor ?? from),
    read: Number(fields["read"] ?? 0),
    queued: Number(fields["queued"] ?? 0),
    grown: Number(fields["grown"] ?? 0),
    createdMs: Number(fields["createdMs"] ?? 0),
    ...(doneMs === undefined ? {} : { doneMs: Number(doneMs) }),
  };
}

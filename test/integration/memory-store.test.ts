import { beforeEach, describe, expect, it } from "vitest";
import type { Alert } from "../../src/model/alert.ts";
import type { Batch } from "../../src/model/batch.ts";
import { readingLetter } from "../../src/model/dead-letter.ts";
import { holeId } from "../../src/model/window.ts";
import { createCodec, storedBytes } from "../../src/queue/codec.ts";
import type { Store } from "../../src/queue/ports.ts";
import { type Random, randomFrom } from "../../src/simulate/random.ts";
import { aBatch, anAlert, CONTOSO } from "../support/alerts.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { AGAIN, FENCE, NEW, openBench, PLACE, type StoreBench } from "./bench.ts";

const SINKS = ["splunk", "archive"] as const;
const TENANTS = [CONTOSO, { ...CONTOSO, id: "fabrikam" }] as const;
const BOUND_BYTES = 9000;
const NOON = 17_778_730_110_000_000n;

let bench: StoreBench;

beforeEach(async () => {
  bench = await openBench();
});

/** One step, made of chance once and taken by each store. Its reply is compared. */
type Step = (store: Store) => Promise<unknown>;

/** Makes steps; what came before steers them only by what was made, so both stores get the same. */
function maker(random: Random) {
  const sealed: { readonly batch: Batch; readonly of: readonly Alert[] }[] = [];
  let nowMs = 1000;
  let names = 0;
  const place = () => ({ tenant: random.pick(TENANTS).id, source: PLACE.source });
  const at = (low: number, high: number) => NOON + BigInt(random.whole(low, high));
  const someAlerts = () => {
    const ids = new Set(Array.from({ length: random.whole(1, 5) }, () => `da${random.whole(0, 25)}`));
    return [...ids].map((id) => anAlert({ id, version: String(random.whole(1, 4)) }));
  };
  const someBatches = () =>
    sealed
      .filter(() => random.chance(0.2))
      .map(({ batch }) => ({ id: batch.id, sink: batch.sink, priority: 1 }));

  const steps: Readonly<Record<string, () => Step>> = {
    seal() {
      const of = someAlerts();
      const batch = { ...aBatch(of, random.pick(SINKS), random.pick(TENANTS)), sealedMs: nowMs };
      const window = random.pick([undefined, "backfill.contoso", "backfill.fabrikam"]);
      const how = {
        ...random.pick([NEW, NEW, AGAIN]),
        window,
        priorityFor: (waiting: number) => waiting + 1,
      };
      const named = how.mode === "new" ? batch : { ...batch, id: `b-${names++}` };
      sealed.push({ batch: named, of });
      return (store) => store.seal(FENCE, named, of, { ...how, maxBacklogBytes: BOUND_BYTES });
    },
    sealTheSame() {
      const one = sealed[random.whole(0, sealed.length - 1)];
      return async (store) =>
        one && (await store.seal(FENCE, one.batch, one.of, { ...NEW, maxBacklogBytes: BOUND_BYTES }));
    },
    settle() {
      const [one] = sealed.splice(random.whole(0, sealed.length - 1), 1);
      const letter = { ...readingLetter(PLACE, anAlert(), "rejected", "words", nowMs), id: `d-${names++}` };
      const [settledMs, attempts, share] = [nowMs, random.whole(1, 4), random.next()];
      return async (store) => {
        if (one === undefined) return undefined;
        const [first] = one.batch.alerts;
        const dead = share < 0.3 ? [{ ...letter, eventId: first?.eventId }] : [];
        const delivered = one.batch.alerts.length - dead.length;
        return await store.settle(one.batch, { delivered, dead, attempts }, settledMs);
      };
    },
    commit() {
      const [where, cursor, queued] = [place(), at(0, 100), someBatches()];
      const roundMs = random.pick([nowMs, undefined]);
      const resume = roundMs === undefined ? { from: cursor, startedMs: nowMs } : undefined;
      return (store) => store.commit(FENCE, where, { cursor, since: cursor - 5n, roundMs, resume, queued });
    },
    openWindow() {
      const where = place();
      const [from, createdMs] = [at(0, 50), nowMs];
      const id = `backfill.${where.tenant}`;
      const request = {
        id,
        kind: "backfill" as const,
        ...where,
        sinks: [...SINKS],
        from,
        to: from + 40n,
        createdMs,
      };
      return (store) => store.openWindow(request);
    },
    recordGap() {
      const [where, sink, from, createdMs] = [place(), random.pick(SINKS), at(0, 60), nowMs];
      const pointer = `${random.pick(["live", "backfill"])}.${sink}`;
      const span = { from, to: from + BigInt(random.whole(1, 15)) };
      return async (store) => {
        const { gaps } = await store.readState(where.tenant, where.source);
        return await store.recordGap(
          FENCE,
          where,
          { sink, pointer, known: gaps.get(pointer) },
          span,
          createdMs,
        );
      };
    },
    recordHole() {
      const [where, from, isOfRounds, createdMs] = [place(), at(0, 3), random.chance(0.7), nowMs];
      const id = holeId(`live.${where.tenant}`, from);
      const span = { from, to: from + 1n };
      const request = { id, kind: "hole" as const, ...where, sinks: [...SINKS], ...span, createdMs };
      return (store) => store.recordHole(request, isOfRounds);
    },
    openHoles() {
      const where = place();
      return async (store) => {
        const { holes } = await store.readState(where.tenant, where.source);
        return byId(await store.openHoles(where, holes));
      };
    },
    advance() {
      const [which, batches, settledMs] = [random.next(), someBatches(), nowMs];
      const [share, read] = [random.pick([0.3, 0.7, 1, 1]), random.whole(0, 9)];
      return async (store) => {
        const open = await store.openWindows();
        const window = open[Math.floor(which * open.length)];
        if (window === undefined) return undefined;
        const cursor = window.cursor + BigInt(Math.ceil(Number(window.to - window.cursor) * share));
        return await store.advance(FENCE, window, { cursor, read, queued: 1, batches, nowMs: settledMs });
      };
    },
    advanceLate() {
      const [from, batches, createdMs] = [at(0, 60), someBatches(), nowMs];
      return async (store) => {
        const window = (await store.openWindows()).find(({ kind }) => kind === "gap");
        if (window === undefined) return undefined;
        const { id, sinks, ...where } = window;
        const [sink = ""] = sinks;
        const gap = { sink, pointer: `live.${sink}`, known: id };
        await store.recordGap(FENCE, where, gap, { from, to: from + 5n }, createdMs);
        const step = { cursor: window.to, read: 1, queued: 1, batches, nowMs: createdMs };
        return await store.advance(FENCE, window, step);
      };
    },
    begin() {
      const [where, since] = [place(), at(0, 60)];
      return (store) => store.begin(where, { since, from: since + 5n });
    },
    setAside() {
      const record = { reason: "missing-id", id: `r${random.whole(0, 20)}`, raw: "{}" } as const;
      const letter = readingLetter(PLACE, record, record.reason, "words", nowMs);
      return (store) => store.setAside(FENCE, "contoso", [letter]);
    },
  };
  const all = Object.keys(steps);
  return () => {
    nowMs += 1;
    const name = random.pick(["seal", "seal", "seal", ...all]);
    return { name, take: steps[name]?.() ?? (async () => undefined) };
  };
}

/** All that a reader can ask. */
async function stateOf(
  store: Store,
  batches: readonly string[],
  versions: readonly Alert[],
): Promise<unknown> {
  const open = await store.openWindows();
  return {
    places: await Promise.all(
      TENANTS.map(async ({ id }) => {
        const state = await store.readState(id, PLACE.source);
        return { ...state, pending: byId(state.pending), holes: [...state.holes].sort() };
      }),
    ),
    open,
    windows: await Promise.all(
      [...open.map(({ id }) => id), "backfill.contoso"].map((id) => store.window(id)),
    ),
    pending: await Promise.all(open.map((window) => store.pendingOf(window))),
    backlogs: await Promise.all(SINKS.map((sink) => store.backlogBytes(sink))),
    batches: await Promise.all(
      batches.map(async (id) => {
        const loaded = await store.loadBatch(id);
        return loaded && { numbers: loaded.numbers, alerts: loaded.batch.alerts };
      }),
    ),
    sent: await Promise.all(
      TENANTS.flatMap(({ id }) =>
        SINKS.map((sink) => store.sent({ tenant: id, source: PLACE.source, sink }, versions)),
      ),
    ),
  };
}

describe("the store in memory", () => {
  it.each(["a", "b", "c"])("answers as the one in Redis does, step by step (%s)", async (seed) => {
    const codec = createCodec(undefined);
    const memory = createMemoryStore({
      async sizeOf({ alerts, ...head }) {
        const { content: body } = await codec.encode(alerts, head.id);
        return storedBytes(JSON.stringify({ ...head, count: alerts.length }), body, alerts.length);
      },
      holds: ({ token }) => token === FENCE.token,
    });
    const random = randomFrom("memory-store", seed);
    const next = maker(random);
    const replies = new Map<string, number>();
    const known = new Set<string>();
    const versions = Array.from({ length: 26 * 4 }, (_, index) =>
      anAlert({ id: `da${index >> 2}`, version: String((index % 4) + 1) }),
    );

    for (let at = 0; at < 300; at++) {
      const { name, take } = next();
      const [real, pretended] = await Promise.all([bench.store, memory].map((store) => replyOf(take, store)));

      expect(pretended, `step ${at}, ${name}`).toEqual(real);
      const word = `${name}: ${typeof real === "object" ? "object" : String(real)}`;
      replies.set(word, (replies.get(word) ?? 0) + 1);
      for (const { id } of (await memory.readState("contoso", PLACE.source)).pending) known.add(id);
      if (at % 10 !== 9) continue;
      const [found, imagined] = await Promise.all(
        [bench.store, memory].map((store) => stateOf(store, [...known], versions)),
      );
      expect(imagined, `after step ${at}`).toEqual(found);
    }

    const wanted = [
      "seal: object",
      "seal: known",
      "seal: full",
      "settle: true",
      "advance: done",
      "advance: more",
      "advanceLate: grown",
      "recordHole: true",
      "recordHole: false",
    ];
    expect([...replies.keys()]).toEqual(expect.arrayContaining(wanted));
  });

  it("refuses whoever lost the lock, and nothing happens", async () => {
    const memory = createMemoryStore({ sizeOf: () => 1, holds: () => false });
    const of = [anAlert()];

    await expect(memory.seal(FENCE, aBatch(of), of, NEW)).rejects.toThrow("taken over");
    const step = { cursor: 5n, since: 1n, roundMs: 1, queued: [] };
    await expect(memory.commit(FENCE, PLACE, step)).rejects.toThrow("taken over");
    expect((await memory.readState("contoso", PLACE.source)).reach).toBeUndefined();
  });
});

function byId<T extends { readonly id: string }>(list: readonly T[]): T[] {
  return [...list].sort((a, b) => (a.id < b.id ? -1 : 1));
}

async function replyOf(take: Step, store: Store): Promise<unknown> {
  return await take(store).catch((cause: Error) => cause.message);
}

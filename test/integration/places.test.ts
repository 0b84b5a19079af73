import { beforeEach, describe, expect, it } from "vitest";
import { redisIdOf } from "../../src/queue/connection.ts";
import { RedisRestarted } from "../../src/queue/fence.ts";
import type { RoundNote } from "../../src/queue/places.ts";
import { FencedOff } from "../../src/queue/ports.ts";
import { alerts, anAlert } from "../support/alerts.ts";
import { FENCE, openBench, PLACE, type StoreBench } from "./bench.ts";

const OTHER = { tenant: "fabrikam", source: "graph_alerts" };
/** More digits than a double holds. */
const CURSOR = 17_778_730_117_033_333n;
const STEP = { cursor: CURSOR, since: CURSOR - 5n, roundMs: 42, queued: [] };

let bench: StoreBench;

beforeEach(async () => {
  bench = await openBench();
});

const state = () => bench.store.readState(PLACE.tenant, PLACE.source);

describe("how far a place is read", () => {
  it("is not known before its first round", async () => {
    expect(await state()).toEqual({
      reach: undefined,
      roundMs: undefined,
      resume: undefined,
      pending: [],
      gaps: new Map(),
      holes: [],
    });
  });

  it("is kept to the last tick, each place for itself", async () => {
    await bench.store.commit(FENCE, PLACE, STEP);

    expect(await state()).toMatchObject({ reach: { cursor: CURSOR, since: CURSOR - 5n }, roundMs: 42 });
    expect((await bench.store.readState("contoso", "mde_alerts")).reach).toBeUndefined();
    expect((await bench.store.readState("fabrikam", "graph_alerts")).reach).toBeUndefined();
  });

  it("moves within a round, whose beginning is told by its last step only", async () => {
    await bench.store.commit(FENCE, PLACE, { ...STEP, cursor: 1n });
    await bench.store.commit(FENCE, PLACE, { ...STEP, cursor: 2n, roundMs: undefined });
    const within = await state();
    await bench.store.commit(FENCE, PLACE, { ...STEP, cursor: 3n, roundMs: 43 });

    expect(within).toMatchObject({ reach: { cursor: 2n }, roundMs: 42 });
    expect(await state()).toMatchObject({ reach: { cursor: 3n }, roundMs: 43 });
  });

  it("keeps where a round was cut off, until one is read to its end", async () => {
    const resume = { from: CURSOR + 7n, startedMs: 41 };
    await bench.store.commit(FENCE, PLACE, { ...STEP, roundMs: undefined, resume });
    const cut = await state();
    await bench.store.commit(FENCE, PLACE, STEP);

    expect(cut).toMatchObject({ roundMs: undefined, resume });
    expect(await state()).toMatchObject({ roundMs: 42, resume: undefined });
  });

  it("moves together with what is known to be in its queue", async () => {
    const first = await bench.sealed(alerts(2));
    const second = await bench.sealed([anAlert({ id: "da9_1" })]);

    await bench.store.commit(FENCE, PLACE, {
      ...STEP,
      queued: [{ id: first.id, sink: "splunk", priority: 5 }],
    });

    expect((await state()).pending).toEqual([{ id: second.id, sink: "splunk", priority: 5 }]);
  });

  it("stays where it is when Redis is not the one that the round began with", async () => {
    const batch = await bench.sealed(alerts(1));
    const redisId = await redisIdOf(bench.server.client);
    await bench.store.commit({ ...FENCE, redisId }, PLACE, STEP);

    const step = { ...STEP, cursor: CURSOR + 9n, queued: [{ id: batch.id, sink: "splunk", priority: 5 }] };
    const late = bench.store.commit({ ...FENCE, redisId: "0".repeat(redisId.length) }, PLACE, step);

    expect(redisId).toMatch(/^[0-9a-f]{40}$/);
    await expect(late).rejects.toThrow(RedisRestarted);
    expect((await state()).reach?.cursor).toBe(CURSOR);
    expect(await bench.pendingIds()).toEqual([batch.id]);
  });

  it("stays within a long window likewise", async () => {
    const request = {
      id: "backfill.a",
      kind: "backfill",
      ...PLACE,
      sinks: ["splunk"],
      from: 1n,
      to: 9n,
    } as const;
    await bench.store.openWindow({ ...request, createdMs: 1 });
    const [window] = await bench.store.openWindows();
    if (window === undefined) throw new Error("There is no window.");

    const step = { cursor: 9n, read: 1, queued: 1, batches: [], nowMs: 9 };
    const late = bench.store.advance({ ...FENCE, redisId: "0123" }, window, step);

    await expect(late).rejects.toThrow(RedisRestarted);
    expect(await bench.store.openWindows()).toEqual([window]);
  });

  it("stays where it is when the job was taken over", async () => {
    const batch = await bench.sealed(alerts(1));
    await bench.store.commit(FENCE, PLACE, STEP);
    await bench.loseLock();

    const step = { ...STEP, cursor: CURSOR + 9n, queued: [{ id: batch.id, sink: "splunk", priority: 5 }] };
    await expect(bench.store.commit(FENCE, PLACE, step)).rejects.toThrow(FencedOff);

    expect((await state()).reach?.cursor).toBe(CURSOR);
    expect(await bench.pendingIds()).toEqual([batch.id]);
  });
});

describe("the note of a round", () => {
  const note = (more: Partial<RoundNote> = {}): RoundNote => ({
    atMs: 1000,
    outcome: "completed",
    code: undefined,
    message: undefined,
    failures: 0,
    nextMs: 61_000,
    ...more,
  });

  it("is read for many places at once, in the order asked for", async () => {
    await bench.store.commit(FENCE, PLACE, STEP);
    await bench.store.noteRound(PLACE, note(), true);
    await bench.store.noteRound(OTHER, note({ outcome: "unauthorized", code: "c", message: "m" }), false);

    const states = await bench.store.placeStates([OTHER, { ...PLACE, source: "never_read" }, PLACE]);

    expect(states).toEqual([
      {
        cursor: undefined,
        last: note({ outcome: "unauthorized", code: "c", message: "m" }),
        freshMs: undefined,
        firstMs: 1000,
      },
      { cursor: undefined, last: undefined, freshMs: undefined, firstMs: undefined },
      { cursor: CURSOR, last: note(), freshMs: 1000, firstMs: 1000 },
    ]);
  });

  it("replaces the one before, and still tells when something new came last", async () => {
    await bench.store.noteRound(PLACE, note({ atMs: 1000 }), true);
    await bench.store.noteRound(PLACE, note({ atMs: 2000, failures: 3 }), false);

    expect(await bench.store.placeStates([PLACE])).toEqual([
      { cursor: undefined, last: note({ atMs: 2000, failures: 3 }), freshMs: 1000, firstMs: 1000 },
    ]);
  });

  it("moves no cursor and opens no gap", async () => {
    await bench.store.noteRound(PLACE, note(), true);

    expect(await state()).toMatchObject({ reach: undefined, gaps: new Map() });
  });

  it("is asked of no place without harm", async () => {
    expect(await bench.store.placeStates([])).toEqual([]);
  });
});

describe("the reason why a sink rests", () => {
  const why = { sinceMs: 5, kind: "unauthorized", code: "401", message: "Invalid token" };

  it("is kept for each sink until it rests no more", async () => {
    await bench.store.noteResting("splunk", why);
    await bench.store.noteResting("archive", { ...why, code: undefined });
    const both = await bench.store.restingSinks();
    await bench.store.noteResting("splunk", undefined);
    await bench.store.noteResting("never-rested", undefined);

    expect(Object.fromEntries(both)).toEqual({ splunk: why, archive: { ...why, code: undefined } });
    expect([...(await bench.store.restingSinks()).keys()]).toEqual(["archive"]);
  });
});

describe("the layout of Redis", () => {
  it("is claimed once and found again", async () => {
    await bench.store.claimFormat();

    await expect(bench.store.claimFormat()).resolves.toBeUndefined();
  });

  it("is refused when a newer version wrote it", async () => {
    await bench.store.claimFormat();
    await bench.server.client.set("test:format", "2");

    await expect(bench.store.claimFormat()).rejects.toThrow(
      "Redis holds alerts in format 2; this version reads 1.",
    );
  });
});

import { randomBytes } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import type { Batch } from "../../src/model/batch.ts";
import { readingLetter } from "../../src/model/dead-letter.ts";
import { aBatch, alerts, anAlert, CONTOSO } from "../support/alerts.ts";
import { AGAIN, FENCE, isSealed, KEYS, NEW, openBench, PLACE, type StoreBench } from "./bench.ts";
import { startWalk } from "./walk.ts";

const FABRIKAM = { ...CONTOSO, id: "fabrikam" };

let bench: StoreBench;

beforeEach(async () => {
  bench = await openBench();
});

const settle = (batch: Batch, nowMs = 9) =>
  bench.store.settle(batch, { delivered: batch.alerts.length, dead: [], attempts: 1 }, nowMs);

describe("the bound of what waits for a sink", () => {
  /** A batch of one alert that no compression makes smaller. */
  const heavy = (id: string, bytes: number) => [anAlert({ id, raw: randomBytes(bytes).toString("hex") })];
  const seal = (of: ReturnType<typeof heavy>, maxBacklogBytes: number, more: Partial<Batch> = {}) =>
    bench.store.seal(FENCE, { ...aBatch(of, more.sink), ...more }, of, { ...NEW, maxBacklogBytes });
  const backlog = () => bench.store.backlogBytes("splunk");

  it("refuses a batch above it, and nothing of it happens", async () => {
    await seal(heavy("a", 10_000), 20_000);
    const before = await contentOf(bench);

    expect(await seal(heavy("b", 30_000), 20_000)).toBe("full");

    expect(await contentOf(bench)).toEqual(before);
    expect(isSealed(await seal(heavy("c", 1000), 20_000))).toBe(true);
  });

  it("takes a batch that reaches it to the byte, and refuses one byte more", async () => {
    const [first, second, third] = ["a", "b", "c"].map((id) => heavy(id, 10_000));
    if (first === undefined || second === undefined || third === undefined) throw new Error("no alerts");
    await seal(first, 1);
    const one = await backlog();
    await seal(second, 1_000_000);
    const both = await backlog();
    const [, sizeOfSecond] = [one, both - one];
    await settle(aBatch(second));

    // The same content again, since the codec may pack another one into another size.
    const again = { id: "b-again" };
    const just = async (bound: number) =>
      await bench.store.seal(FENCE, { ...aBatch(second), ...again }, second, {
        ...AGAIN,
        maxBacklogBytes: bound,
      });
    const sizeAgain = sizeOfSecond - (aBatch(second).id.length - again.id.length);
    expect(await just(one + sizeAgain - 1)).toBe("full");
    expect(isSealed(await just(one + sizeAgain))).toBe(true);
    expect(await backlog()).toBe(one + sizeAgain);
  });

  it("lets one batch wait, however large it is", async () => {
    expect(isSealed(await seal(heavy("a", 50_000), 10))).toBe(true);
    expect(await seal(heavy("b", 100), 10)).toBe("full");
    await settle(aBatch([anAlert({ id: "a" })]));
    expect(await backlog()).toBe(0);
    expect(isSealed(await seal(heavy("b", 50_000), 10))).toBe(true);
  });

  it("is that of the sink: all tenants' batches count, other sinks' do not", async () => {
    await seal(heavy("a", 10_000), 15_000, { id: "b-1", tenant: FABRIKAM });
    await seal(heavy("a", 10_000), 15_000, { sink: "archive" });

    expect(await seal(heavy("b", 10_000), 15_000)).toBe("full");
    expect(await bench.store.backlogBytes("archive")).toBeGreaterThan(10_000);
  });

  it("refuses what is sent once more as well", async () => {
    const of = heavy("a", 10_000);
    await seal(of, 15_000);

    const reply = await bench.store.seal(FENCE, { ...aBatch(of), id: "b-replay" }, of, {
      ...AGAIN,
      maxBacklogBytes: 15_000,
    });

    expect(reply).toBe("full");
  });
});

describe("what waits for a sink", () => {
  it("is the numbers of the tenant's batches, until they are settled", async () => {
    const first = await bench.sealed(alerts(2));
    await bench.sealed([anAlert({ id: "da8_1" }), anAlert({ id: "da9_1" })]);
    await bench.sealed(alerts(9), { sink: "archive" });
    await bench.sealed(alerts(9), { id: "b-f", tenant: FABRIKAM });
    await settle(first);

    expect(await bench.store.waitingSeqs("contoso", "splunk")).toEqual(new Set([3, 4]));
    expect(await bench.store.waitingSeqs("nobody", "splunk")).toEqual(new Set());
  });

  it("is as old as the oldest batch", async () => {
    const [, second] = [
      await bench.sealed(alerts(1), { sealedMs: 3000 }),
      await bench.sealed([anAlert({ id: "da9_1" })], { sealedMs: 2000 }),
    ];
    const oldest = await bench.store.oldestWaitingMs("splunk");
    await settle(second);

    expect(oldest).toBe(2000);
    expect(await bench.store.oldestWaitingMs("splunk")).toBe(3000);
    expect(await bench.store.oldestWaitingMs("archive")).toBeUndefined();
  });

  it("is counted anew where batches were lost, and what waits still is counted as before", async () => {
    const lost = await bench.sealed(alerts(3));
    await bench.sealed(alerts(2), { id: "b-f", tenant: FABRIKAM });
    const left = await bench.sealed([anAlert({ id: "da9_1" })]);
    const before = await bench.row("splunk", "fabrikam");
    await bench.server.client.del(KEYS.batch(lost.id));

    expect(await bench.store.recount("splunk")).toBe(1);

    expect(await bench.row()).toMatchObject({ enqueued: 4, waiting: 1, seq: 4 });
    expect(await bench.row("splunk", "fabrikam")).toEqual(before);
    expect(await bench.store.backlogBytes("splunk")).toBe(await bytesOf(bench, "splunk"));
    expect(await bench.store.waitingSeqs("contoso", "splunk")).toEqual(new Set([4]));
    await settle(left);
    expect(await bench.row()).toMatchObject({ waiting: 0, bytes: 0 });
  });

  it("is left as it is by a count where nothing was lost", async () => {
    await bench.sealed(alerts(3));
    const before = await contentOf(bench);

    expect(await bench.store.recount("splunk")).toBe(0);
    expect(await bench.store.recount("archive")).toBe(0);

    expect(await contentOf(bench)).toEqual(before);
  });

  it("is brought back by a mending batch that is not counted as queued once more", async () => {
    const lost = await bench.sealed(alerts(3));
    await bench.server.client.del(KEYS.batch(lost.id));
    await bench.store.recount("splunk");

    const mended = await bench.sealed(alerts(3), { id: "b-mend" }, { ...NEW, mode: "mend" });

    expect(await bench.numbersOf(mended)).toEqual([1, 2, 3].map((seq) => [seq, 1]));
    expect(await bench.row()).toMatchObject({ enqueued: 3, waiting: 3, delivered: 0, seq: 3 });
    await settle(mended);
    expect(await bench.row()).toMatchObject({ enqueued: 3, waiting: 0, delivered: 3 });
  });
});

describe("the ledger", () => {
  it.each(["a", "b"])(
    "is in balance after every one of 400 random steps, and numbers have no hole (%s)",
    async (seed) => {
      const walk = startWalk(bench, seed);
      for (let step = 0; step < 400; step++) {
        const what = await walk.step();

        for (const row of await walk.rows()) {
          const dead = Object.values(row.dead).reduce((sum, count) => sum + count, 0);
          expect(row.enqueued, `step ${step}, ${what}`).toBe(row.delivered + dead + row.waiting);
        }
        if (step % 40 === 39)
          expect(await walk.counted(), `step ${step}, ${what}`).toEqual(await walk.told());
      }
      expect(walk.steps()).toMatchObject({ seal: expect.any(Number), retry: expect.any(Number) });
    },
  );
});

describe("a full Redis", () => {
  it("refuses every step that takes memory whole, and lets batches be settled", async () => {
    const { store, server } = bench;
    const waiting = await bench.sealed(alerts(3));
    const letter = readingLetter(PLACE, anAlert(), "rejected", "words", 5);
    const refused = { ...letter, id: "d-1", sink: "splunk", eventId: waiting.alerts[0]?.eventId };
    const gap = { sink: "splunk", pointer: "live.splunk", known: undefined };
    await store.recordGap(FENCE, PLACE, gap, { from: 1n, to: 5n }, 9);
    const [window] = await store.openWindows();
    if (window === undefined) throw new Error("no window");
    const before = await contentOf(bench);
    const used = Number(/used_memory:(\d+)/.exec(await server.client.info("memory"))?.[1]);
    await server.client.config("SET", "maxmemory", String(used - 100_000));

    const more = [anAlert({ id: "da9_1" })];
    const step = { cursor: 5n, since: 1n, roundMs: 1, queued: [] };
    const advance = { cursor: 3n, read: 1, queued: 1, batches: [], nowMs: 9 };
    for (const take of [
      () => store.seal(FENCE, aBatch(more), more, NEW),
      () => store.seal(FENCE, { ...aBatch(alerts(1)), id: "b-again" }, alerts(1), AGAIN),
      () => store.commit(FENCE, PLACE, step),
      () => store.setAside(FENCE, "contoso", [letter]),
      () => store.recordGap(FENCE, PLACE, gap, { from: 5n, to: 9n }, 9),
      () => store.recordGap(FENCE, PLACE, gap, { from: 50n, to: 90n }, 9),
      () => store.advance(FENCE, window, advance),
    ]) {
      await expect(take()).rejects.toThrow(/^OOM /);
    }
    expect(await contentOf(bench)).toEqual(before);

    expect(await store.settle(waiting, { delivered: 2, dead: [refused], attempts: 1 }, 9)).toBe(true);
    expect(await bench.row()).toMatchObject({ enqueued: 3, delivered: 2, waiting: 0, dead: { rejected: 1 } });
    expect(await store.countDeadLetters()).toEqual(new Map([["splunk", 1]]));
    await server.client.config("SET", "maxmemory", "0");
    await bench.sealed(more);
    expect(await bench.row()).toMatchObject({ enqueued: 4, waiting: 1, seq: 4 });
  });
});

describe("a fence for who is no read job", () => {
  it("holds for as long as the work lasts, and leaves nothing behind", async () => {
    const sealed = await bench.store.fenced(async (fence) => {
      expect(await bench.server.client.get(fence.lockKey)).toBe(fence.token);
      expect(await bench.server.client.ttl(fence.lockKey)).toBeGreaterThan(0);
      return await bench.store.seal(fence, aBatch(alerts(1)), alerts(1), NEW);
    });

    expect(sealed).toMatchObject({ id: aBatch(alerts(1)).id });
    await expect(bench.store.fenced(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await bench.server.client.keys("test:fence:*")).toEqual([]);
  });
});

/** All that lies in Redis, key by key; contents that are no text as base64. */
async function contentOf({ server: { client } }: StoreBench): Promise<Record<string, unknown>> {
  const keys = (await client.keys("*")).sort();
  const read = async (key: string): Promise<unknown> => {
    const type = await client.type(key);
    if (type === "string") return await client.get(key);
    if (type === "set") return (await client.smembers(key)).sort();
    if (type === "zset") return await client.zrange(key, 0, "-1", "WITHSCORES");
    const fields = Object.entries(await client.hgetallBuffer(key)).sort();
    return Object.fromEntries(fields.map(([field, value]) => [field, value.toString("base64")]));
  };
  return Object.fromEntries(await Promise.all(keys.map(async (key) => [key, await read(key)])));
}

/** What the batches that wait for a sink say they take. */
async function bytesOf({ server }: StoreBench, sink: string): Promise<number> {
  const ids = await server.client.zrange(KEYS.waiting(sink), 0, "-1");
  const sizes = await Promise.all(ids.map((id) => server.client.hget(KEYS.batch(id), "bytes")));
  return sizes.reduce((sum, size) => sum + Number(size), 0);
}

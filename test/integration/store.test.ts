import { beforeEach, describe, expect, it } from "vitest";
import { readingLetter } from "../../src/model/dead-letter.ts";
import { FencedOff } from "../../src/queue/ports.ts";
import { aBatch, alerts, anAlert, CONTOSO } from "../support/alerts.ts";
import { AGAIN, FENCE, NEW, openBench, PLACE, REMEMBER_MS, type StoreBench } from "./bench.ts";

const SPLUNK = { ...PLACE, sink: "splunk" };
const ARCHIVE = { ...PLACE, sink: "archive" };
const REVISION_SECONDS = 180 * 86_400;

let bench: StoreBench;

beforeEach(async () => {
  bench = await openBench();
});

const aDeadLetter = (more: object = {}) => ({
  ...readingLetter(PLACE, anAlert(), "rejected", "Invalid data format", 5),
  id: "d-1",
  sink: "splunk",
  ...more,
});

describe("sealing", () => {
  it("numbers the alerts of a tenant and sink without a gap, and each alert's versions from 1", async () => {
    const one = await bench.sealed(alerts(3));
    const two = await bench.sealed([anAlert({ id: "da1_1", version: "2" }), anAlert({ id: "da9_1" })]);

    expect(await bench.numbersOf(one)).toEqual([1, 2, 3].map((seq) => [seq, 1]));
    expect(await bench.numbersOf(two)).toEqual([
      [4, 2],
      [5, 1],
    ]);
    expect((await bench.store.loadBatch(one.id))?.batch).toEqual({ ...one, count: 3 });
  });

  it("gives one version the same revision for every sink, and each sink numbers of its own", async () => {
    await bench.sealed(alerts(1), { sink: "splunk" });
    await bench.sealed([anAlert({ id: "da0_1", version: "2" }), anAlert()], { sink: "splunk" });

    const batch = await bench.sealed([anAlert({ id: "da0_1", version: "2" }), anAlert()], {
      sink: "archive",
    });

    expect(await bench.numbersOf(batch)).toEqual([
      [1, 2],
      [2, 1],
    ]);
  });

  it("numbers each tenant for itself", async () => {
    const fabrikam = { ...CONTOSO, id: "fabrikam" };
    await bench.sealed(alerts(3));

    const batch = await bench.sealed(alerts(2), { id: "b-f", tenant: fabrikam });

    expect(await bench.numbersOf(batch)).toEqual([
      [1, 1],
      [2, 1],
    ]);
  });

  it("changes nothing when a batch is sealed again", async () => {
    const batch = await bench.sealed(alerts(3));

    await bench.sealed(alerts(3));

    expect(await bench.row()).toMatchObject({ enqueued: 3, waiting: 3, seq: 3 });
    expect((await bench.store.readState("contoso", "graph_alerts")).pending).toEqual([
      { id: batch.id, sink: "splunk", priority: 5 },
    ]);
  });

  it("changes nothing either when the batch was delivered before it was known to be in its queue", async () => {
    const batch = await bench.sealed(alerts(3));
    await bench.store.settle(batch, { delivered: 3, dead: [], attempts: 1 }, 9);

    const again = await bench.store.seal(FENCE, batch, alerts(3), NEW);

    expect(again).toMatchObject({ id: batch.id });
    expect(await bench.store.loadBatch(batch.id)).toBeUndefined();
    expect(await bench.row()).toMatchObject({ enqueued: 3, delivered: 3, waiting: 0, seq: 3 });
  });

  it("refuses a batch of which another window has taken a version, and nothing of it happens", async () => {
    await bench.sealed([anAlert({ id: "da1_1" })]);
    const before = await bench.store.ledger("splunk");
    const batch = aBatch(alerts(3));

    const reply = await bench.store.seal(FENCE, batch, alerts(3), NEW);

    expect(reply).toBe("known");
    expect(await bench.store.loadBatch(batch.id)).toBeUndefined();
    expect(await bench.store.ledger("splunk")).toEqual(before);
    expect(await bench.store.sent(SPLUNK, alerts(3))).toEqual([undefined, expect.anything(), undefined]);
    expect(await bench.pendingIds()).not.toContain(batch.id);
  });

  it("takes a version that only another sink was given, or that is another alert's", async () => {
    await bench.sealed(alerts(1), { sink: "archive" });
    await bench.sealed([anAlert({ id: "other" })], { sink: "splunk" });

    await expect(bench.sealed(alerts(1), { sink: "splunk" })).resolves.toBeDefined();
  });

  it("sends alerts once more under the seq and the revision that they had", async () => {
    const updated = anAlert({ id: "da1_1", version: "2" });
    const first = await bench.sealed(alerts(3));
    await bench.sealed([updated]);
    await bench.store.settle(first, { delivered: 3, dead: [], attempts: 1 }, 9);

    const replay = await bench.sealed([...alerts(3), updated], { id: "b-replay" }, AGAIN);

    expect(await bench.numbersOf(replay)).toEqual([
      [1, 1],
      [2, 1],
      [3, 1],
      [4, 2],
    ]);
    expect(await bench.row()).toMatchObject({ enqueued: 8, delivered: 3, waiting: 5, seq: 4 });
  });

  it("numbers what was never sent beside what is sent once more, without a hole", async () => {
    await bench.sealed([anAlert({ id: "da1_1" })]);

    const replay = await bench.sealed(alerts(3), { id: "b-replay" }, AGAIN);
    const next = await bench.sealed([anAlert({ id: "da9_1" })]);

    expect(await bench.numbersOf(replay)).toEqual([
      [2, 1],
      [1, 1],
      [3, 1],
    ]);
    expect(await bench.numbersOf(next)).toEqual([[4, 1]]);
  });

  it("tells how many batches of the tenant wait already, for the priority", async () => {
    const asked: number[] = [];
    const how = { ...NEW, priorityFor: (waiting: number) => asked.push(waiting) };
    const first = await bench.sealed([anAlert({ id: "a" })], {}, how);
    await bench.sealed([anAlert({ id: "b" })], {}, how);
    await bench.store.settle(first, { delivered: 1, dead: [], attempts: 1 }, 9);
    await bench.sealed([anAlert({ id: "c" })], {}, how);
    await bench.sealed([anAlert({ id: "a" })], { sink: "archive" }, how);

    expect(asked).toEqual([0, 1, 1, 0]);
  });

  it("works on after Redis has forgotten its scripts", async () => {
    await bench.sealed(alerts(1));
    await bench.server.client.script("FLUSH");

    await bench.sealed([anAlert({ id: "da9_1" })]);

    expect(await bench.row()).toMatchObject({ enqueued: 2 });
  });
});

describe("what was sent", () => {
  it("is known of each version, to each sink for itself", async () => {
    const updated = anAlert({ id: "da0_1", version: "3" });
    const { id } = await bench.sealed(alerts(2), { sealedMs: 1000 });

    const ask = (at: typeof SPLUNK) => bench.store.sent(at, [...alerts(2), updated]);

    const unsettled = { settledMs: undefined, attempts: undefined, shortened: false };
    const queued = { state: "queued", queuedMs: 1000, batch: id.slice(0, 10), ...unsettled };
    expect(await ask(SPLUNK)).toEqual([
      { ...queued, seq: 1, revision: 1 },
      { ...queued, seq: 2, revision: 1 },
      undefined,
    ]);
    expect(await ask(ARCHIVE)).toEqual([undefined, undefined, undefined]);
  });

  it("is told apart by every tick, and by the text of a time that is none", async () => {
    const versions = ["17778730110300000", "17778730110300001", "~soon", "~later"];
    const of = versions.map((version) => anAlert({ version }));
    await bench.sealed(of.slice(0, 1));
    await bench.sealed(of.slice(2, 3));

    const found = await bench.store.sent(SPLUNK, of);

    expect(found.map((record) => record?.seq)).toEqual([1, undefined, 2, undefined]);
  });

  it("is known of many versions of many days at once, in the order asked for", async () => {
    const of = Array.from({ length: 500 }, (_, index) =>
      anAlert({
        id: `da${index}`,
        version: String(17_778_730_110_300_000n + BigInt(index) * 400_000_000_000n),
      }),
    );
    await bench.sealed(of.filter((_, index) => index % 3 !== 0));

    const found = await bench.store.sent(SPLUNK, of);

    expect(found.map((record) => record !== undefined)).toEqual(of.map((_, index) => index % 3 !== 0));
  });

  it("says when and after how many tries it was delivered or set aside, in which batch and whether whole", async () => {
    const batch = await bench.sealed(alerts(3), { sealedMs: 1000 });
    const dead = aDeadLetter({ eventId: batch.alerts[1]?.eventId });

    const shortened = batch.alerts.slice(2).map(({ eventId }) => eventId);
    await bench.store.settle(batch, { delivered: 2, dead: [dead], attempts: 7, shortened }, 4321);

    const [first, second, third] = await bench.store.sent(SPLUNK, alerts(3));
    const queued = { revision: 1, queuedMs: 1000, batch: batch.id.slice(0, 10) };
    const told = { ...queued, settledMs: 4321, attempts: 7, shortened: false };
    expect(first).toEqual({ state: "delivered", seq: 1, ...told });
    expect(second).toEqual({ state: "dead-lettered", seq: 2, ...told });
    expect(third).toEqual({ state: "delivered", seq: 3, ...told, shortened: true });
  });

  it("is queued again while a replay of it waits, and delivered after that", async () => {
    const batch = await bench.sealed(alerts(1), { sealedMs: 1000 });
    await bench.store.settle(batch, { delivered: 1, dead: [], attempts: 1 }, 2000);

    const replay = await bench.sealed(alerts(1), { id: "b-replay", sealedMs: 3000 }, AGAIN);
    const [waiting] = await bench.store.sent(SPLUNK, alerts(1));
    await bench.store.settle(replay, { delivered: 1, dead: [], attempts: 2 }, 4000);
    const [delivered] = await bench.store.sent(SPLUNK, alerts(1));

    expect(waiting).toMatchObject({ state: "queued", seq: 1, queuedMs: 3000, settledMs: undefined });
    expect(delivered).toMatchObject({ state: "delivered", seq: 1, settledMs: 4000, attempts: 2 });
  });

  it("is remembered for as long as it was told, and each revision for half a year", async () => {
    await bench.sealed([anAlert(), anAlert({ id: "undated", version: "~soon", createdText: undefined })]);

    const lifetimes = async (pattern: string) => {
      const keys = await bench.server.client.keys(pattern);
      return await Promise.all(keys.map((key) => bench.server.client.ttl(key)));
    };

    const [sent, revisions] = [await lifetimes("test:sent:*"), await lifetimes("test:revisions:*")];
    expect([sent.length, revisions.length]).toEqual([2, 2]);
    for (const seconds of sent) expectNear(seconds, REMEMBER_MS / 1000);
    for (const seconds of revisions) expectNear(seconds, REVISION_SECONDS);
  });

  it("is remembered anew by each batch, and no longer for being settled", async () => {
    const batch = await bench.sealed(alerts(1));
    const [key = ""] = await bench.server.client.keys("test:sent:*");
    await bench.server.client.expire(key, 100);
    await bench.store.settle(batch, { delivered: 1, dead: [], attempts: 1 }, 9);
    const afterSettling = await bench.server.client.ttl(key);
    await bench.sealed(alerts(1), { id: "b-replay" }, AGAIN);

    expectNear(afterSettling, 100);
    expectNear(await bench.server.client.ttl(key), REMEMBER_MS / 1000);
  });

  it("that is forgotten by the time it is settled stays forgotten", async () => {
    const batch = await bench.sealed(alerts(1));
    await bench.server.client.del(...(await bench.server.client.keys("test:sent:*")));

    expect(await bench.store.settle(batch, { delivered: 1, dead: [], attempts: 1 }, 9)).toBe(true);
    expect(await bench.server.client.keys("test:sent:*")).toEqual([]);
  });
});

/** Some seconds may have passed. */
function expectNear(seconds: number, wanted: number): void {
  expect(seconds).toBeLessThanOrEqual(wanted);
  expect(seconds).toBeGreaterThan(wanted - 30);
}

describe("settling", () => {
  it("counts a batch once, however often it is settled, and keeps the ledger in balance", async () => {
    const batch = await bench.sealed(alerts(3));
    const settlement = { delivered: 2, dead: [aDeadLetter()], attempts: 2 };

    const settled = [
      await bench.store.settle(batch, settlement, 9),
      await bench.store.settle(batch, settlement, 9),
    ];

    expect(settled).toEqual([true, false]);
    expect(await bench.row()).toEqual({
      tenant: "contoso",
      sink: "splunk",
      enqueued: 3,
      delivered: 2,
      waiting: 0,
      bytes: 0,
      seq: 3,
      dead: { rejected: 1 },
    });
    expect(await bench.store.loadBatch(batch.id)).toBeUndefined();
    expect(await bench.store.oldestWaitingMs("splunk")).toBeUndefined();
  });
});

describe("a round whose job was taken over", () => {
  it("is refused every step, and leaves nothing behind", async () => {
    await bench.loseLock();
    const { store } = bench;

    await expect(store.seal(FENCE, aBatch(alerts(1)), alerts(1), NEW)).rejects.toThrow(FencedOff);
    const step = { cursor: 5n, since: 1n, roundMs: 1, queued: [] };
    await expect(store.commit(FENCE, PLACE, step)).rejects.toThrow(FencedOff);
    const letter = readingLetter(PLACE, anAlert(), "tenant-mismatch", "words", 9);
    await expect(store.setAside(FENCE, "contoso", [letter])).rejects.toThrow(FencedOff);
    const gap = { sink: "splunk", pointer: "live.splunk", known: undefined };
    await expect(store.recordGap(FENCE, PLACE, gap, { from: 1n, to: 2n }, 9)).rejects.toThrow(FencedOff);

    expect(await store.readState("contoso", "graph_alerts")).toEqual({
      reach: undefined,
      roundMs: undefined,
      pending: [],
      gaps: new Map(),
      holes: [],
    });
    expect(await bench.server.client.keys("test:*")).toEqual([]);
  });
});

describe("a key for what lies in Redis", () => {
  it("keeps every alert unreadable there", async () => {
    const sealedBench = await openBench(Buffer.alloc(32, 7));
    const secret = [anAlert({ raw: '{"id":"da1_1","title":"the quick brown fox"}' })];
    const letter = readingLetter(
      PLACE,
      { reason: "missing-id", id: "abc", raw: "the quick brown fox" },
      "missing-id",
      "words",
      9,
    );

    const batch = await sealedBench.sealed(secret);
    await sealedBench.store.setAside(FENCE, "contoso", [letter]);

    const { client } = sealedBench.server;
    const dumps = await Promise.all((await client.keys("test:*")).map((key) => client.dumpBuffer(key)));
    const all = Buffer.concat(dumps).toString("latin1");
    expect(all).toContain("contoso");
    expect(all).not.toContain("brown fox");
    expect(all).not.toContain(Buffer.from("the quick brown fox").toString("base64").slice(0, 12));
    expect((await sealedBench.store.loadBatch(batch.id))?.batch.alerts[0]?.raw).toEqual(secret[0]?.raw);
    expect((await sealedBench.store.deadLetter(letter.id))?.raw).toBe("the quick brown fox");
  });
});

import { beforeEach, expect, it } from "vitest";
import { createCodec } from "../../src/queue/codec.ts";
import { createKeys } from "../../src/queue/keys.ts";
import { createStore, type Fence, FencedOff, readingLetter, type Store } from "../../src/queue/store.ts";
import { aBatch, alerts, anAlert, CONTOSO } from "../support/alerts.ts";
import { type RedisServer, startRedis } from "../support/redis.ts";

const KEYS = createKeys("test");
const FENCE: Fence = { lockKey: "lock", token: "mine" };
const PLACE = { tenant: "contoso", source: "graph_alerts", sinks: ["splunk", "archive"] };
const LAST = 5;

let server: RedisServer;
let store: Store;

beforeEach(async () => {
  server = await startRedis();
  store = createStore(server.client, KEYS, createCodec(undefined));
  await server.client.set(FENCE.lockKey, FENCE.token);
});

const seal = (batch: ReturnType<typeof aBatch>, of: Parameters<Store["seal"]>[2]) =>
  store.seal(
    FENCE,
    batch,
    of,
    ({ updatedMs }) => updatedMs ?? 0,
    () => LAST,
  );
const rowOf = async (sink: string) => (await store.ledger(sink)).find(({ tenant }) => tenant === "contoso");

it("numbers the alerts of a tenant and sink without a gap, and each alert's versions from 1", async () => {
  const first = alerts(3);
  const changed = [anAlert({ id: "da1_1", version: "2" }), anAlert({ id: "da9_1" })];

  await seal(aBatch(first), first);
  await seal(aBatch(changed), changed);
  const one = await store.loadBatch(aBatch(first).id);
  const two = await store.loadBatch(aBatch(changed).id);

  expect(one?.numbers).toEqual({ firstSeq: 1, revisions: [1, 1, 1] });
  expect(two?.numbers).toEqual({ firstSeq: 4, revisions: [2, 1] });
  expect(one?.batch).toEqual({ ...aBatch(first), sealedMs: expect.any(Number), count: 3 });
});

it("gives one version the same revision for every sink, and each sink numbers of its own", async () => {
  const some = alerts(2);

  await seal(aBatch(some, "splunk"), some);
  await seal(aBatch(some, "archive"), some);

  const loaded = await store.loadBatch(aBatch(some, "archive").id);
  expect(loaded?.numbers).toEqual({ firstSeq: 1, revisions: [1, 1] });
});

it("changes nothing when a batch is sealed again", async () => {
  const some = alerts(3);

  await seal(aBatch(some), some);
  await seal(aBatch(some), some);

  expect(await rowOf("splunk")).toMatchObject({ enqueued: 3, waiting: 3 });
  expect((await store.readState("contoso", "graph_alerts")).pending).toEqual([
    { id: aBatch(some).id, sink: "splunk", priority: LAST },
  ]);
});

it("knows which versions a sink was given, each sink for itself", async () => {
  const given = alerts(2);
  const updated = anAlert({ id: "da0_1", version: "3" });

  await seal(aBatch(given), given);

  const ask = (sink: string) => store.unseen("contoso", "graph_alerts", sink, [...given, updated, updated]);
  expect(await ask("splunk")).toEqual([updated]);
  expect(await ask("archive")).toEqual([...given, updated]);
});

it("refuses every step of a round whose job was taken over", async () => {
  const some = alerts(1);
  await server.client.set(FENCE.lockKey, "somebody else's");

  await expect(seal(aBatch(some), some)).rejects.toThrow(FencedOff);
  const step = { cursor: 5n, roundMs: 1, forgetBelowMs: 0, queued: [] };
  await expect(store.commit(FENCE, PLACE, step)).rejects.toThrow(FencedOff);
  const letter = readingLetter(PLACE, anAlert(), "tenant-mismatch", "words");
  await expect(store.setAside(FENCE, "contoso", [letter])).rejects.toThrow(FencedOff);

  expect(await store.readState("contoso", "graph_alerts")).toEqual({
    cursor: undefined,
    roundMs: undefined,
    pending: [],
  });
  expect(await server.client.keys("test:*")).toEqual([]);
});

it("moves the cursor, drops what is queued from the pending list, and forgets versions of long ago", async () => {
  const old = [anAlert({ id: "old_1", updatedMs: 1000 })];
  const recent = [anAlert({ id: "new_1", updatedMs: 9000 })];
  const sealed = [await seal(aBatch(old), old), await seal(aBatch(recent), recent)];

  await store.commit(FENCE, PLACE, {
    cursor: 77n,
    roundMs: 42,
    forgetBelowMs: 5000,
    queued: sealed.slice(0, 1),
  });

  const state = await store.readState("contoso", "graph_alerts");
  expect(state).toMatchObject({ cursor: 77n, roundMs: 42, pending: [{ id: aBatch(recent).id }] });
  expect(await store.unseen("contoso", "graph_alerts", "splunk", [...old, ...recent])).toEqual(old);
});

it("counts a batch once, however often it is settled, and keeps the ledger in balance", async () => {
  const some = alerts(3);
  const batch = aBatch(some);
  await seal(batch, some);
  const dead = {
    ...readingLetter(PLACE, anAlert(), "rejected", "Invalid data format"),
    id: "d-1",
    sink: "splunk",
  };

  const settled = [
    await store.settle(batch, { delivered: 2, dead: [dead] }),
    await store.settle(batch, { delivered: 2, dead: [dead] }),
  ];

  expect(settled).toEqual([true, false]);
  expect(await rowOf("splunk")).toEqual({
    tenant: "contoso",
    sink: "splunk",
    enqueued: 3,
    delivered: 2,
    waiting: 0,
    bytes: 0,
    dead: { rejected: 1 },
  });
  expect(await store.loadBatch(batch.id)).toBeUndefined();
  expect(await store.oldestWaitingMs("splunk")).toBeUndefined();
});

it("sets a record aside once, however many rounds meet it again", async () => {
  const letter = readingLetter(PLACE, { reason: "missing-id", id: "abc", raw: "{}" }, "missing-id", "words");

  const fresh = [
    await store.setAside(FENCE, "contoso", [letter]),
    await store.setAside(FENCE, "contoso", [letter]),
  ];

  expect(fresh.map((letters) => letters.length)).toEqual([1, 0]);
  expect(await rowOf("none")).toMatchObject({ enqueued: 1, dead: { "missing-id": 1 } });
});

it("keeps no readable alert in Redis when a key is given", async () => {
  const sealedStore = createStore(server.client, KEYS, createCodec(Buffer.alloc(32, 7)));
  const secret = [anAlert({ raw: '{"id":"da1_1","title":"the quick brown fox"}' })];
  const letter = readingLetter(
    PLACE,
    { reason: "missing-id", id: "abc", raw: "the quick brown fox" },
    "missing-id",
    "words",
  );

  await sealedStore.seal(
    FENCE,
    aBatch(secret),
    secret,
    () => 0,
    () => LAST,
  );
  await sealedStore.setAside(FENCE, "contoso", [letter]);

  const dumps = await Promise.all(
    (await server.client.keys("test:*")).map((key) => server.client.dumpBuffer(key)),
  );
  const all = Buffer.concat(dumps).toString("latin1");
  expect(all).toContain("da1_1");
  expect(all).not.toContain("brown fox");
  expect(all).not.toContain(Buffer.from("the quick brown fox").toString("base64").slice(0, 12));
  expect((await sealedStore.loadBatch(aBatch(secret).id))?.batch.alerts[0]?.raw).toBe(secret[0]?.raw);
});

it("refuses a Redis that a newer version wrote", async () => {
  await store.claimFormat();
  await store.claimFormat();
  await server.client.set("test:format", "2");

  await expect(store.claimFormat()).rejects.toThrow("Redis holds alerts in format 2; this version reads 1.");
});

it("works on after Redis has forgotten its scripts", async () => {
  const some = alerts(2);
  await seal(aBatch(some.slice(0, 1)), some.slice(0, 1));
  await server.client.script("FLUSH");

  await seal(aBatch(some.slice(1)), some.slice(1));

  expect(await rowOf("splunk")).toMatchObject({ enqueued: 2 });
});

it("places dead letters under the tenant they belong to", async () => {
  const letter = readingLetter(
    { tenant: CONTOSO.id, source: "graph_alerts" },
    anAlert(),
    "tenant-mismatch",
    "words",
  );

  await store.setAside(FENCE, CONTOSO.id, [letter]);

  const kept = JSON.parse((await server.client.hget("test:dead-letters", letter.id)) ?? "{}");
  expect(kept).toMatchObject({
    v: 1,
    tenant: "contoso",
    sink: "none",
    reason: "tenant-mismatch",
    message: "words",
  });
});

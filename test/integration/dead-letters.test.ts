import { beforeEach, describe, expect, it } from "vitest";
import { type Batch, envelopes } from "../../src/model/batch.ts";
import { type DeadLetter, readingLetter } from "../../src/model/dead-letter.ts";
import { FencedOff } from "../../src/queue/ports.ts";
import { alerts, anAlert, CONTOSO } from "../support/alerts.ts";
import { AGAIN, FENCE, openBench, PLACE, type StoreBench } from "./bench.ts";

const AT_MS = Date.UTC(2026, 4, 4);
const FABRIKAM = { ...CONTOSO, id: "fabrikam" };

let bench: StoreBench;

beforeEach(async () => {
  bench = await openBench();
});

const aRecord = (id: string, nowMs = AT_MS) =>
  readingLetter(PLACE, { reason: "missing-id", id, raw: `{"n":"${id}"}` }, "missing-id", "words", nowMs);

/** What a lane makes of the refused alerts of a batch. */
async function lettersOf(batch: Batch, refused: readonly number[], atMs = AT_MS): Promise<DeadLetter[]> {
  const loaded = await bench.store.loadBatch(batch.id);
  if (loaded === undefined) throw new Error("The batch is settled already.");
  return envelopes(loaded.batch, loaded.numbers)
    .map(
      (envelope, index): DeadLetter => ({
        id: `d-${batch.sink}-${batch.tenant.id}-${envelope.alertId}`,
        tenant: batch.tenant.id,
        sink: batch.sink,
        source: batch.source,
        alertId: envelope.alertId,
        eventId: envelope.eventId,
        sent: {
          tenant: batch.tenant,
          window: batch.window,
          version: batch.alerts[index]?.version ?? "",
          seq: envelope.seq,
          revision: envelope.revision,
          updatedMs: envelope.updatedMs,
          device: envelope.device,
        },
        reason: "rejected",
        message: "Invalid data format",
        attempts: 3,
        at: new Date(atMs).toISOString(),
        raw: String(envelope.raw),
      }),
    )
    .filter((_, index) => refused.includes(index));
}

/** Seals a batch of which some are refused; gives their letters. */
async function refusedOf(
  count: number,
  refused: readonly number[],
  more: Partial<Batch> = {},
  atMs = AT_MS,
): Promise<DeadLetter[]> {
  const batch = await bench.sealed(alerts(count), more);
  const dead = await lettersOf(batch, refused, atMs);
  await bench.store.settle(batch, { delivered: count - dead.length, dead, attempts: 3 }, atMs);
  return dead;
}

const idsOf = (letters: readonly { readonly id: string }[]) => letters.map(({ id }) => id);
const retry = (ids: readonly string[], nowMs = 77) => bench.store.retryDeadLetters(ids, nowMs);
const kept = async (filter = {}) => idsOf(await bench.store.deadLetters(filter));

describe("a record that is no alert", () => {
  it("is set aside once, however many rounds meet it again", async () => {
    const fresh = [
      await bench.store.setAside(FENCE, "contoso", [aRecord("abc")]),
      await bench.store.setAside(FENCE, "contoso", [aRecord("abc", AT_MS + 5), aRecord("new")]),
    ];

    expect(fresh.map(idsOf)).toEqual([[aRecord("abc").id], [aRecord("new").id]]);
    expect(await bench.row("none")).toMatchObject({ enqueued: 2, dead: { "missing-id": 2 } });
  });

  it("lies under the tenant it belongs to, with the source's own text", async () => {
    const letter = readingLetter(PLACE, anAlert(), "tenant-mismatch", "words", AT_MS);

    await bench.store.setAside(FENCE, "contoso", [letter]);

    expect(await bench.store.deadLetter(letter.id)).toEqual(letter);
    const { raw: _, ...summary } = letter;
    expect(await bench.store.deadLetters()).toEqual([summary]);
    const text = JSON.parse((await bench.server.client.hget("test:dead-letters", letter.id)) ?? "{}");
    expect(text).toMatchObject({ v: 1, tenant: "contoso", sink: "none", reason: "tenant-mismatch" });
  });

  it("is not set aside by a round whose job was taken over", async () => {
    await bench.loseLock();

    await expect(bench.store.setAside(FENCE, "contoso", [aRecord("abc")])).rejects.toThrow(FencedOff);

    expect(await kept()).toEqual([]);
  });
});

describe("a refused alert", () => {
  it("is kept whole, with what it was on its way", async () => {
    const [letter] = await refusedOf(3, [1]);
    if (letter === undefined) throw new Error("no letter");

    expect(await bench.store.deadLetter(letter.id)).toEqual(letter);
    expect(await bench.store.deadLetter("d-nothing")).toBeUndefined();
  });

  it("is found by its sink and by its tenant, the oldest first", async () => {
    const late = await refusedOf(1, [0], {}, AT_MS + 2);
    const early = await refusedOf(1, [0], { sink: "archive" }, AT_MS + 1);
    const other = await refusedOf(1, [0], { id: "b-f", tenant: FABRIKAM }, AT_MS + 3);

    expect(await kept()).toEqual(idsOf([...early, ...late, ...other]));
    expect(await kept({ sink: "splunk" })).toEqual(idsOf([...late, ...other]));
    expect(await kept({ tenant: "fabrikam" })).toEqual(idsOf(other));
    expect(await kept({ sink: "archive", tenant: "fabrikam" })).toEqual([]);
  });

  it("is listed page by page, the newest first, each once, whatever comes and goes meanwhile", async () => {
    for (const tenant of [CONTOSO, FABRIKAM])
      await refusedOf(5, [0, 1, 2, 3, 4], { id: `b-${tenant.id}`, tenant });
    await refusedOf(3, [0, 1, 2], { sink: "archive" }, AT_MS + 1);
    const all = await kept();
    const page = async (limit: number, after?: string) =>
      await bench.store.deadLetterPage(limit, { sink: "splunk", after });
    const first = await page(4);
    const second = await page(4, first.next);

    await bench.store.discardDeadLetters(idsOf(second.letters.slice(-1)));
    await refusedOf(1, [0], { id: "b-new", tenant: { ...CONTOSO, id: "tailspin" } }, AT_MS + 2);
    const third = await page(4, second.next);

    expect(first.letters).toHaveLength(4);
    expect([...first.letters, ...second.letters, ...third.letters].map(({ sink }) => sink)).toEqual(
      Array(10).fill("splunk"),
    );
    expect(idsOf([...first.letters, ...second.letters, ...third.letters])).toEqual(
      all.filter((id) => id.startsWith("d-splunk")).reverse(),
    );
    expect(third.next).toBeUndefined();
    expect(idsOf((await bench.store.deadLetterPage(3)).letters.slice(1))).toEqual(all.slice(-2).reverse());
    expect(JSON.stringify(first)).not.toContain("raw");
  });

  it("is counted for its sink", async () => {
    await refusedOf(5, [0, 3]);
    await refusedOf(5, [1], { sink: "archive" });
    await bench.store.setAside(FENCE, "contoso", [aRecord("abc")]);

    expect(await bench.store.countDeadLetters()).toEqual(
      new Map([
        ["splunk", 2],
        ["archive", 1],
        ["none", 1],
      ]),
    );
  });
});

describe("a retry", () => {
  it("sends under the seq and the revision that the alerts had, byte for byte", async () => {
    await bench.sealed([anAlert({ id: "da2_1", version: "1" })]);
    const letters = await refusedOf(4, [1, 2]);

    const { retried, batches } = await retry(idsOf(letters));

    expect(retried).toBe(2);
    expect(batches).toEqual([{ id: expect.stringMatching(/^b-/), sink: "splunk", priority: 1 }]);
    const loaded = await bench.store.loadBatch(batches[0]?.id ?? "");
    expect(loaded?.numbers).toEqual({ seqs: [3, 4], revisions: [1, 2] });
    expect(loaded?.batch.alerts).toEqual(
      letters.map(({ alertId, eventId, raw, sent }) => ({
        ...{ alertId, eventId, raw: Buffer.from(raw) },
        ...{ version: sent?.version, updatedMs: sent?.updatedMs, device: sent?.device },
      })),
    );
  });

  it("takes the letters away, waits in the queue like any batch, and is pending until it is there", async () => {
    const letters = await refusedOf(4, [1, 2]);

    const { batches } = await retry(idsOf(letters));

    expect(await kept()).toEqual([]);
    expect(await bench.store.countDeadLetters()).toEqual(new Map());
    expect(await bench.store.waitingSeqs("contoso", "splunk")).toEqual(new Set([2, 3]));
    expect(await bench.store.oldestWaitingMs("splunk")).toBe(77);
    expect(await bench.store.backlogBytes("splunk")).toBeGreaterThan(0);
    expect(await bench.pendingIds()).toContain(batches[0]?.id);
  });

  it("counts as queued once more, and the ledger stays in balance to the end", async () => {
    const letters = await refusedOf(4, [1, 2]);

    const { batches } = await retry(idsOf(letters));
    const waiting = await bench.row();
    const { batch } = (await bench.store.loadBatch(batches[0]?.id ?? "")) ?? {};
    if (batch === undefined) throw new Error("no batch");
    const again = await lettersOf(batch, [1]);
    await bench.store.settle(batch, { delivered: 1, dead: again, attempts: 1 }, AT_MS + 9);

    expect(waiting).toMatchObject({ enqueued: 6, delivered: 2, waiting: 2, seq: 4, dead: { rejected: 2 } });
    expect(await bench.row()).toMatchObject({
      ...{ enqueued: 6, delivered: 3, waiting: 0, bytes: 0, seq: 4 },
      dead: { rejected: 3 },
    });
    const sent = await bench.store.sent({ ...PLACE, sink: "splunk" }, alerts(4));
    expect(sent.map((record) => record?.state)).toEqual([
      "delivered",
      "delivered",
      "dead-lettered",
      "delivered",
    ]);
  });

  it("happens not at all where one of the letters is gone by then", async () => {
    const letters = await refusedOf(4, [1, 2, 3]);
    const [gone = "", ...left] = idsOf(letters);
    const before = await bench.row();
    // The letter goes between the reading of it and the step that turns it into a batch.
    const client = Object.create(bench.server.client) as typeof bench.server.client;
    const hmget = bench.server.client.hmget.bind(bench.server.client) as (
      ...words: string[]
    ) => Promise<(string | null)[]>;
    client.hmget = (async (...words: string[]) => {
      const found = await hmget(...words);
      await bench.store.discardDeadLetters([gone]);
      return found;
    }) as typeof client.hmget;
    const { retried, batches } = await bench.storeOver(client).retryDeadLetters([gone, ...left], 77);

    expect({ retried, batches }).toEqual({ retried: 0, batches: [] });
    expect(await kept()).toEqual(left);
    expect(await bench.row()).toEqual(before);
  });

  it("leaves what never was bound for a sink where it is", async () => {
    await bench.store.setAside(FENCE, "contoso", [aRecord("abc")]);
    const letters = await refusedOf(2, [0]);

    const { retried } = await retry([aRecord("abc").id, ...idsOf(letters), "d-nothing"]);

    expect(retried).toBe(1);
    expect(await kept()).toEqual([aRecord("abc").id]);
  });

  it("makes a batch for each tenant and sink", async () => {
    const letters = [
      ...(await refusedOf(3, [0, 1])),
      ...(await refusedOf(3, [2], { sink: "archive" })),
      ...(await refusedOf(3, [0], { id: "b-f", tenant: FABRIKAM })),
    ];

    const { retried, batches } = await retry(idsOf(letters));

    const loaded = await Promise.all(batches.map(({ id }) => bench.store.loadBatch(id)));
    const made = loaded.map((each) => [
      each?.batch.tenant.id,
      each?.batch.sink,
      each?.batch.alerts.map(({ alertId }) => alertId),
    ]);
    expect(retried).toBe(4);
    expect(made).toEqual([
      ["contoso", "splunk", ["da0_1", "da1_1"]],
      ["contoso", "archive", ["da2_1"]],
      ["fabrikam", "splunk", ["da0_1"]],
    ]);
  });

  it("of hundreds makes batches of a size that a sink may divide", async () => {
    const letters = await refusedOf(
      450,
      Array.from({ length: 450 }, (_, index) => index),
    );

    const { retried, batches } = await retry(idsOf(letters));

    const sizes = await Promise.all(batches.map(({ id }) => bench.store.loadBatch(id)));
    expect(retried).toBe(450);
    expect(sizes.map((each) => each?.batch.alerts.length)).toEqual([200, 200, 50]);
    expect(await bench.row()).toMatchObject({ enqueued: 900, waiting: 450, seq: 450 });
  });

  it("sends a letter that is named twice once", async () => {
    const [letter] = await refusedOf(2, [0]);
    const id = letter?.id ?? "";

    const { retried } = await retry([id, id]);

    expect(retried).toBe(1);
    expect(await bench.row()).toMatchObject({ enqueued: 3, waiting: 1 });
  });

  it("of what is retried already finds nothing", async () => {
    const letters = await refusedOf(2, [0]);
    await retry(idsOf(letters));

    expect(await retry(idsOf(letters), 78)).toEqual({ retried: 0, batches: [] });
    expect(await bench.row()).toMatchObject({ enqueued: 3, waiting: 1 });
  });

  it("stands beside a replay of the same alert, which has the same numbers", async () => {
    const letters = await refusedOf(2, [0]);

    const { batches } = await retry(idsOf(letters));
    const replay = await bench.sealed(alerts(2), { id: "b-replay" }, AGAIN);

    const retried = await bench.store.loadBatch(batches[0]?.id ?? "");
    expect(retried?.numbers.seqs).toEqual([1]);
    expect(await bench.numbersOf(replay)).toEqual([
      [1, 1],
      [2, 1],
    ]);
  });
});

describe("a discard", () => {
  it("takes the letters away for good, and the ledger remembers them", async () => {
    const letters = await refusedOf(4, [1, 2, 3]);
    const [first = "", second = "", third = ""] = idsOf(letters);

    expect(await bench.store.discardDeadLetters([first, third, "d-nothing"])).toBe(2);
    expect(await bench.store.discardDeadLetters([first])).toBe(0);

    expect(await kept()).toEqual([second]);
    expect(await bench.store.countDeadLetters()).toEqual(new Map([["splunk", 1]]));
    expect(await bench.row()).toMatchObject({ enqueued: 4, delivered: 1, dead: { rejected: 3 } });
  });

  it("of nothing is nothing", async () => {
    expect(await bench.store.discardDeadLetters([])).toBe(0);
  });
});

describe("trimming", () => {
  const times = [5, 1, 4, 2, 3].map((more) => AT_MS + more);

  it.each([
    ["by number", 2, 0, 3, [4, 5]],
    ["by age", 100, AT_MS + 3, 2, [3, 4, 5]],
    ["by whichever leaves less", 3, AT_MS + 5, 4, [5]],
    ["not at all", 5, AT_MS + 1, 0, [1, 2, 3, 4, 5]],
  ] as const)("takes the oldest, %s", async (_, maxCount, beforeMs, taken, left) => {
    for (const ms of times) await bench.store.setAside(FENCE, "contoso", [aRecord(`r${ms - AT_MS}`, ms)]);

    expect(await bench.store.trimDeadLetters(maxCount, beforeMs)).toBe(taken);

    expect(await kept()).toEqual(left.map((more) => aRecord(`r${more}`).id));
  });
});

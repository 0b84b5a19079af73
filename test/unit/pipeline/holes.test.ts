import { describe, expect, it } from "vitest";
import { SourceError } from "../../../src/model/failure.ts";
import { type Ticks, ticksFromMs } from "../../../src/model/ticks.ts";
import type { Span, WindowText } from "../../../src/model/window.ts";
import type { ReaderParts } from "../../../src/pipeline/forward.ts";
import { type OnHole, readLive, readLong } from "../../../src/pipeline/reader.ts";
import type { Place } from "../../../src/pipeline/routes.ts";
import { randomFrom } from "../../../src/simulate/random.ts";
import { readSlices } from "../../../src/sources/slices.ts";
import type { ReadHow, Source } from "../../../src/sources/source.ts";
import { CONTOSO } from "../../support/alerts.ts";
import { createMemorySource } from "../../support/memory-source.ts";
import { createMemoryStore } from "../../support/memory-store.ts";

const FENCE = { lockKey: "lock", token: "mine" };
const SIGNAL = new AbortController().signal;
const NOON_MS = Date.UTC(2026, 4, 4, 12, 0, 0);
const NAME = { tenant: CONTOSO.id, source: "graph_incidents" };
const MINUTE = 600_000_000n;

/** A place whose source fails whenever a poisonous id lies in what it is asked for, or `everything` does; and what its sinks were queued. */
function aPlace() {
  const source = createMemorySource(randomFrom("holes"));
  const store = createMemoryStore({ sizeOf: () => 10 });
  const poison = new Set<string>();
  const asked: Span[] = [];
  const told: WindowText[] = [];
  const jobs: string[] = [];
  let nowMs = NOON_MS;
  const list = source.list(50, {
    async request(_, span) {
      asked.push(span);
      const isIn = (ticks: Ticks) => ticks >= span.from && ticks < span.to;
      const isPoisoned = source.shown().some(({ id, ticks }) => poison.has(id) && isIn(ticks));
      if (isPoisoned || poison.has("everything"))
        throw new SourceError("transient", "fails", { status: 500 });
    },
    answer: () => undefined,
  });
  const reader: Source = {
    read: (span: Span, signal: AbortSignal, how?: ReadHow) => readSlices(list, span, signal, how),
    probe: async () => 0,
  };
  const route = (sink: string) => ({
    ...{ sink, limits: { maxAlerts: 10, maxBytes: 1_000_000 }, maxBacklogBytes: 1000 },
    accepts: () => true,
  });
  const place: Place = {
    ...{ tenant: CONTOSO, source: NAME.source, reader, backlogReader: reader, updates: "all" },
    poll: { interval: 1000, overlap: 900_000, settle: 0, initialLookback: 3_600_000, pageSize: 50 },
    routes: [route("splunk"), route("archive")],
  };
  const queued: string[] = [];
  const parts: ReaderParts = {
    store,
    outbox: {
      async enqueue(batches) {
        for (const { id, sink } of batches) {
          const loaded = await store.loadBatch(id);
          for (const { alertId } of loaded?.batch.alerts ?? []) queued.push(`${alertId} ${sink}`);
        }
      },
    },
    windows: {
      async addWindows(windows) {
        for (const { id, kind } of windows) if (kind === "hole") jobs.push(id);
      },
    },
    nowMs: () => nowMs,
    onFresh: () => undefined,
  };
  const onHole: OnHole = (window) => told.push(window);
  return {
    ...{ source, store, poison, asked, told, jobs, queued },
    cursor: async () => (await store.readState(NAME.tenant, NAME.source)).reach?.cursor,
    round: (stepsOver: boolean) => {
      nowMs += 1000;
      return readLive(place, parts, FENCE, SIGNAL, stepsOver ? { onHole } : {});
    },
    turn: (id: string, stepsOver = true) =>
      readLong(id, place, parts, FENCE, SIGNAL, stepsOver ? { onHole } : {}),
    now: () => ticksFromMs(nowMs),
  };
}

describe("rounds over a record that the source fails to give out", () => {
  it("end at it, until they may step over it", async () => {
    const at = aPlace();
    at.source.show("a1", at.now() - 3n * MINUTE);
    at.source.show("a2", at.now() - 2n * MINUTE);
    at.source.show("a3", at.now() - MINUTE);
    at.poison.add("a2");

    await expect(at.round(false)).rejects.toThrow("fails");
    expect((await at.cursor()) ?? 0n).toBeLessThan(at.now() - MINUTE);

    await at.round(true);

    expect(await at.cursor()).toBe(at.now());
    expect(at.queued.toSorted()).toEqual(["a1 archive", "a1 splunk", "a3 archive", "a3 splunk"]);
    expect(at.told).toEqual([
      { kind: "hole", from: "2026-05-04T11:58:00Z", to: "2026-05-04T11:58:00.0000001Z" },
    ]);
    expect(at.jobs).toHaveLength(1);
  });

  it("pass over it afterwards, without asking or telling once more", async () => {
    const at = aPlace();
    const bad = at.now() - 2n * MINUTE;
    at.source.show("a2", bad);
    at.poison.add("a2");
    await at.round(true);
    at.asked.length = 0;
    at.source.show("a4", at.now());

    await at.round(false);

    expect(await at.cursor()).toBe(at.now());
    expect(at.queued.toSorted()).toEqual(["a4 archive", "a4 splunk"]);
    expect(at.asked.filter(({ from, to }) => from <= bad && bad < to)).toEqual([]);
    expect(at.told).toHaveLength(1);
  });

  it("leave it to its window, which reads it once it can be read, for each sink once", async () => {
    const at = aPlace();
    at.source.show("a2", at.now() - 2n * MINUTE);
    at.poison.add("a2");
    await at.round(true);
    const [id = ""] = at.jobs;

    await expect(at.turn(id)).rejects.toThrow("fails");
    at.poison.clear();
    const turn = await at.turn(id);
    await at.round(false);

    expect(turn).toMatchObject({ state: "done", read: 1, fresh: 1 });
    expect(at.queued.toSorted()).toEqual(["a2 archive", "a2 splunk"]);
    expect(await at.store.openWindows()).not.toContainEqual(expect.objectContaining({ kind: "hole" }));
    expect((await at.store.readState(NAME.tenant, NAME.source)).holes).toEqual([]);
  });

  it("meet it once more where it was updated, and close the hole that is empty now", async () => {
    const at = aPlace();
    at.source.show("a2", at.now() - 2n * MINUTE);
    at.poison.add("a2");
    await at.round(true);
    at.source.show("a2", at.now());

    expect(await at.turn(at.jobs[0] ?? "")).toMatchObject({ state: "done", read: 0 });
    await at.round(true);

    expect(at.told.map(({ from }) => from)).toEqual(["2026-05-04T11:58:00Z", "2026-05-04T12:00:01Z"]);
  });

  it("step over nothing while everything fails, and go on from there afterwards", async () => {
    const at = aPlace();
    at.source.show("a1", at.now() - MINUTE);
    at.poison.add("everything");

    await expect(at.round(true)).rejects.toThrow("fails");

    expect(at.told).toEqual([]);
    expect(await at.cursor()).toBeUndefined();
    expect(at.asked.length).toBeLessThan(10);
    at.poison.clear();
    await at.round(true);
    expect(at.queued.toSorted()).toEqual(["a1 archive", "a1 splunk"]);
  });
});

describe("a backfill over a record that the source fails to give out", () => {
  it("goes on behind it, and leaves it to a hole of its own", async () => {
    const at = aPlace();
    at.source.show("a1", at.now() - 40n * MINUTE);
    at.source.show("a2", at.now() - 30n * MINUTE);
    at.source.show("a3", at.now() - 20n * MINUTE);
    at.poison.add("a2");
    await at.round(false);
    const [backfill] = await at.store.openWindows();

    let state = "more";
    while (state === "more") ({ state } = await at.turn(backfill?.id ?? ""));

    expect(state).toBe("done");
    expect(at.queued.toSorted()).toEqual(["a1 archive", "a1 splunk", "a3 archive", "a3 splunk"]);
    at.poison.clear();
    expect(await at.turn(at.jobs[0] ?? "")).toMatchObject({ state: "done", fresh: 1 });
    expect(at.queued).toHaveLength(6);
  });
});

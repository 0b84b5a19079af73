import { describe, expect, it } from "vitest";
import type { Alert } from "../../../src/model/alert.ts";
import { SourceError } from "../../../src/model/failure.ts";
import { type Ticks, ticksFromMs } from "../../../src/model/ticks.ts";
import type { Updates } from "../../../src/model/updates.ts";
import type { ReaderParts } from "../../../src/pipeline/forward.ts";
import { readLive, readLong } from "../../../src/pipeline/reader.ts";
import type { Place } from "../../../src/pipeline/routes.ts";
import { randomFrom } from "../../../src/simulate/random.ts";
import { readSlices } from "../../../src/sources/slices.ts";
import type { Incomplete, Source } from "../../../src/sources/source.ts";
import { CONTOSO } from "../../support/alerts.ts";
import { createMemorySource } from "../../support/memory-source.ts";
import { createMemoryStore } from "../../support/memory-store.ts";

const FENCE = { lockKey: "lock", token: "mine" };
const SIGNAL = new AbortController().signal;
const NOON_MS = Date.UTC(2026, 4, 4, 12, 0, 0);
const NAME = { tenant: CONTOSO.id, source: "graph_incidents" };
const WHOLE = " whole";

type Answer = (alert: Alert) => Incomplete | undefined;

/** A place whose list leaves something out. `answer` says why an alert is not to be had whole, or throws. */
function aPlace({
  updates = "all",
  answer = () => undefined,
  padding = 0,
}: {
  updates?: Updates;
  answer?: Answer;
  padding?: number;
} = {}) {
  const source = createMemorySource(randomFrom("complete"));
  const store = createMemoryStore({
    sizeOf: () => 10,
    async onStep(name, when) {
      if (name === "commit" && when === "after") commits.push(queued.length);
    },
  });
  const list = source.list(50, { request: async () => undefined, answer: () => undefined });
  const asked: string[] = [];
  const commits: number[] = [];
  const incomplete: Incomplete[] = [];
  const queued: string[] = [];
  let nowMs = NOON_MS;
  let answering = answer;
  const reader: Source = {
    read: (span, signal, how) => readSlices(list, span, signal, how),
    probe: async () => 0,
    async complete(alert) {
      asked.push(alert.id);
      return answering(alert) ?? { ...alert, raw: Buffer.from(`${alert.raw}${" ".repeat(padding)}${WHOLE}`) };
    },
  };
  const route = (sink: string, accepts: (alert: Alert) => boolean) => ({
    ...{ sink, limits: { maxAlerts: 10, maxBytes: 1_000_000 }, maxBacklogBytes: 1000, accepts },
  });
  const place: Place = {
    ...{ tenant: CONTOSO, source: NAME.source, reader, backlogReader: reader, updates },
    poll: { interval: 1000, overlap: 900_000, settle: 0, initialLookback: 900_000, pageSize: 50 },
    routes: [route("splunk", ({ id }) => id !== "unwanted"), route("odd", ({ id }) => id.endsWith("1"))],
  };
  const parts: ReaderParts = {
    store,
    outbox: {
      async enqueue(batches) {
        for (const { id, sink } of batches) {
          const alerts = (await store.loadBatch(id))?.batch.alerts ?? [];
          for (const { alertId, raw } of alerts)
            queued.push(`${alertId} ${sink}${String(raw).endsWith(WHOLE) ? WHOLE : ""}`);
        }
      },
    },
    windows: { addWindows: async () => undefined },
    nowMs: () => nowMs,
    onFresh: () => undefined,
  };
  const notices = { onIncomplete: (reason: Incomplete) => incomplete.push(reason) };
  return {
    ...{ source, store, asked, commits, incomplete, queued },
    answers(next: Answer) {
      answering = next;
    },
    round: () => {
      nowMs += 1000;
      return readLive(place, parts, FENCE, SIGNAL, notices);
    },
    turn: (id: string) => readLong(id, place, parts, FENCE, SIGNAL, notices),
    at: (secondsAgo: number): Ticks => ticksFromMs(nowMs - secondsAgo * 1000),
  };
}

const waiting = () => new SourceError("throttled", "wait", { retryAfterMs: 1000 });

describe("what a list leaves out", () => {
  it("is asked for once of each new version that some sink is to get, and reaches them all", async () => {
    const at = aPlace();
    at.source.show("a1", at.at(30));
    at.source.show("a2", at.at(20));
    at.source.show("unwanted", at.at(10));
    await at.round();
    at.source.show("a2", at.at(0));

    await at.round();
    await at.round();

    expect(at.asked).toEqual(["a1", "a2", "a2"]);
    expect(at.queued.toSorted()).toEqual([
      "a1 odd whole",
      "a1 splunk whole",
      "a2 splunk whole",
      "a2 splunk whole",
    ]);
    expect(at.incomplete).toEqual([]);
  });

  it("is not asked for of updates that the tenant does not want", async () => {
    const at = aPlace({ updates: "first-only" });
    at.source.show("a2", at.at(20));
    await at.round();
    at.source.show("a2", at.at(0));

    await at.round();

    expect(at.asked).toEqual(["a2"]);
  });

  it("is asked for once more in a replay", async () => {
    const at = aPlace();
    at.source.show("a2", at.at(20));
    await at.round();
    const request = {
      id: "replay.1",
      kind: "replay",
      ...NAME,
      sinks: ["splunk"],
      createdMs: NOON_MS,
    } as const;
    await at.store.openWindow({ ...request, from: at.at(60), to: at.at(0) });

    expect(await at.turn("replay.1")).toMatchObject({ state: "done" });

    expect(at.asked).toEqual(["a2", "a2"]);
    expect(at.queued).toEqual(["a2 splunk whole", "a2 splunk whole"]);
  });

  it("that cannot be had holds nothing up: the alert goes as it is, and is counted", async () => {
    const at = aPlace({ answer: ({ id }) => (id === "a2" ? "failed" : undefined) });
    for (const [id, ago] of Object.entries({ a2: 30, a3: 20, a4: 10 })) at.source.show(id, at.at(ago));

    await at.round();
    await at.round();

    expect(at.queued.toSorted()).toEqual(["a2 splunk", "a3 splunk whole", "a4 splunk whole"]);
    expect(at.incomplete).toEqual(["failed"]);
    expect(at.asked).toEqual(["a2", "a3", "a4"]);
  });

  it("is gone on with where the source asked to wait, and nothing is asked for twice but that one", async () => {
    const at = aPlace();
    for (const [id, ago] of Object.entries({ a2: 30, a3: 20, a4: 10 })) at.source.show(id, at.at(ago));
    at.answers(({ id }) => {
      if (id === "a3") throw waiting();
      return undefined;
    });

    await expect(at.round()).rejects.toThrow("wait");
    expect(at.queued).toEqual(["a2 splunk whole"]);
    at.answers(() => undefined);
    await at.round();

    expect(at.queued).toEqual(["a2 splunk whole", "a3 splunk whole", "a4 splunk whole"]);
    expect(at.asked).toEqual(["a2", "a3", "a3", "a4"]);
    expect(at.incomplete).toEqual([]);
  });

  it("goes on in parts where it is large, tick by tick", async () => {
    const at = aPlace({ padding: 1_500_000 });
    for (const [id, ago] of Object.entries({ a2: 50, a3: 40, a4: 30, a5: 30, a6: 20, a7: 10 }))
      at.source.show(id, at.at(ago));

    await at.round();

    expect(at.queued).toEqual(["a2", "a3", "a4", "a5", "a6", "a7"].map((id) => `${id} splunk whole`));
    expect(at.asked).toHaveLength(6);
    // What shares a tick is never divided.
    expect(at.commits).toEqual([2, 5, 6]);
  });

  it("is waited for, where nothing was had before the source asked to wait", async () => {
    const at = aPlace();
    at.source.show("a2", at.at(30));
    at.answers(() => {
      throw waiting();
    });

    await expect(at.round()).rejects.toThrow("wait");

    expect(at.queued).toEqual([]);
  });

  it("comes to an end also where one tick has more of them than calls are left", async () => {
    const at = aPlace();
    for (const id of ["a2", "a3", "a4"]) at.source.show(id, at.at(30));
    at.answers(() => {
      if (at.asked.length > 1) throw waiting();
      return undefined;
    });

    await at.round();

    expect(at.queued.toSorted()).toEqual(["a2 splunk whole", "a3 splunk", "a4 splunk"]);
    expect(at.incomplete).toEqual(["failed", "failed"]);
  });
});

import { expect, it } from "vitest";
import { timeHops } from "../../../src/daemon/hops.ts";
import type { Alert } from "../../../src/model/alert.ts";
import type { WindowKind } from "../../../src/model/window.ts";
import { forward, type ReaderParts, Tally } from "../../../src/pipeline/forward.ts";
import type { Place } from "../../../src/pipeline/routes.ts";
import type { Source } from "../../../src/sources/source.ts";
import { anAlert, CONTOSO } from "../../support/alerts.ts";
import { createMemoryStore } from "../../support/memory-store.ts";

const START_MS = Date.parse("2026-05-04T06:00:00Z");
const LAST_ROUND_MS = START_MS - 60_000;
const READING_MS = 400;
const SEALING_MS = 30;

/** A round that reads these alerts in one slice; what it tells of each hop, in milliseconds. */
async function hopsOf(kind: WindowKind, alerts: readonly Alert[]) {
  let clock = START_MS;
  const told: Record<string, { delays: readonly number[]; times: number }> = {};
  const reader: Source = {
    async *read() {
      clock += READING_MS;
      yield { to: 1n, alerts, unreadable: [] };
    },
    probe: async () => 0,
  };
  const place: Place = {
    tenant: CONTOSO,
    source: "graph_alerts",
    reader,
    backlogReader: reader,
    poll: { interval: 60_000, overlap: 900_000, settle: 0, initialLookback: 0, pageSize: 1000 },
    updates: "all",
    routes: [
      {
        sink: "splunk",
        limits: { maxAlerts: 100, maxBytes: 1e6 },
        maxBacklogBytes: 1e9,
        accepts: () => true,
      },
    ],
  };
  const parts: ReaderParts = {
    store: createMemoryStore({ sizeOf: () => 1 }),
    outbox: { enqueue: async () => undefined },
    windows: { addWindows: async () => undefined },
    nowMs: () => clock,
    onFresh: () => undefined,
  };
  const timed = timeHops(place, parts, {
    travelled: (_, hop, delays, times = 1) => {
      told[hop] = { delays, times };
    },
  });
  for await (const slice of timed.place.reader.read({ from: 0n, to: 1n }, new AbortController().signal)) {
    clock += SEALING_MS;
    const how = {
      fence: { lockKey: "lock", token: "token" },
      window: { kind, from: "a", to: "b" },
      long: undefined,
      routes: place.routes,
      again: undefined,
      notReadableBeforeMs: LAST_ROUND_MS,
    };
    await forward(slice, timed.place, timed.parts, how, new Tally());
  }
  return told;
}

const updated = (id: string, ms: number) =>
  anAlert({ id, updatedMs: ms, updatedText: new Date(ms).toISOString() });

it("tells Microsoft's share from ours: late is what the round before did not see yet", async () => {
  const late = updated("late", LAST_ROUND_MS - 120_000);
  const prompt = updated("prompt", START_MS - 5000);

  const { published, read, enqueued } = await hopsOf("live", [late, prompt]);

  expect(published?.delays).toEqual([120_000, 0]);
  expect(read?.delays).toEqual([60_000 + READING_MS, 5000 + READING_MS]);
  expect(enqueued).toEqual({ delays: [SEALING_MS], times: 2 });
});

it("adds up to the time from the last update on", async () => {
  const alert = updated("late", LAST_ROUND_MS - 120_000);

  const { published, read, enqueued } = await hopsOf("live", [alert]);

  const sum = [published, read, enqueued].flatMap((hop) => hop?.delays ?? []).reduce((a, b) => a + b, 0);
  expect(START_MS + READING_MS + SEALING_MS - (alert.updatedMs ?? 0)).toBe(sum);
});

it("does not guess at what an alert without an update time has waited for", async () => {
  const { published, read } = await hopsOf("live", [anAlert({ id: "undated", updatedMs: undefined })]);

  expect(published?.delays).toEqual([]);
  expect(read?.delays).toEqual([60_000 + READING_MS]);
});

it.each(["gap", "backfill", "replay"] as const)("blames Microsoft for nothing in a %s", async (kind) => {
  const told = await hopsOf(kind, [updated("old", LAST_ROUND_MS - 86_400_000)]);

  expect(Object.keys(told).sort()).toEqual(["enqueued", "read"]);
});

import { expect, it } from "vitest";
import { startTally } from "../../src/daemon/tally.ts";
import { takeHistory } from "../../src/pipeline/history.ts";
import { openBench } from "./bench.ts";

const MINUTE_MS = 60_000;
const NOON = Date.parse("2026-05-04T12:00:30Z");
const NEVER_MS = 3_600_000;

it("adds what several processes delivered, by minute, over the edge of an hour", async () => {
  const { store } = await openBench();
  const [one, other] = [startTally(store, NEVER_MS), startTally(store, NEVER_MS)];
  for (const tally of [one, other]) {
    for (let ms = 0; ms < 40; ms++) tally.delivered("splunk", NOON - MINUTE_MS, 90);
    tally.delivered("splunk", NOON, 3000);
  }
  other.delivered("qradar", NOON, 20);

  await Promise.all([one.stop(), other.stop()]);
  const { from, stepSeconds, all, sinks } = await takeHistory(store, ["splunk", "qradar", "quiet"], 1, NOON);

  expect([from, stepSeconds]).toEqual(["2026-05-04T11:01:00.000Z", 60]);
  expect(sinks["splunk"]?.delivered.slice(-3)).toEqual([0, 80, 2]);
  expect(sinks["quiet"]?.delivered).toEqual(Array.from({ length: 60 }, () => 0));
  expect(all.delivered.slice(-2)).toEqual([80, 3]);
  expect(sinks["splunk"]?.p95.at(-3)).toBeNull();
  expect(sinks["splunk"]?.p95.at(-2)).toBeLessThanOrEqual(0.1);
  expect(sinks["splunk"]?.p50.at(-1)).toBeGreaterThan(1.6);
  expect(sinks["splunk"]?.p50.at(-1)).toBeLessThanOrEqual(3.2);
});

it("joins minutes where a day is looked at", async () => {
  const { store } = await openBench();
  const tally = startTally(store, NEVER_MS);
  for (let minute = 0; minute < 10; minute++) tally.delivered("splunk", NOON - minute * MINUTE_MS, 100);

  await tally.stop();
  const { stepSeconds, all } = await takeHistory(store, ["splunk"], 24, NOON);

  expect(stepSeconds).toBe(300);
  expect(all.delivered).toHaveLength(288);
  expect(all.delivered.slice(-4)).toEqual([0, 4, 5, 1]);
});

it("takes some 30 kB a day of a busy sink, all of which Redis forgets by itself", async () => {
  const { store, server } = await openBench();
  const tally = startTally(store, NEVER_MS);
  const start = NOON - 24 * 60 * MINUTE_MS;
  for (let minute = 0; minute < 24 * 60; minute++)
    for (const delayMs of [40, 90, 400]) tally.delivered("splunk", start + minute * MINUTE_MS, delayMs);

  await tally.stop();
  const names = await server.client.keys("test:history:*");
  const sizes = await Promise.all(names.map((name) => server.client.memory("USAGE", name)));
  const lives = await Promise.all(names.map((name) => server.client.ttl(name)));

  expect(sizes.reduce<number>((sum, size) => sum + Number(size), 0)).toBeLessThan(60_000);
  expect(Math.min(...lives)).toBeGreaterThan(24 * 3600);
});

it("keeps what Redis does not take, and gives it once", async () => {
  const { store } = await openBench();
  let isAway = true;
  const tally = startTally(
    {
      addHistory: async (minutes) => {
        if (isAway) throw new Error("Redis is away.");
        await store.addHistory(minutes);
      },
    },
    NEVER_MS,
  );
  tally.delivered("splunk", NOON, 100);
  await tally.stop();
  tally.delivered("splunk", NOON, 100);
  isAway = false;
  await tally.stop();
  await tally.stop();

  expect((await takeHistory(store, ["splunk"], 1, NOON)).all.delivered.at(-1)).toBe(2);
});

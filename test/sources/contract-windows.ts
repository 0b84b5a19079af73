import { describe, expect, it } from "vitest";
import { formatTicks } from "../../src/model/ticks.ts";
import {
  aBench,
  alertsOf,
  askedSpan,
  bareAlert,
  expectAll,
  HOUR,
  NOON,
  type SourceSubject,
  tickOf,
  ticksOf,
} from "./bench.ts";

const TICK_BEFORE_NOON = formatTicks(ticksOf(NOON) - 1n);
const TICK_AFTER_NOON = formatTicks(ticksOf(NOON) + 1n);

/** How a source reads a span of time: whole, in order, and never through a list that moves. */
export function describeWindows(subject: SourceSubject): void {
  describe("a window", () => {
    it("is read whole, each alert in its newest version, to the last byte", async () => {
      const bench = await aBench(subject);
      const versions = bench.add(40);
      const changed = bench.tenant.update(versions[7]!, { at: "2026-05-04T05:55:00Z" });
      bench.add(3, { at: "2026-05-04T04:59:00Z" });

      const slices = await bench.read();

      expectAll(slices, [...versions.filter((_, index) => index !== 7), changed]);
    });

    it("is yielded to its end when there is nothing in it", async () => {
      const bench = await aBench(subject);

      expect(await bench.read()).toEqual([{ to: HOUR.to, alerts: [], unreadable: [] }]);
    });

    it("is halved where it exceeds a page, and needs no next link for that", async () => {
      const bench = await aBench(subject, { pageSize: 10 });
      const versions = bench.add(95, { size: "small" });

      const slices = await bench.read();

      expectAll(slices, versions);
      expect(slices.length).toBeGreaterThan(9);
      const options = new Set(bench.api.requests.flatMap(({ query }) => Object.keys(query)));
      expect([...options].filter((option) => option.startsWith("$skip"))).toEqual([]);
    });

    it("is halved where the answer is larger than may be read", async () => {
      const bench = await aBench(subject, { maxAnswerBytes: 60_000 });
      const versions = bench.add(60);

      const slices = await bench.read();

      expectAll(slices, versions);
      expect(slices.length).toBeGreaterThan(1);
    });

    it("comes in slices from the oldest to the newest, each complete, up to its end", async () => {
      const bench = await aBench(subject, { pageSize: 10 });
      const versions = bench.add(60, { size: "small" });

      const slices = await bench.read();

      let from = HOUR.from;
      for (const { to, alerts } of slices) {
        expect(to).toBeGreaterThan(from);
        const within = versions.filter(({ updated }) => updated >= from && updated < to);
        expect(alerts.map(({ id }) => id)).toEqual(within.map(({ alertId }) => alertId));
        from = to;
      }
      expect(from).toBe(HOUR.to);
    });

    it("has a first tick that belongs to it, and a last one that does not", async () => {
      const bench = await aBench(subject);
      const [, first, last] = [TICK_BEFORE_NOON, NOON, TICK_AFTER_NOON, "2026-05-04T05:36:51.1234569Z"].map(
        (at) => bench.add(1, { at, spreadMs: 0 })[0]!,
      );

      expectAll(await bench.read(tickOf(NOON, 2n)), [first!, last!]);
      expectAll(await bench.read(tickOf(NOON)), [first!]);
    });

    it.each([
      "2026-05-04T05:36:51Z",
      "2026-05-04T05:36:51.1Z",
      "2026-05-04T05:36:51.12Z",
      "2026-05-04T05:36:51.123Z",
      "2026-05-04T05:36:51.1230Z",
      "2026-05-04T05:36:51.12345Z",
      "2026-05-04T05:36:51.123456Z",
      "2026-05-04T05:36:51.1234567Z",
    ])("finds an alert of %s in that very tick, and keeps its text", async (at) => {
      const bench = await aBench(subject);
      bench.plant(bareAlert(subject, { [subject.updated]: at }), at);

      const alerts = alertsOf(await bench.read(tickOf(at)));

      expect(alerts).toMatchObject([
        { version: String(ticksOf(at)), updatedText: at, updatedMs: Number(ticksOf(at) / 10_000n) },
      ]);
    });

    it("that is read again brings what arrived late in it", async () => {
      const bench = await aBench(subject);
      const punctual = bench.add(5);
      const first = await bench.read();
      const late = bench.add(2, { at: "2026-05-04T05:20:00Z", spreadMs: 60_000 });

      const second = await bench.read();

      expectAll(first, punctual);
      expectAll(second, [...punctual, ...late]);
    });

    it("is asked for in no larger pages than the API gives", async () => {
      const bench = await aBench(subject, { pageSize: 50_000 });

      await bench.read();

      expect(bench.api.requests.map(({ query }) => query["$top"])).toEqual([String(subject.maxTop)]);
    });
  });

  describe("alerts of one update time", () => {
    it("are paged where they exceed a page, and nothing else is", async () => {
      const bench = await aBench(subject, { pageSize: 10 });
      const versions = [
        ...bench.add(30, { size: "small" }),
        ...bench.add(5, { size: "small", at: TICK_BEFORE_NOON, sameInstant: true, spreadMs: 0 }),
        ...bench.add(25, { size: "small", at: NOON, sameInstant: true, spreadMs: 0 }),
        ...bench.add(5, { size: "small", at: TICK_AFTER_NOON, sameInstant: true, spreadMs: 0 }),
      ];

      const slices = await bench.read();

      expectAll(slices, versions);
      const paged = bench.api.requests.filter(({ query }) => query["$skip"] !== undefined);
      expect(paged.length).toBeGreaterThan(1);
      expect(new Set(paged.map((request) => JSON.stringify(askedSpan(request), text)))).toEqual(
        new Set([JSON.stringify(tickOf(NOON), text)]),
      );
    });

    it("are all read where a page ends among them", async () => {
      const bench = await aBench(subject, { pageSize: 10 });
      const versions = [
        ...bench.add(8, { size: "small", at: TICK_BEFORE_NOON }),
        ...bench.add(4, { size: "small", at: NOON, sameInstant: true, spreadMs: 0 }),
        ...bench.add(8, { size: "small" }),
      ];

      expectAll(await bench.read(), versions);
    });

    it("are all read where they fill a page exactly", async () => {
      const bench = await aBench(subject, { pageSize: 10 });
      const versions = bench.add(10, { size: "small", at: NOON, sameInstant: true, spreadMs: 0 });

      expectAll(await bench.read(tickOf(NOON)), versions);
    });
  });
}

function text(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? formatTicks(value) : value;
}

import { describe, expect, it } from "vitest";
import { formatTicks } from "../../src/model/ticks.ts";
import type { Span } from "../../src/model/window.ts";
import type { Version } from "../../src/simulate/version.ts";
import type { Slice } from "../../src/sources/source.ts";
import {
  aBench,
  alertsOf,
  askedSpan,
  type Bench,
  endless,
  expectAll,
  HOUR,
  type SourceSubject,
} from "./bench.ts";

const WIDTH = HOUR.to - HOUR.from;
/** Halving down to one tick takes this many requests. */
const HALVINGS = WIDTH.toString(2).length;
/** Microsoft's limit on calls a minute is 150 and 100; a round uses nine tenths of it. */
const CALLS = 90;

const tickAt = ({ updated }: Version): Span => ({ from: updated, to: updated + 1n });

/** A source over a list in which a record lies that the service fails to give out: the rest must not wait for it. */
export function describeHoles(subject: SourceSubject): void {
  describe("a record that the service fails to give out", () => {
    it("holds up what lies behind it, as long as nothing may be stepped over", async () => {
      const bench = await aBench(subject);
      const [poison] = poisonOf(bench, bench.add(20), 9);

      const { slices, error } = await bench.fail();

      expect(error).toMatchObject({ kind: "transient", status: 500 });
      expect(bench.api.requests.length).toBeLessThan(10);
      expect(alertsOf(slices).every(({ updatedText }) => updatedText < poison.updatedText)).toBe(true);
    });

    it("is stepped over as the tick that it lies in, and everything else is read", async () => {
      const bench = await aBench(subject);
      const versions = bench.add(20);
      const [poison] = poisonOf(bench, versions, 9);

      const slices = await readOver(bench);

      expectAll(
        slices,
        versions.filter((version) => version !== poison),
      );
      expect(holesIn(slices)).toEqual([tickAt(poison)]);
      expect(slices.find(({ failed }) => failed !== undefined)?.failed).toMatchObject({ status: 500 });
      expect(bench.api.requests.length).toBeGreaterThan(HALVINGS);
      expect(bench.api.requests.length).toBeLessThan(CALLS);
    });

    it.each([
      ["the first tick", [HOUR.from]],
      ["the last tick", [HOUR.to - 1n]],
      ["two ticks side by side", [HOUR.from + 5000n, HOUR.from + 5001n]],
      ["two ticks far from each other", [HOUR.from + 5000n, HOUR.to - 5000n]],
    ])("is stepped over in %s", async (_, ticks) => {
      const bench = await aBench(subject);
      const versions = bench.add(5);
      const poison = ticks.flatMap((tick) => bench.add(1, { at: formatTicks(tick), spreadMs: 0 }));
      bench.api.poison = (version) => poison.includes(version);

      const slices = await readOver(bench);

      expectAll(slices, versions);
      expect(holesIn(slices)).toEqual(ticks.map((tick) => ({ from: tick, to: tick + 1n })));
    });

    it("is read where the service has mended it before it is given up", async () => {
      const bench = await aBench(subject);
      const versions = bench.add(20);
      const [poison] = poisonOf(bench, versions, 9);
      const looks = () =>
        bench.api.requests
          .map(askedSpan)
          .filter(({ from, to }) => to - from === 1n && from === poison.updated);
      bench.api.poison = (version) => version === poison && looks().length < 2;

      const slices = await readOver(bench);

      expectAll(slices, versions);
      expect(holesIn(slices)).toEqual([]);
    });

    it("is not looked for while the service fails altogether", async () => {
      const bench = await aBench(subject);
      bench.add(20);
      bench.api.fault = { kind: "server-error" };

      const { slices, error } = await failOver(bench);

      expect(error).toMatchObject({ status: 500 });
      expect(slices).toEqual([]);
      expect(bench.api.requests.length).toBeLessThan(10);
    });

    it("is not stepped over where the service fails altogether in the middle of the search", async () => {
      const bench = await aBench(subject);
      const [poison] = poisonOf(bench, bench.add(20), 9);
      bench.api.poison = (version) => {
        const { from, to } = askedSpan(bench.api.requests.at(-1)!);
        if (to - from < 100n) bench.api.fault = { kind: "server-error" };
        return version === poison;
      };

      const { slices, error } = await failOver(bench);

      expect(error).toMatchObject({ status: 500 });
      expect(holesIn(slices)).toEqual([]);
      expect(slices.at(-1)?.to ?? HOUR.from).toBeLessThanOrEqual(poison.updated);
    });

    it("ends the search with another refusal as it is", async () => {
      const bench = await aBench(subject);
      const [poison] = poisonOf(bench, bench.add(20), 9);
      bench.api.poison = (version) => {
        if (bench.api.requests.length > 20) bench.api.fault = { kind: "throttled", retryAfter: "7" };
        return version === poison;
      };

      const { slices, error } = await failOver(bench);

      expect(error).toMatchObject({ kind: "throttled", retryAfterMs: 7000 });
      expect(holesIn(slices)).toEqual([]);
    });

    it("is one of a few at most: a service that fails everywhere is left alone for a while", async () => {
      const bench = await aBench(subject);
      const versions = bench.add(40);
      bench.api.poison = (version) => versions.includes(version);

      const { slices, error } = await failOver(bench);

      expect(error).toMatchObject({ status: 500 });
      expect(holesIn(slices).length).toBeGreaterThan(0);
      expect(holesIn(slices).length).toBeLessThan(5);
    });
  });

  describe("a part that is to be passed over", () => {
    it("is not asked for, and everything around it is read", async () => {
      const bench = await aBench(subject);
      const versions = bench.add(20);
      const poison = poisonOf(bench, versions, 0, 9, 19);

      const slices = await bench.read(HOUR, endless(), { passOver: poison.map(tickAt) });

      expectAll(
        slices,
        versions.filter((version) => !poison.includes(version)),
      );
      expect(slices.at(-1)?.to).toBe(HOUR.to);
      expect(bench.api.requests.length).toBeLessThan(10);
      const asked = bench.api.requests.map(askedSpan);
      for (const { updated } of poison)
        expect(asked.filter(({ from, to }) => from <= updated && updated < to)).toEqual([]);
    });
  });
}

/** Has the service fail on these of the versions, by their place. */
function poisonOf(
  bench: Bench,
  versions: readonly Version[],
  ...at: readonly number[]
): readonly [Version, ...Version[]] {
  const [first, ...more] = versions.filter((_, index) => at.includes(index));
  if (first === undefined) throw new Error("There is nothing to poison.");
  const poison = [first, ...more] as const;
  bench.api.poison = (version) => poison.includes(version);
  return poison;
}

function readOver(bench: Bench): Promise<readonly Slice[]> {
  return bench.read(HOUR, endless(), { stepOver: true });
}

function failOver(bench: Bench): ReturnType<Bench["fail"]> {
  return bench.fail(HOUR, { stepOver: true });
}

/** The spans of the slices that were stepped over. */
function holesIn(slices: readonly Slice[]): readonly Span[] {
  return slices.flatMap(({ to, failed }, index) =>
    failed === undefined ? [] : [{ from: slices[index - 1]?.to ?? HOUR.from, to }],
  );
}

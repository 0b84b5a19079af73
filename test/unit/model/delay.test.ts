import fc from "fast-check";
import { expect, it } from "vitest";
import { delayClass, delayQuantile, totalOf } from "../../../src/model/delay.ts";

const classed = (delays: readonly number[]) => {
  const counts = new Map<number, number>();
  for (const ms of delays) counts.set(delayClass(ms), (counts.get(delayClass(ms)) ?? 0) + 1);
  return counts;
};

it("puts each delay into the class whose end is the next one up, and what is late beyond all into the last", () => {
  expect([-5, 0, 50, 51, 100, 101, 1000, 86_400_000].map(delayClass)).toEqual([0, 0, 0, 1, 1, 2, 5, 20]);
});

it("tells a quantile within a factor of two of the true one", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 51, max: 20_000_000 }), { minLength: 1, maxLength: 200 }),
      fc.constantFrom(0.5, 0.95),
      (delays, share) => {
        const sorted = [...delays].sort((a, b) => a - b);
        const truth = (sorted[Math.ceil(share * sorted.length) - 1] ?? 0) / 1000;
        const told = delayQuantile(classed(delays), share) ?? 0;

        expect(told).toBeGreaterThan(truth / 2.01);
        expect(told).toBeLessThan(truth * 2.01);
      },
    ),
  );
});

it("knows no quantile of nothing", () => {
  expect(delayQuantile(new Map(), 0.5)).toBeNull();
  expect(totalOf(new Map())).toBe(0);
});

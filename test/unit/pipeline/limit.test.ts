import { expect, it } from "vitest";
import { RequestLimit } from "../../../src/pipeline/limit.ts";

const QUICK_MS = 100;
const LATE_MS = 250;

/** So many answers, each after so long, while others waited or none did. */
function answers(limit: RequestLimit, count: number, ms: number, isFull = true): void {
  for (let left = count; left > 0; left--) limit.taken(ms, isFull);
}

it("grows by one each time as many answers came as may be under way, up to the most", () => {
  const told: number[] = [];
  const limit = new RequestLimit(2, 4, (now) => told.push(now));

  answers(limit, 1, QUICK_MS);
  expect(limit.now).toBe(2);
  answers(limit, 1, QUICK_MS);
  expect(limit.now).toBe(3);
  answers(limit, 30, QUICK_MS);

  expect(limit.now).toBe(4);
  expect(told).toEqual([3, 4]);
});

it("stays where nothing waits for a turn", () => {
  const limit = new RequestLimit(2, 4);

  answers(limit, 30, QUICK_MS, false);

  expect(limit.now).toBe(2);
});

it("shrinks while answers come late, and not below the least", () => {
  const limit = new RequestLimit(4, 16);
  answers(limit, 200, QUICK_MS);
  expect(limit.now).toBe(16);

  answers(limit, 16, LATE_MS);
  expect(limit.now).toBe(12);
  answers(limit, 12 + 9 + 6 + 4, LATE_MS);

  expect(limit.now).toBe(4);
});

it("takes for usual in the end what first was late", () => {
  const limit = new RequestLimit(4, 8);
  answers(limit, 4, QUICK_MS);
  answers(limit, 300, LATE_MS);

  expect(limit.now).toBe(8);
});

it("is halved in trouble, and not below the least", () => {
  const told: number[] = [];
  const limit = new RequestLimit(3, 12, (now) => told.push(now));
  answers(limit, 200, QUICK_MS);
  told.length = 0;

  for (let times = 0; times < 4; times++) limit.troubled();

  expect(told).toEqual([6, 3]);
});

it("never changes where the most is no more than the least", () => {
  const limit = new RequestLimit(4, 1, () => {
    throw new Error("It has changed.");
  });

  answers(limit, 100, QUICK_MS);
  answers(limit, 100, LATE_MS);
  limit.troubled();

  expect(limit.now).toBe(4);
});

import { describe, expect, it } from "vitest";
import { backoffMs } from "../../../src/model/backoff.ts";
import { randomFrom } from "../../../src/simulate/random.ts";

const ALMOST_ONE = 1 - 2 ** -32;

describe("backoffMs", () => {
  it("has a bound that begins at the shortest pause and doubles up to the longest", () => {
    const bounds = [1, 2, 3, 4, 5, 6, 7].map((attempt) => backoffMs(attempt, 1000, 30_000, ALMOST_ONE));

    expect(bounds).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  });

  it("is never shorter than half the shortest pause", () => {
    expect([1, 2, 10, 1000].map((attempt) => backoffMs(attempt, 1000, 30_000, 0))).toEqual([
      500, 500, 500, 500,
    ]);
  });

  it("keeps below a longest pause that is shorter than the shortest", () => {
    expect(backoffMs(5, 1000, 100, ALMOST_ONE)).toBe(100);
    expect(backoffMs(5, 1000, 100, 0)).toBe(50);
  });

  it("stays within its bounds for any attempt, settings and chance", () => {
    const random = randomFrom("backoff");
    for (let round = 0; round < 5000; round++) {
      const [least, most] = [random.whole(1, 10_000), random.whole(1, 1_000_000)];
      const attempt = random.whole(1, 100_000);

      const pause = backoffMs(attempt, least, most, random.next());

      expect(pause).toBeGreaterThanOrEqual(Math.floor(Math.min(least, most) / 2));
      expect(pause).toBeLessThanOrEqual(most);
    }
  });

  it("spreads clients that failed together over the whole bound", () => {
    const random = randomFrom("spread");

    const pauses = Array.from({ length: 1000 }, () => backoffMs(8, 1000, 100_000, random.next()));

    const quarters = [0, 1, 2, 3].map(
      (quarter) => pauses.filter((pause) => Math.floor(pause / 25_000) === quarter).length,
    );
    for (const size of quarters) expect(size).toBeGreaterThan(150);
  });
});

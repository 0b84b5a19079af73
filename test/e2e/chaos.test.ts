import { describe, expect, it } from "vitest";
import { randomFrom } from "../../src/simulate/random.ts";
import type { Cell } from "../chaos/cell.ts";
import { MATRIX } from "../chaos/matrix.ts";

/** `npm run test:chaos` plays all of it, under any seed and for as long as it is told to. */
const SEED = "alertferry";

/** Of the many moments of a death each is played once: at the embedded Redis, the external one, by turns. */
function isPlayed({ name }: Cell, index: number): boolean {
  const group = name.split("/")[0] ?? "";
  return !["kill-daemon", "kill-redis", "redis-forgets"].includes(group) || index % 3 === 0;
}

describe("nothing is lost, and twice comes only what was in flight when something died:", () => {
  const cells = MATRIX.filter(isPlayed);

  it.each(cells)("$name", async (cell) => {
    const { broken, log } = await cell.run({
      seed: SEED,
      random: randomFrom(SEED, cell.name),
      scale: "small",
    });

    expect(broken, log.join("\n")).toEqual([]);
  });
});

import { describe, expect, it } from "vitest";
import { randomFrom } from "../../src/simulate/random.ts";
import { MATRIX } from "../chaos/matrix.ts";

/** `npm run test:chaos` plays all of it, under any seed and for as long as it is told to. */
const SEED = "alertferry";

/** One or two of each kind; which moment is played at which Redis is by turns. */
const PLAYED = [
  ...["kill-daemon/embedded/sealed", "kill-daemon/embedded/sent", "kill-daemon/external/committing"],
  ...["kill-daemon/external/acking", "kill-redis/embedded/sealing", "kill-redis/external/sending"],
  ...["replicas/frozen-sent", "outage/redis-hangs-embedded", "storage/redis-full"],
  ...["redis-forgets/sent-committing", "storage/redis-read-only"],
  ...["receiver/hung", "receiver/lying", "receiver/full", "receiver/bad-event"],
  ...["source/throttled", "source/truncated", "source/shuffled"],
];

describe("nothing is lost, and twice comes only what was in flight when something died:", () => {
  const cells = MATRIX.filter(({ name }) => PLAYED.includes(name));

  it("knows every cell that is played here", () => {
    expect(cells.map(({ name }) => name).sort()).toEqual([...PLAYED].sort());
  });

  it.concurrent.for(cells)("$name", async (cell, { expect }) => {
    const { broken, log } = await cell.run({
      seed: SEED,
      random: randomFrom(SEED, cell.name),
      scale: "small",
    });

    expect(broken, log.join("\n")).toEqual([]);
  });
});

import { setTimeout as sleep } from "node:timers/promises";
import type { Cell } from "../cell.ts";
import { play } from "../play.ts";
import type { Stage } from "../stage.ts";

/** Longer than the lock of a job holds. There is nobody to ask whether it has run out while Redis does not answer. */
const LONGER_THAN_LOCKS_MS = 6000;

/** A Redis that does not answer for longer than the locks of jobs hold, while the daemon has batches in hand. */
export const OUTAGES: readonly Cell[] = [
  {
    name: "outage/redis-away",
    what: "The external Redis is killed while batches are in hand, and away until their locks have run out.",
    mayRepeat: true,
    run: (trial) =>
      play(trial, { redis: "external", mayRepeat: true }, async (stage) => {
        await fillHands(stage);
        stage.redis.kill();
        await sleep(LONGER_THAN_LOCKS_MS);
        await stage.redis.back();
        await stage.countLostRedis();
        await heal(stage);
      }),
  },
  ...(["embedded", "external"] as const).map(
    (kind): Cell => ({
      name: `outage/redis-hangs-${kind}`,
      what: `The ${kind} Redis stands still while batches are in hand, until their locks have run out.`,
      mayRepeat: false,
      run: (trial) =>
        play(trial, { redis: kind, mayRepeat: false }, async (stage) => {
          await fillHands(stage);
          stage.redis.signal("SIGSTOP");
          await sleep(LONGER_THAN_LOCKS_MS);
          stage.redis.signal("SIGCONT");
          await heal(stage);
        }),
    }),
  ),
];

/** The receiver refuses for now, so what the daemon has loaded stays with it. */
export async function fillHands(stage: Stage): Promise<void> {
  stage.addHistory();
  await stage.start();
  await stage.rest();
  stage.world.hec.fault = { kind: "busy" };
  // A daemon whose hands are full takes no job a second time.
  stage.addFew();
  await stage.until("batches are in hand", () => stage.flight.inHand === stage.world.tenants.length);
}

/** The receiver is well again only after the jobs had time to be taken a second time. */
export async function heal(stage: Stage): Promise<void> {
  await stage.staleJobsAreFound();
  stage.mark();
  stage.world.hec.fault = undefined;
  stage.addFresh();
}

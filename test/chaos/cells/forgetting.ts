import { statSync, truncateSync } from "node:fs";
import type { Cell } from "../cell.ts";
import { atMoment, MOMENTS, type Moment } from "../moments.ts";
import { play } from "../play.ts";
import type { Stage } from "../stage.ts";

/**
 * A Redis that forgets what it has said: one whose host loses power before its last second is on the disk, or whose
 * replica takes over before it has heard everything. The journal is cut back to where it stood at an earlier moment.
 */
export const FORGETTING: readonly Cell[] = [
  forgetting("sealing", "committing"),
  forgetting("sealed", "committing"),
  forgetting("sealing", "sealed"),
  forgetting("sealing", "sent"),
  forgetting("sent", "committing"),
  {
    name: "redis-forgets/host-dies",
    what: "The host of the daemon and its embedded Redis loses power, and Redis its last second.",
    mayRepeat: true,
    run: (trial) =>
      play(trial, { redis: "embedded", mayRepeat: true, mayRenumber: true }, async (stage) => {
        stage.addHistory();
        stage.spawn();
        const before = await remember(stage, "sealing");
        const { child } = stage.daemon;
        await atMoment(stage, "sent", trial.random.whole(1, 3), () => {
          stage.redis.kill();
          child.kill("SIGKILL");
          stage.mark();
        });
        await child.ended;
        await stage.allSentIsStored();
        // Each alert that had not been closed when the journal stood there may come again.
        stage.inFlight += stage.world.hec.keys.size - before.settled;
        await forget(stage, before);
        await stage.start();
        stage.addFresh();
      }),
  },
];

interface Memory {
  readonly bytes: number;
  readonly settled: number;
}

function forgetting(since: Moment, until: Moment): Cell {
  return {
    name: `redis-forgets/${since}-${until}`,
    what: `The external Redis dies when ${MOMENTS[until]}, and forgets all since ${MOMENTS[since]}.`,
    mayRepeat: true,
    run: (trial) =>
      play(trial, { redis: "external", mayRepeat: true, mayRenumber: true }, async (stage) => {
        stage.addHistory();
        stage.spawn();
        const before = await remember(stage, since);
        await atMoment(stage, until, 1, () => {
          stage.redis.kill();
          stage.mark();
        });
        await forget(stage, before);
        await stage.redis.back();
        await stage.countLostRedis();
        stage.addFresh();
      }),
  };
}

/** What the journal holds at a moment, with what had become of the alerts by then. */
async function remember(stage: Stage, moment: Moment): Promise<Memory> {
  let memory: Memory = { bytes: 0, settled: 0 };
  await atMoment(stage, moment, stage.trial.random.whole(1, 4), () => {
    memory = { bytes: statSync(stage.redis.journal).size, settled: stage.flight.settled };
  });
  stage.redis.relay.release();
  return memory;
}

async function forget(stage: Stage, { bytes }: Memory): Promise<void> {
  await stage.redis.gone();
  truncateSync(stage.redis.journal, bytes);
}

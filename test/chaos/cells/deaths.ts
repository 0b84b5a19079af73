import type { Cell, Trial } from "../cell.ts";
import { atMoment, MOMENTS, type Moment } from "../moments.ts";
import { play } from "../play.ts";
import type { RedisKind } from "../redis-sides.ts";
import type { Stage } from "../stage.ts";

const KINDS: readonly RedisKind[] = ["embedded", "external"];

/** `kill -9` at every moment on an alert's way: of the daemon, and of redis-server. */
export const DEATHS: readonly Cell[] = KINDS.flatMap((kind) =>
  (Object.keys(MOMENTS) as Moment[]).flatMap((moment) => [
    death(
      `kill-daemon/${kind}/${moment}`,
      `The daemon is killed when ${MOMENTS[moment]}`,
      kind,
      moment,
      killDaemon,
    ),
    death(
      `kill-redis/${kind}/${moment}`,
      `The ${kind} Redis is killed when ${MOMENTS[moment]}`,
      kind,
      moment,
      killRedis,
    ),
  ]),
);

type Kill = (stage: Stage, moment: Moment, nth: number) => Promise<void>;

function death(name: string, what: string, kind: RedisKind, moment: Moment, kill: Kill): Cell {
  const mayRepeat = true;
  return {
    name,
    what: `${what}.`,
    mayRepeat,
    run: (trial) =>
      play(trial, { redis: kind, ack: moment === "acking", mayRepeat }, async (stage) => {
        stage.addHistory();
        stage.spawn();
        for (let kills = howMany(trial); kills > 0; kills--) {
          await kill(stage, moment, trial.random.whole(1, 3));
          stage.addFresh();
        }
      }),
  };
}

function howMany({ scale, random }: Trial): number {
  return scale === "small" ? 1 : random.whole(1, 3);
}

async function killDaemon(stage: Stage, moment: Moment, nth: number): Promise<void> {
  const { child } = stage.daemon;
  await atMoment(stage, moment, nth, () => {
    child.kill("SIGKILL");
    stage.mark();
  });
  await child.ended;
  await stage.countLostDaemon();
  await stage.start();
}

async function killRedis(stage: Stage, moment: Moment, nth: number): Promise<void> {
  await atMoment(stage, moment, nth, () => {
    stage.redis.kill();
    stage.mark();
  });
  await stage.redis.back();
  await stage.countLostRedis();
}

import type { Cell } from "../cell.ts";
import { type PlayWishes, play } from "../play.ts";
import type { Stage } from "../stage.ts";

/** Slow enough that there is always something under way. */
const SLOW = { kind: "slow", delayMs: 150 } as const;

/** Daemons that are asked to stop, or to change, while alerts flow. */
export const RESTARTS: readonly Cell[] = [
  underLoad(
    "restart/sigterm",
    "The daemon is asked to stop under load, and started again.",
    { redis: "embedded" },
    stopAndStart,
  ),
  underLoad(
    "restart/reload",
    "The daemon is told to read its configuration again under load.",
    { redis: "embedded" },
    async (stage) => {
      const { child } = stage.daemon;
      const before = reloads(stage);
      child.kill("SIGHUP");
      await stage.until("the configuration is in force", () => reloads(stage) > before);
    },
  ),
  underLoad(
    "restart/rolling",
    "Two replicas on one Redis are asked to stop in turn under load, and started again.",
    { redis: "external" },
    async (stage) => {
      if (stage.daemons.filter(({ child }) => child.isAlive()).length < 2) await stage.start();
      const [oldest] = stage.daemons.filter(({ child }) => child.isAlive());
      oldest?.child.kill("SIGTERM");
      if ((await oldest?.child.ended) !== 0) throw new Error("A replica did not stop in good order.");
      await stage.start();
    },
  ),
  {
    name: "restart/sigterm-without-redis",
    what: "The external Redis is killed, and the daemon is asked to stop before it is back.",
    mayRepeat: true,
    run: (trial) =>
      play(trial, { redis: "external", mayRepeat: true, more: { shutdownTimeout: "2s" } }, async (stage) => {
        stage.world.hec.fault = SLOW;
        stage.addHistory();
        await stage.start();
        await stage.until("alerts flow", () => stage.flight.openRequests > 0);
        stage.redis.kill();
        await stage.redis.gone();
        stage.daemon.child.kill("SIGTERM");
        const end = await stage.inTime("the daemon stops without Redis", stage.daemon.child.ended);
        if (end !== 0) throw new Error(`The daemon ended with ${end}.`);
        stage.mark();
        stage.world.hec.fault = undefined;
        await stage.redis.back();
        await stage.countLostDaemon();
        stage.addFresh();
        await stage.start();
      }),
  },
];

/** Does something to the daemon again and again while alerts flow through a slow receiver. Nobody dies of it. */
function underLoad(
  name: string,
  what: string,
  wishes: Pick<PlayWishes, "redis">,
  act: (stage: Stage) => Promise<void>,
): Cell {
  return {
    name,
    what,
    mayRepeat: false,
    run: (trial) =>
      play(trial, { ...wishes, mayRepeat: false }, async (stage) => {
        stage.world.hec.fault = SLOW;
        stage.addHistory();
        await stage.start();
        for (let times = trial.scale === "small" ? 2 : trial.random.whole(2, 5); times > 0; times--) {
          const before = stage.world.hec.events.length;
          stage.addFresh();
          await stage.until(
            "alerts flow",
            () => stage.world.hec.events.length > before + trial.random.whole(0, 40),
          );
          stage.mark();
          await act(stage);
        }
        stage.world.hec.fault = undefined;
        stage.addFresh();
      }),
  };
}

async function stopAndStart(stage: Stage): Promise<void> {
  const { child } = stage.daemon;
  child.kill("SIGTERM");
  const end = await child.ended;
  if (end !== 0) throw new Error(`A daemon that was asked to stop ended with ${end}.`);
  await stage.start();
}

function reloads({ daemon }: Stage): number {
  return daemon.log().filter(({ event }) => event === "config.reloaded").length;
}

import type { Cell } from "../cell.ts";
import { atMoment, MOMENTS, type Moment } from "../moments.ts";
import { play } from "../play.ts";
import type { Stage } from "../stage.ts";

/** Two replicas on one Redis, one of which dies or is out of its senses for a while. */
export const REPLICAS: readonly Cell[] = [
  {
    name: "replicas/one-dies",
    what: "One of two replicas is killed while both have jobs in hand.",
    mayRepeat: true,
    run: (trial) =>
      play(trial, { redis: "external", mayRepeat: true }, async (stage) => {
        const [first] = await startTwo(stage);
        stage.addFresh();
        await stage.until(
          "requests are under way",
          () => stage.flight.openRequests > trial.random.whole(0, 3),
        );
        first.child.kill("SIGKILL");
        stage.mark();
        // The survivor goes on, so what it has in hand counts too; and what the dead has sent may be stored later.
        stage.inFlight += stage.flight.inHand;
        await first.child.ended;
        stage.world.hec.fault = undefined;
        stage.addFresh();
      }),
  },
  frozen("fetched"),
  frozen("sealing"),
  frozen("committing"),
  frozen("sent"),
];

/** Its last word reaches Redis only after the other has taken over, and must count for nothing then. */
function frozen(moment: Moment): Cell {
  return {
    name: `replicas/frozen-${moment}`,
    what: `One of two replicas stands still from when ${MOMENTS[moment]} until the other has taken over.`,
    mayRepeat: true,
    run: (trial) =>
      play(trial, { redis: "external", mayRepeat: true }, async (stage) => {
        stage.addHistory();
        const first = stage.spawn();
        await atMoment(stage, moment, trial.random.whole(1, 3), () => {
          first.child.kill("SIGSTOP");
          stage.mark();
        });
        await stage.until("no request is open", () => stage.flight.openRequests === 0);
        stage.inFlight += stage.flight.inHand;
        await stage.start();
        await stage.until("the other has brought all", () => stage.world.balance().missing.length === 0);
        stage.redis.relay.release();
        first.child.kill("SIGCONT");
        stage.addFresh();
      }),
  };
}

async function startTwo(stage: Stage) {
  stage.world.hec.fault = { kind: "slow", delayMs: 200 };
  stage.addHistory();
  const first = await stage.start();
  const second = await stage.start();
  await stage.until("both have read", async () => {
    const rounds = await Promise.all([first, second].map((daemon) => daemon.metric("poll_total")));
    return rounds.every((count) => count > 0);
  });
  return [first, second] as const;
}

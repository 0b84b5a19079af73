import type { ApiFault } from "../../../src/simulate/api-faults.ts";
import type { Cell, Trial } from "../cell.ts";
import { play } from "../play.ts";

/** What a source can do to those who read it. */
export const SOURCE: readonly Cell[] = [
  faulty("source/throttled", "Graph answers 429 and says when to come back.", () => ({
    kind: "throttled",
    retryAfter: "1",
  })),
  faulty("source/failing", "Graph answers 500.", () => ({ kind: "server-error" })),
  faulty("source/truncated", "Graph's JSON ends in the middle of an alert, in a well-formed answer.", () => ({
    kind: "truncated",
  })),
  faulty("source/cut-off", "The connection dies in the middle of Graph's answer.", () => ({
    kind: "cut-off",
  })),
  faulty("source/hung-up", "Graph cuts connections without an answer.", () => ({ kind: "reset" })),
  faulty("source/shuffled", "The alerts of Graph's pages stand in no order, and some show late.", () => ({
    kind: "shuffled",
  })),
];

/** Every tenant's source has the fault for some answers, twice: on the long way through the past, and on fresh alerts. */
function faulty(name: string, what: string, fault: () => ApiFault): Cell {
  return {
    name,
    what,
    mayRepeat: false,
    run: (trial) =>
      play(trial, { redis: "embedded", mayRepeat: false }, async (stage) => {
        const { tenants } = stage.world;
        const spoil = () => {
          for (const { graph } of tenants) graph.fault = { ...fault(), times: times(trial) };
        };
        const isOver = () => tenants.every(({ graph }) => graph.fault === undefined);
        stage.addHistory();
        spoil();
        await stage.start();
        await stage.until("the fault is over", isOver);
        stage.mark();
        await stage.until("some have arrived", () => stage.world.hec.events.length > 0);
        spoil();
        stage.addFresh();
        await stage.until("the fault is over again", isOver);
        stage.mark();
      }),
  };
}

function times({ scale, random }: Trial): number {
  return scale === "small" ? random.whole(1, 2) : random.whole(1, 5);
}

import * as scripts from "../../src/queue/scripts.ts";
import { digestOf, type RedisRelay, type RelayedCommand } from "./redis-relay.ts";
import type { Stage } from "./stage.ts";

/** The moments on an alert's way at which something may die, in their order. */
export const MOMENTS = {
  fetched: "Graph has just answered a page with alerts",
  sealing: "a batch is about to be sealed",
  sealed: "a batch is sealed, and the daemon has not heard of it",
  committing: "a slice is in the queue, and its cursor is about to be moved",
  sending: "the receiver has a request and has not answered",
  sent: "the receiver has answered 200 in this very tick",
  acking: "the daemon asks for an acknowledgement",
} as const;

export type Moment = keyof typeof MOMENTS;

const SEAL = new Set([digestOf(scripts.SEAL)]);
/** Every script that says that a slice is done; long windows have one of their own in some versions. */
const COMMITS = new Set(
  Object.entries(scripts)
    .filter(([name]) => name === "COMMIT" || name === "ADVANCE")
    .map(([, script]) => digestOf(String(script))),
);
const BATCH_ID = /^b-[0-9a-f]{40}$/;

/** Tells that the moment has come, and hears whether it is the one that was waited for. */
type Tell = () => boolean;
type Start = (stage: Stage, tell: Tell) => () => void;

const STARTS: Readonly<Record<Moment, Start>> = {
  fetched: ({ world }, tell) =>
    world.defender.onAnswer(({ record }) => {
      if (record.status === 200 && record.returned > 0) tell();
    }),
  sealing: ({ redis }, tell) => beforeScript(redis.relay, isSeal, tell),
  sealed: ({ redis }, tell) =>
    redis.relay.watch({
      reply: (command, reply) => {
        const isSealed = isSeal(command) && !isError(reply);
        return isSealed && tell() ? "hold" : undefined;
      },
    }),
  committing: ({ redis }, tell) => beforeScript(redis.relay, isCommitOfBatches, tell),
  sending: (stage, tell) => {
    // Whether the receiver stores what it does not answer for is chance, as in life.
    if (stage.trial.random.chance(0.5)) stage.world.hec.fault = { kind: "hang" };
    const stop = stage.world.hec.onStage(({ stage: reached, of }) => {
      if (reached === "read" && of === "events") tell();
    });
    return () => {
      stop();
      stage.world.hec.fault = undefined;
    };
  },
  sent: ({ world }, tell) =>
    world.hec.onStage(({ stage, of }) => {
      if (stage === "answered" && of === "events") tell();
    }),
  acking: ({ world, trial }, tell) => {
    const when = trial.random.pick(["read", "answered"] as const);
    world.hec.ack.delayMs = trial.random.whole(0, 300);
    return world.hec.onStage(({ stage, of }) => {
      if (stage === when && of === "acks") tell();
    });
  },
};

/**
 * Acts in the very tick in which the moment comes for the `nth` time. What is on its way to Redis or from it just
 * then does not arrive.
 */
export async function atMoment(stage: Stage, moment: Moment, nth: number, act: () => void): Promise<void> {
  let left = nth;
  const tell = () => {
    left -= 1;
    if (left === 0) act();
    return left === 0;
  };
  const stop = STARTS[moment](stage, tell);
  try {
    await stage.until(`${MOMENTS[moment]} (${nth}.)`, () => left <= 0);
  } finally {
    stop();
  }
}

function beforeScript(
  relay: RedisRelay,
  isMeant: (command: RelayedCommand) => boolean,
  tell: Tell,
): () => void {
  return relay.watch({
    command: (command) => (isMeant(command) && tell() ? "hold" : undefined),
  });
}

function isSeal({ digest }: RelayedCommand): boolean {
  return digest !== undefined && SEAL.has(digest);
}

/** A round that found nothing commits too; the moment is meant that has batches in the queue. */
function isCommitOfBatches({ digest, words }: RelayedCommand): boolean {
  return (
    digest !== undefined &&
    COMMITS.has(digest) &&
    words.some((word) => BATCH_ID.test(word.toString("latin1")))
  );
}

/** Redis did not know the script yet, and did nothing. */
function isError(reply: Buffer): boolean {
  return reply[0] === 0x2d;
}

import { SETTLE } from "../../src/queue/scripts.ts";
import type { World } from "../../src/simulate/world.ts";
import { digestOf, type RedisRelay, type RelayedCommand } from "./redis-relay.ts";

/** What is on its way between the daemons and the receiver, as seen from both ends. */
export interface Flight {
  /** Requests that the receiver has begun to hear and whose connection has not let go of them. */
  readonly openRequests: number;
  /** Alerts that the receiver holds and whose batch Redis has not closed: what the death of a daemon may bring again. */
  readonly unsettled: number;
  /** Alerts of batches that a daemon has loaded and not closed: what the death of Redis, or of one replica, may bring again. */
  readonly inHand: number;
  readonly batchesInHand: readonly string[];
  /** Alerts that Redis has closed as delivered. */
  readonly settled: number;
  /** Alerts that were stored of requests whose answer was not yes, or never came. */
  readonly denied: number;
  /** Redis has lost the closing of so many alerts. */
  forget(alerts: number): void;
}

const SETTLE_DIGEST = digestOf(SETTLE);
/** Words before the first key of a script's call, and where its arguments name the batch and what was delivered. */
const BEFORE_KEYS = 3;
const BATCH = 0;
const DELIVERED = 3;
const BATCH_KEY = /:batch:(b-[0-9a-f]+)$/;
/** In the head of a batch, as a text within the reply. */
const COUNT = /"count":(\d+)/;

export function watchFlight(world: World, relay: RedisRelay): Flight {
  const stored = new Map<number, number>();
  const taken = new Set<number>();
  const loaded = new Map<string, number>();
  let gone = 0;
  let settled = 0;
  let denied = 0;

  world.hec.onEvent(({ request }) => stored.set(request, (stored.get(request) ?? 0) + 1));
  world.hec.onStage(({ stage, of, request, status }) => {
    if (of !== "events") return;
    if (stage === "answered" && status === 200) taken.add(request);
    if (stage !== "gone") return;
    gone++;
    if (!taken.has(request)) denied += stored.get(request) ?? 0;
  });

  const seeLoad = ({ name, words }: RelayedCommand, reply: Buffer): void => {
    // Whoever only counts what waits does not ask for the revisions.
    const isLoad = name === "hmget" && words.some((word) => String(word) === "revisions");
    const id = isLoad ? BATCH_KEY.exec(String(words[1]))?.[1] : undefined;
    const count = id === undefined ? undefined : COUNT.exec(reply.toString("latin1"))?.[1];
    if (id !== undefined && count !== undefined) loaded.set(id, Number(count));
  };
  const seeSettlement = ({ digest, words }: RelayedCommand, reply: Buffer): void => {
    if (digest !== SETTLE_DIGEST || reply[0] !== ":".charCodeAt(0)) return;
    const first = BEFORE_KEYS + Number(words[BEFORE_KEYS - 1]);
    loaded.delete(String(words[first + BATCH]));
    if (reply.toString() === ":1\r\n") settled += Number(words[first + DELIVERED]);
  };
  relay.watch({
    reply: (command, reply) => {
      seeLoad(command, reply);
      seeSettlement(command, reply);
      return undefined;
    },
  });
  return {
    get openRequests() {
      return world.hec.counts.requests - gone;
    },
    get unsettled() {
      return Math.max(0, world.hec.keys.size - settled);
    },
    get inHand() {
      return [...loaded.values()].reduce((sum, count) => sum + count, 0);
    },
    get batchesInHand() {
      return [...loaded.keys()];
    },
    get settled() {
      return settled;
    },
    get denied() {
      return denied;
    },
    forget: (alerts) => {
      settled -= alerts;
    },
  };
}

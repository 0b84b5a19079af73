import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { Store } from "../queue/store.ts";
import type { Events } from "../telemetry/events.ts";

/** How often a process says that it is alive, and after which silence it is lost. */
export interface Heartbeat {
  readonly everyMs: number;
  readonly lostAfterMs: number;
}

/** By then the jobs of a process that died are running elsewhere. */
const HEARTBEAT: Heartbeat = { everyMs: 2500, lostAfterMs: 10_000 };

/**
 * Tells the other processes on the same Redis that this one is alive, and tells people when one of them has ended
 * without a word, and when another has begun since. All times are by the clock of Redis.
 */
export function watchReplicas(
  store: Pick<Store, "markAlive" | "markGone">,
  events: Pick<Events, "replicaLost" | "replicaBack">,
  heartbeat: Heartbeat = HEARTBEAT,
): { stop(): Promise<void> } {
  const name = `${hostname()}/${process.pid}/${randomBytes(4).toString("hex")}`;
  let firstSeen: ReadonlyMap<string, number> = new Map();
  /** How many are missed, and since when. */
  let missed: { readonly count: number; readonly sinceMs: number } | undefined;
  let beating: Promise<void> = Promise.resolve();

  async function beat(): Promise<void> {
    const { nowMs, left, lost } = await store.markAlive(name, heartbeat);
    firstSeen = new Map(left.map((each) => [each.name, firstSeen.get(each.name) ?? each.seenMs]));
    for (const { name: replica, seenMs } of lost) {
      events.replicaLost(replica, seenMs, left.length);
      missed = { count: (missed?.count ?? 0) + 1, sinceMs: missed?.sinceMs ?? seenMs };
    }
    if (missed === undefined || begunSince(missed.sinceMs) < missed.count) return;
    events.replicaBack(left.length, nowMs - missed.sinceMs);
    missed = undefined;
  }

  function begunSince(sinceMs: number): number {
    return [...firstSeen.values()].filter((seenMs) => seenMs > sinceMs).length;
  }

  const look = () => {
    // A Redis that is away now is told the next time.
    beating = beating.then(beat).catch(() => undefined);
  };
  look();
  const timer = setInterval(look, heartbeat.everyMs);
  return {
    async stop() {
      clearInterval(timer);
      await beating;
      await store.markGone(name).catch(() => undefined);
    },
  };
}

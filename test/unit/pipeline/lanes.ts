import type { Alert } from "../../../src/model/alert.ts";
import type { Route } from "../../../src/pipeline/routes.ts";
import type { Store } from "../../../src/queue/ports.ts";
import type { Random } from "../../../src/simulate/random.ts";

/** An alert that a sink was given, in the order in which it was. */
export interface Given {
  readonly id: string;
  readonly version: string;
  readonly seq: number;
  readonly revision: number;
  readonly isReplay: boolean;
}

/** At the end of a step no window was open for a sink. */
interface Quiet {
  readonly step: number;
  readonly moment: number;
}

/** A sink, what waits for it, and what it was given. */
export interface Lane {
  readonly route: Route;
  readonly queue: Set<string>;
  readonly given: Given[];
  readonly quiet: Quiet[];
  isDown: boolean;
}

/** @param isCrowded whether little is enough to fill a sink. */
export function createLanes(random: Random, isCrowded: boolean): Lane[] {
  return Array.from({ length: random.pick([1, 1, 2, 2, 3]) }, (_, index) => ({
    route: aRoute(`sink-${index}`, random, isCrowded),
    queue: new Set(),
    given: [],
    quiet: [],
    isDown: false,
  }));
}

function aRoute(sink: string, random: Random, isCrowded: boolean): Route {
  const takes = random.pick(["all", "all", "even"]);
  return {
    sink,
    limits: { maxAlerts: random.whole(1, isCrowded ? 2 : 6), maxBytes: 1_000_000 },
    maxBacklogBytes: isCrowded ? random.pick([120, 250, 400]) : random.pick([50, 300, 1000, 1_000_000]),
    accepts: ({ id }: Alert) => takes === "all" || Number(id.slice(1)) % 2 === 0,
  };
}

/** One job of a lane: a batch that was settled before is no work. */
export async function bring({ queue, given }: Lane, id: string, store: Store, nowMs: number): Promise<void> {
  queue.delete(id);
  const loaded = await store.loadBatch(id);
  if (loaded === undefined) return;
  const { batch, numbers } = loaded;
  const isReplay = batch.window.kind === "replay";
  for (const [index, { alertId, version }] of batch.alerts.entries()) {
    const [seq = 0, revision = 0] = [numbers.seqs[index], numbers.revisions[index]];
    given.push({ id: alertId, version, seq, revision, isReplay });
  }
  await store.settle(batch, { delivered: batch.alerts.length, dead: [], attempts: 1 }, nowMs);
}

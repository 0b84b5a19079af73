import { priorityOf } from "../model/window.ts";
import type { DeliverQueues } from "./deliver-queue.ts";
import type { SealedBatch } from "./ports.ts";
import type { Store } from "./store.ts";

/** Batches that are looked at in one go. What is lost comes to be among the oldest, since the others are delivered. */
const AT_ONCE = 100;

/**
 * Puts batches back into the queue of their sink that wait without a job. A Redis that has forgotten its last moments may
 * have forgotten that a batch was settled, and then be told by a worker that its job is done.
 *
 * @param beforeMs only what was sealed before that: a job is added a moment after its batch is sealed.
 * @returns how many.
 */
export async function restoreJobs(
  store: Pick<Store, "waitingSince" | "kindsOf">,
  queues: DeliverQueues,
  sink: string,
  beforeMs: number,
): Promise<number> {
  const waiting = await store.waitingSince(sink, beforeMs, AT_ONCE);
  const lost = waiting.length === 0 ? [] : await queues.withoutJob(sink, waiting);
  // A batch is settled before its job goes, so that one which still waits now had lost it.
  const kinds = await store.kindsOf(lost);
  const batches = lost.flatMap((id, index): SealedBatch[] => {
    const kind = kinds[index];
    return kind === undefined ? [] : [{ id, sink, priority: priorityOf(kind, 0) }];
  });
  if (batches.length > 0) await queues.enqueue(batches);
  return batches.length;
}

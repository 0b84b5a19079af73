import type { SealedBatch } from "./store.ts";

/** Puts sealed batches into the queues of their sinks. Putting one in twice is the same as once. */
export interface Outbox {
  enqueue(batches: readonly SealedBatch[]): Promise<void>;
}

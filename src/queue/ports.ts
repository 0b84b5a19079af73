import type { DeadLetter } from "../model/dead-letter.ts";
import type { LongWindow } from "../model/window.ts";

/** What the pipeline knows of the queues. */

export { type Fence, FencedOff } from "./fence.ts";
export type { LedgerRow, Resting } from "./ledger.ts";
export type { PlaceName, PlaceState, ReadState, Resume } from "./places.ts";
export type { SentRecord } from "./sent.ts";
export type { Store } from "./store.ts";

/** A batch whose content is kept and numbered, and that must reach its sink's queue. */
export interface SealedBatch {
  readonly id: string;
  readonly sink: string;
  readonly priority: number;
}

/** How a batch is sealed. */
export interface Sealing {
  /**
   * `new`: nothing of it was given to the sink before. `again`: what was is sealed once more, under the numbers that it
   * had. `mend`: likewise, but it was queued, counted and then lost, so it is not counted once more.
   */
  readonly mode: "new" | "again" | "mend";
  /** The long window that is read; undefined in the rounds of a place. */
  readonly window: string | undefined;
  /** Bytes that may wait for the sink in Redis. One batch may, however large it is. */
  readonly maxBacklogBytes: number;
  /** Gives the queue priority from the number of batches that wait for the tenant there. */
  readonly priorityFor: (batchesWaiting: number) => number;
}

/** `known`: some of the versions were given to the sink meanwhile. `full`: too much waits for the sink. */
export type Sealed = SealedBatch | "known" | "full";

export interface Settlement {
  readonly delivered: number;
  readonly dead: readonly DeadLetter[];
  /** Requests that the batch took. */
  readonly attempts: number;
  /** Event ids of those that the sink had to shorten. */
  readonly shortened?: readonly string[];
}

/** Puts sealed batches into the queues of their sinks. Putting one in twice is the same as once. */
export interface Outbox {
  enqueue(batches: readonly SealedBatch[]): Promise<void>;
}

/** Puts long windows into the queue of reading. Putting one in twice is the same as once. */
export interface WindowQueue {
  addWindows(windows: readonly Pick<LongWindow, "id" | "kind" | "tenant" | "source">[]): Promise<void>;
}

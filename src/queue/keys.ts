/** Every key of ours in Redis. BullMQ keeps its own under the same prefix: `<prefix>:read:…`, `<prefix>:deliver.<sink>:…`. */
export interface Keys {
  /** HASH: cursor and time of the last round of a tenant's source. */
  state(tenant: string, source: string): string;
  /** ZSET: versions that were queued for a sink, `<alert id>@<version>`, scored by update time in ms. */
  seen(tenant: string, source: string, sink: string): string;
  /** Prefix of HASHes, one a month of creation: alert id → `<revision> <version>`. */
  revisions(tenant: string, source: string): string;
  /** HASH: batches that are sealed and may not have reached the sink's queue yet: batch id → sink and priority. */
  pending(tenant: string, source: string): string;
  /** HASH: one sealed batch with its numbers. */
  batch(id: string): string;
  /** ZSET: ids of the batches that wait for a sink, scored by the time they were sealed, ms. */
  waiting(sink: string): string;
  /** HASH: the ledger of a sink, `<tenant>|enqueued`, `<tenant>|delivered`, `<tenant>|dead|<reason>` … */
  ledger(sink: string): string;
  /** HASH: dead letter id → JSON. */
  deadLetters: string;
  /** STRING: the layout of all of the above. */
  format: string;
}

/** Sinks are named `[a-z0-9-]`, so this word is free for what never reached one. */
export const NO_SINK = "none";

export const READ_QUEUE = "read";
export const deliverQueue = (sink: string) => `deliver.${sink}`;

/** The one live job of a tenant's source. */
export const liveJobId = (tenant: string, source: string) => `live.${tenant}.${source}`;

export function createKeys(prefix: string): Keys {
  return {
    state: (tenant, source) => `${prefix}:state:${tenant}:${source}`,
    seen: (tenant, source, sink) => `${prefix}:seen:${tenant}:${source}:${sink}`,
    revisions: (tenant, source) => `${prefix}:revisions:${tenant}:${source}:`,
    pending: (tenant, source) => `${prefix}:pending:${tenant}:${source}`,
    batch: (id) => `${prefix}:batch:${id}`,
    waiting: (sink) => `${prefix}:waiting:${sink}`,
    ledger: (sink) => `${prefix}:ledger:${sink}`,
    deadLetters: `${prefix}:dead-letters`,
    format: `${prefix}:format`,
  };
}

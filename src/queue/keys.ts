/** Every key of ours in Redis. BullMQ keeps its own under the same prefix: `<prefix>:read:…`, `<prefix>:deliver.<sink>:…`. */
export interface Keys {
  /** HASH: how far a tenant's source is read, where it began, its gaps, and what became of its last round. */
  state(tenant: string, source: string): string;
  /** STRING of 21 bytes: the hours of a week in which a place brought something new. */
  rhythm(tenant: string, source: string, week: number): string;
  /** Prefix of HASHes, one for each day of update and bucket: version → `<state><seq> <revision> <queued> …`. */
  sent(tenant: string, source: string, sink: string): string;
  /** Prefix of HASHes, one for each month of creation and bucket: alert → `<revision> <version>`. */
  revisions(tenant: string, source: string): string;
  /** Prefix of HASHes, likewise: alert → `<material digest> <version>` of what the sink was last given. */
  material(tenant: string, source: string, sink: string): string;
  /**
   * HASH: batches that are sealed and may not have reached the sink's queue yet: batch id → sink and priority. Those of
   * the rounds of a place, or of one long window.
   */
  pending(tenant: string, source: string, window?: string): string;
  /** HASH: one sealed batch with its numbers. */
  batch(id: string): string;
  /** ZSET: ids of the batches that wait for a sink, scored by the time they were sealed, ms. */
  waiting(sink: string): string;
  /** HASH: the ledger of a sink, `<tenant>|enqueued`, `<tenant>|delivered`, `<tenant>|dead|<reason>` …; `|bytes`: of all. */
  ledger(sink: string): string;
  /** SET: ids of the long windows that are not read to their end. */
  windows: string;
  /** HASH: one long window. */
  window(id: string): string;
  /** HASH: dead letter id → JSON. */
  deadLetters: string;
  /** ZSET: `<sink>|<dead letter id>`, scored by the time it was set aside, ms. */
  deadLetterTimes: string;
  /** HASH: sink → JSON, why it rests. */
  resting: string;
  /** HASH: deliveries to a sink within an hour, `<minute of the hour>:<class of delay>` → count. */
  history(sink: string, hour: number): string;
  /** LIST: when an API was called for a tenant, ms, newest first. */
  calls(tenant: string, api: string): string;
  /** STRING: what the states of consent links are signed with. */
  consentKey: string;
  /** STRING: one consent link that was not used yet. */
  consent(nonce: string): string;
  /** HASH: tenant → when a daemon last had it in its configuration, ms. */
  configured: string;
  /** Pattern of the ledgers of all sinks. */
  ledgers: string;
  /** Pattern of what belongs to a tenant; `isOf` tells that apart from what only looks so. */
  patternOf(tenant: string): string;
  isOf(tenant: string, key: string): boolean;
  /** HASH: tenant → JSON, how its onboarding goes. */
  onboarding: string;
  /** SET: the tenants whose consent is being verified. */
  verifying: string;
  /** STRING: somebody verifies the tenant at this moment. */
  verifier(tenant: string): string;
  /** STRING: stands for the lock of a read job where a command works on the queues. */
  fence(token: string): string;
  /** ZSET: the processes that share the work, scored by when they were last heard of, ms by the clock of Redis. */
  replicas: string;
  /** STRING: the layout of all of the above. */
  format: string;
}

export const READ_QUEUE = "read";
export const deliverQueue = (sink: string) => `deliver.${sink}`;

/** The one live job of a tenant's source. */
export const liveJobId = (tenant: string, source: string) => `live.${tenant}.${source}`;

/** What is kept under a name of its own for each tenant. */
const OF_TENANT = ["state", "rhythm", "sent", "revisions", "material", "pending", "calls"] as const;

export function createKeys(prefix: string): Keys {
  const pattern = prefix.replace(/[\\*?[\]]/g, "\\$&");
  return {
    state: (tenant, source) => `${prefix}:state:${tenant}:${source}`,
    rhythm: (tenant, source, week) => `${prefix}:rhythm:${tenant}:${source}:${week}`,
    sent: (tenant, source, sink) => `${prefix}:sent:${tenant}:${source}:${sink}:`,
    revisions: (tenant, source) => `${prefix}:revisions:${tenant}:${source}:`,
    material: (tenant, source, sink) => `${prefix}:material:${tenant}:${source}:${sink}:`,
    pending: (tenant, source, window = "live") => `${prefix}:pending:${tenant}:${source}:${window}`,
    batch: (id) => `${prefix}:batch:${id}`,
    waiting: (sink) => `${prefix}:waiting:${sink}`,
    ledger: (sink) => `${prefix}:ledger:${sink}`,
    windows: `${prefix}:windows`,
    window: (id) => `${prefix}:window:${id}`,
    deadLetters: `${prefix}:dead-letters`,
    deadLetterTimes: `${prefix}:dead-letter-times`,
    resting: `${prefix}:resting`,
    history: (sink, hour) => `${prefix}:history:${sink}:${hour}`,
    calls: (tenant, api) => `${prefix}:calls:${tenant}:${api}`,
    consentKey: `${prefix}:consent-key`,
    consent: (nonce) => `${prefix}:consent:${nonce}`,
    configured: `${prefix}:configured`,
    ledgers: `${pattern}:ledger:*`,
    patternOf: (tenant) => `${pattern}:*:${tenant}:*`,
    isOf: (tenant, key) => OF_TENANT.some((what) => key.startsWith(`${prefix}:${what}:${tenant}:`)),
    onboarding: `${prefix}:onboarding`,
    verifying: `${prefix}:verifying`,
    verifier: (tenant) => `${prefix}:verifier:${tenant}`,
    fence: (token) => `${prefix}:fence:${token}`,
    replicas: `${prefix}:replicas`,
    format: `${prefix}:format`,
  };
}

/**
 * Everything the daemon can say, in one table each: what it logs and what it counts. The reference pages are made
 * from here, and nothing is logged or counted that does not stand here.
 */

type Level = "debug" | "info" | "warn" | "error" | "fatal";

interface EventEntry {
  readonly level: Level;
  /** A constant sentence; what varies is in the fields. */
  readonly says: string;
  /** For the person who is on call: what it means and who must do something. */
  readonly means: string;
}

export const EVENTS = {
  "daemon.started": {
    level: "info",
    says: "The daemon is running.",
    means: "All parts are up. Nothing to do.",
  },
  "daemon.stopping": {
    level: "info",
    says: "The daemon is stopping.",
    means: "A signal came. Reading stops, what is under way finishes or is handed back to the queue.",
  },
  "daemon.stopped": {
    level: "info",
    says: "The daemon has stopped.",
    means: "Everything that was not delivered waits in Redis.",
  },
  "daemon.failed": {
    level: "fatal",
    says: "The daemon cannot go on.",
    means: "`error.message` says what is missing. It exits with 1; whoever runs it must act.",
  },
  "config.warning": {
    level: "warn",
    says: "The configuration works, but has a weakness.",
    means: "`error.message` names the place and what would be better; `alertferry check` lists all of them.",
  },
  "config.reloaded": {
    level: "info",
    says: "The changed configuration is in force.",
    means:
      "`tenants` and `sinks` name what was added, changed and removed. The cursor of a removed tenant is kept: when it comes back it is read on from there.",
  },
  "config.rejected": {
    level: "error",
    says: "The changed configuration cannot be used; the one before stays in force.",
    means: "`error.message` names every mistake with its line. Mend the file; it is read again by itself.",
  },
  "onboarding.received": {
    level: "info",
    says: "A customer has let us in; the consent is verified now.",
    means:
      "It takes some minutes to spread at Microsoft. `onboarding.verified` or `onboarding.failed` follows.",
  },
  "onboarding.verified": {
    level: "info",
    says: "A customer's consent is verified.",
    means: "Token, roles and first page were had. `unreached` names sinks that did not take the test alert.",
  },
  "onboarding.refused": {
    level: "warn",
    says: "A customer's answer to a consent link is no consent.",
    means: "`reason` says why. Nothing was set up; `alertferry tenants consent` makes a new link.",
  },
  "onboarding.failed": {
    level: "error",
    says: "A customer's consent could not be verified.",
    means:
      "`reason` says which step failed. Nothing was set up; `alertferry tenants verify` goes through the steps again.",
  },
  "redis.trouble": {
    level: "warn",
    says: "Redis is out of reach; work waits for it.",
    means:
      "Nothing is lost: reading and delivering go on by themselves once it is back. If it stays, look at Redis.",
  },
  "redis.restarted": {
    level: "error",
    says: "The embedded Redis ended and is started again.",
    means: "Look at redis.log in queue.dataDir: a full disk and too little memory are the usual causes.",
  },
  "poll.completed": {
    level: "info",
    says: "Read new alerts.",
    means: "`alerts` versions were new and are queued for the tenant's sinks.",
  },
  "poll.idle": {
    level: "debug",
    says: "Read the source; nothing was new.",
    means: "A healthy tenant without news.",
  },
  "poll.failed": {
    level: "error",
    says: "The source could not be read; the cursor stays and the window is read again.",
    means:
      "`error` has the source's own words. Nothing is lost. Transient causes heal by themselves; a refused query or an unknown host needs a look at the configuration.",
  },
  "poll.throttled": {
    level: "warn",
    says: "The source asked us to wait.",
    means:
      "The tenant's call budget is used up; it is read again after `retryInMs`. Another tool may share the application.",
  },
  "poll.paced": {
    level: "debug",
    says: "Reading waits for its call budget.",
    means:
      "The tenant has more than may be asked for at once; it is gone on with before Microsoft would refuse.",
  },
  "poll.recovered": {
    level: "info",
    says: "The source can be read again.",
    means: "Reading goes on where it stopped.",
  },
  "gap.recorded": {
    level: "warn",
    says: "Too much waits for the sink; what comes now is read again once it has drained.",
    means:
      "The backlog of the sink has reached `backlog.maxBytes`. New alerts for it stay at Microsoft as gaps and are queued later; other sinks are not affected. Mend the sink; nothing is lost as long as it is back before Microsoft forgets the alerts (180 days).",
  },
  "gap.filled": {
    level: "info",
    says: "The sink has drained and its gaps are read.",
    means: "Everything that was left at Microsoft for this sink is in its queue.",
  },
  "window.completed": {
    level: "info",
    says: "A backfill or a replay is read to its end.",
    means: "`alerts` were queued; `window.kind` says which of the two it was.",
  },
  "window.idle": {
    level: "debug",
    says: "A backfill is read to its end; nothing was new.",
    means: "A new tenant that had no alerts before its first round.",
  },
  "auth.failed": {
    level: "error",
    says: "The sign-in or the permission was refused for this tenant.",
    means:
      "`error.code` has the AADSTS or API code, `error.actor` who can mend it, `error.remedy` how. With `app` it is the application's own credential, and every tenant that shares it waits; one of them probes it. Otherwise other tenants are not affected.",
  },
  "auth.recovered": {
    level: "info",
    says: "The application signs in again.",
    means: "Its credential was mended; all its tenants are read again.",
  },
  "credential.expiring": {
    level: "warn",
    says: "A credential ends soon; every tenant that signs in with it would fail.",
    means:
      "Said 30, 14, 7 and 1 days before `credential` ends. Make a new one and put it into the configuration; it is taken over without a restart.",
  },
  "credential.expired": {
    level: "error",
    says: "A credential has ended.",
    means: "`tenants` tenants sign in with it. Make a new one and put it into the configuration.",
  },
  "poll.tenant-mismatch": {
    level: "error",
    says: "An alert names another tenant than the one that was asked; it was set aside.",
    means: "It reached no sink. Check the tenant's `tenantId` and report it to Microsoft.",
  },
  "poll.set-aside": {
    level: "warn",
    says: "A record of the source is no alert that can be named; it was set aside.",
    means: "It is kept as a dead letter with its reason. The rest of the window went on.",
  },
  "deliver.completed": {
    level: "debug",
    says: "Delivered.",
    means: "The sink has acknowledged a request.",
  },
  "deliver.retrying": {
    level: "warn",
    says: "A delivery failed and is tried again.",
    means: "The alerts wait in the queue. Nothing to do unless it goes on.",
  },
  "deliver.halved": {
    level: "warn",
    says: "The sink refused a request; it is divided to find the alert that is meant.",
    means: "The other alerts of the request are delivered.",
  },
  "deliver.dead-lettered": {
    level: "error",
    says: "The sink refused an alert for good; it was set aside.",
    means: "`error.message` has the receiver's own words. Mend the cause there; the alert is kept.",
  },
  "deliver.tenant-mismatch": {
    level: "error",
    says: "An alert that names another tenant was about to be sent; it was set aside.",
    means:
      "It reached no sink. This is a mix-up on our side of the source: look at the dead letter, and report it.",
  },
  "dead-letters.many": {
    level: "warn",
    says: "Many dead letters of this sink wait for a person.",
    means:
      "`alertferry dead-letters list --sink …` shows the receiver's own words. Mend the cause, then `dead-letters retry --sink …`.",
  },
  "dead-letters.trimmed": {
    level: "warn",
    says: "Old dead letters were discarded.",
    means:
      "`deadLetters.maxCount` or `deadLetters.maxAge` asks for it. What was discarded cannot be sent again.",
  },
  "deliver.failed": {
    level: "error",
    says: "A batch could not be worked on; it stays in the queue.",
    means:
      "A fault of the daemon or of its set-up (a missing `queue.encryptionKey`): `error.message` says which.",
  },
  "sink.opened": {
    level: "error",
    says: "The sink is in trouble and rests; its alerts wait in the queue.",
    means:
      "`error.code` and `error.message` say why. Transient and throttled heal by themselves; unauthorized and misconfigured need a person at the receiver or in the configuration.",
  },
  "sink.closed": {
    level: "info",
    says: "The sink takes alerts again.",
    means: "What waited is being delivered.",
  },
} as const satisfies Record<string, EventEntry>;
export type EventName = keyof typeof EVENTS;

interface MetricEntry {
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly labels: readonly string[];
  readonly buckets?: readonly number[];
}

/** Names without the prefix `alertferry_`. Tenants are labels, alerts never. */
export const METRICS = {
  poll_total: {
    type: "counter",
    help: "Rounds of reading, by outcome.",
    labels: ["tenant", "source", "outcome"],
  },
  poll_duration_seconds: {
    type: "histogram",
    help: "Duration of a round of reading.",
    labels: ["source"],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
  },
  poll_lag_seconds: { type: "gauge", help: "Now less the cursor.", labels: ["tenant", "source"] },
  alerts_read_total: {
    type: "counter",
    help: "Alerts in the pages that were read.",
    labels: ["tenant", "source"],
  },
  alerts_new_total: {
    type: "counter",
    help: "Versions that were new for at least one sink.",
    labels: ["tenant", "source"],
  },
  alerts_duplicate_total: {
    type: "counter",
    help: "Versions that every sink had been given before: the overlap read again.",
    labels: ["tenant", "source"],
  },
  alerts_suppressed_total: {
    type: "counter",
    help: "Updates that `updates` of the tenant leaves out, counted for each sink.",
    labels: ["tenant", "source"],
  },
  alerts_enqueued_total: {
    type: "counter",
    help: "Alerts queued for a sink, from the ledger.",
    labels: ["tenant", "sink"],
  },
  alerts_delivered_total: {
    type: "counter",
    help: "Alerts the sink has acknowledged, from the ledger.",
    labels: ["tenant", "sink"],
  },
  alerts_dead_lettered_total: {
    type: "counter",
    help: "Alerts set aside, from the ledger; sink `none`: at reading.",
    labels: ["tenant", "sink", "reason"],
  },
  alerts_shortened_total: {
    type: "counter",
    help: "Alerts delivered with something cut away, since the sink takes only so much.",
    labels: ["sink"],
  },
  delivery_latency_seconds: {
    type: "histogram",
    help: "From an alert being readable at the source to its acceptance by the sink.",
    labels: ["sink"],
    buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600, 14_400, 86_400],
  },
  deliver_batches_total: {
    type: "counter",
    help: "Batches settled and given back, by outcome.",
    labels: ["sink", "outcome"],
  },
  sink_backlog_alerts: { type: "gauge", help: "Alerts that wait for the sink.", labels: ["sink"] },
  sink_backlog_bytes: {
    type: "gauge",
    help: "What the alerts that wait for the sink take in Redis.",
    labels: ["sink"],
  },
  sink_oldest_seconds: {
    type: "gauge",
    help: "Age of the oldest batch that waits for the sink.",
    labels: ["sink"],
  },
  gaps_open: {
    type: "gauge",
    help: "Spans that were left at the source because too much waited for the sink.",
    labels: ["sink"],
  },
  dead_letters: { type: "gauge", help: "Dead letters that lie there.", labels: ["sink"] },
  sink_breaker_open: { type: "gauge", help: "1 while the sink rests.", labels: ["sink"] },
  poll_paced_total: {
    type: "counter",
    help: "Runs of reading that waited for the tenant's call budget.",
    labels: ["tenant", "source"],
  },
  throttled_total: {
    type: "counter",
    help: "Rounds that the source asked to wait.",
    labels: ["tenant", "source"],
  },
  app_refused: {
    type: "gauge",
    help: "1 while Entra refuses the application's own credential, for all its tenants.",
    labels: ["app"],
  },
  credential_expires_timestamp_seconds: {
    type: "gauge",
    help: "When the credential ends that the tenant is signed in to with, as far as that is known.",
    labels: ["tenant"],
  },
  redis_up: { type: "gauge", help: "1 while Redis answers.", labels: [] },
} as const satisfies Record<string, MetricEntry>;
export type MetricName = keyof typeof METRICS;

/** Everything the daemon counts. The reference page is made from here, and nothing is counted that does not stand here. */

interface MetricEntry {
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly labels: readonly string[];
  readonly buckets?: readonly number[];
}

/** Seconds, of what takes milliseconds when all is well and days when nothing is. */
const DELAY_BUCKETS = [
  0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 900, 3600, 14_400, 86_400,
] as const;

/**
 * The stretches of an alert's way, one after the other: until Microsoft lets it be read, until we have read it, until it
 * stands in the sink's queue, until the sink has accepted it.
 */
export type Hop = "published" | "read" | "enqueued" | "accepted";

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
  poll_failures: {
    type: "gauge",
    help: "Rounds that have failed since the last one that was completed.",
    labels: ["tenant", "source"],
  },
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
  alerts_incomplete_total: {
    type: "counter",
    help: "Incidents that were sent without their alerts, though these are wanted.",
    labels: ["tenant", "source", "reason"],
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
  alerts_waiting: {
    type: "gauge",
    help: "Alerts that wait for the sink: enqueued less delivered and dead-lettered, counted by itself.",
    labels: ["tenant", "sink"],
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
    buckets: DELAY_BUCKETS,
  },
  delivery_hop_seconds: {
    type: "histogram",
    help: "Delivery latency by stretch of the way; hop `published` is Microsoft's own and comes before it.",
    labels: ["sink", "hop"],
    buckets: DELAY_BUCKETS,
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
  holes_open: {
    type: "gauge",
    help: "Instants that the source fails to give out; they are asked for again.",
    labels: ["tenant", "source"],
  },
  dead_letters: { type: "gauge", help: "Dead letters that lie there.", labels: ["sink"] },
  sink_breaker_open: { type: "gauge", help: "1 while the sink rests.", labels: ["sink"] },
  poll_paced_total: {
    type: "counter",
    help: "Runs of reading that waited for the tenant's call budget.",
    labels: ["tenant", "source"],
  },
  tenant_quiet: {
    type: "gauge",
    help: "1 while the place is read without trouble and silent in hours that usually bring something.",
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
  build_info: { type: "gauge", help: "Always 1; the version is a label.", labels: ["version"] },
} as const satisfies Record<string, MetricEntry>;
export type MetricName = keyof typeof METRICS;

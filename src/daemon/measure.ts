import type { Config } from "../config/schema.ts";
import { DEAD_LETTER_REASONS, NO_SINK } from "../model/dead-letter.ts";
import { clientIdOf } from "../net/auth.ts";
import type { Snapshot } from "../pipeline/snapshot.ts";
import type { Metrics } from "../telemetry/metrics.ts";

/** Stands for every reason that this version does not give, so that the ledger cannot make series without end. */
const OTHER_REASON = "other";

/**
 * The same at every replica. Set anew for each scrape, since a place, a sink or a tenant of the ledger may be gone since
 * the one before.
 */
export const FROM_REDIS = [
  "poll_lag_seconds",
  "poll_failures",
  "holes_open",
  "tenant_quiet",
  "alerts_enqueued_total",
  "alerts_delivered_total",
  "alerts_dead_lettered_total",
  "alerts_waiting",
  "sink_backlog_alerts",
  "sink_backlog_bytes",
  "sink_oldest_seconds",
  "gaps_open",
  "dead_letters",
  "sink_breaker_open",
] as const;

/**
 * Sets what all replicas have in common, as Redis has it now, and forgets the series of what is configured no more.
 * A tenant that was removed is told of until nothing of it waits.
 */
export async function measure(
  metrics: Metrics,
  now: Snapshot,
  config: Pick<Config, "tenants" | "sinks">,
): Promise<void> {
  const configured = new Set(config.tenants.map(({ id }) => id));
  const ledger = now.ledger.filter(({ tenant, waiting }) => configured.has(tenant) || waiting > 0);
  await metrics.keep({
    tenant: new Set([...configured, ...ledger.map(({ tenant }) => tenant)]),
    sink: new Set([...Object.keys(config.sinks), NO_SINK]),
    app: new Set(config.tenants.map(({ auth }) => clientIdOf(auth) ?? auth.type)),
  });
  for (const name of FROM_REDIS) metrics.clear(name);
  measureLedger(metrics, ledger);
  measurePlaces(metrics, now);
  measureSinks(metrics, now);
}

function measureLedger(metrics: Metrics, ledger: Snapshot["ledger"]): void {
  for (const { tenant, sink, enqueued, delivered, waiting, dead } of ledger) {
    for (const [reason, count] of Object.entries(dead)) {
      const known = DEAD_LETTER_REASONS.includes(reason) ? reason : OTHER_REASON;
      metrics.count("alerts_dead_lettered_total", { tenant, sink, reason: known }, count);
    }
    // What is set aside at reading was never queued.
    if (sink === NO_SINK) continue;
    metrics.count("alerts_enqueued_total", { tenant, sink }, enqueued);
    metrics.count("alerts_delivered_total", { tenant, sink }, delivered);
    metrics.set("alerts_waiting", { tenant, sink }, waiting);
  }
}

function measurePlaces(metrics: Metrics, { tenants }: Snapshot): void {
  for (const { tenant, source, lagSeconds, failures, holes, unusuallyQuiet } of tenants) {
    if (lagSeconds !== null) metrics.set("poll_lag_seconds", { tenant, source }, lagSeconds);
    metrics.set("poll_failures", { tenant, source }, failures);
    metrics.set("holes_open", { tenant, source }, holes);
    metrics.set("tenant_quiet", { tenant, source }, unusuallyQuiet ? 1 : 0);
  }
}

function measureSinks(metrics: Metrics, { sinks }: Snapshot): void {
  for (const { sink, backlogAlerts, backlogBytes, oldestSeconds, gaps, deadLetters, resting } of sinks) {
    metrics.set("sink_backlog_alerts", { sink }, backlogAlerts);
    metrics.set("sink_backlog_bytes", { sink }, backlogBytes);
    metrics.set("sink_oldest_seconds", { sink }, oldestSeconds);
    metrics.set("gaps_open", { sink }, gaps);
    metrics.set("dead_letters", { sink }, deadLetters);
    metrics.set("sink_breaker_open", { sink }, resting === null ? 0 : 1);
  }
}

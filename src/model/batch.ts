import { hash } from "node:crypto";
import { type Alert, eventId } from "./alert.ts";
import { namesAnother } from "./belonging.ts";
import type { Envelope, TenantName } from "./envelope.ts";
import type { WindowText } from "./window.ts";

/** What bounds one request to a sink, and so one batch. */
export interface BatchLimits {
  readonly maxAlerts: number;
  readonly maxBytes: number;
}

/** What the queue keeps of an alert besides its text: all that a sink may need without parsing it. */
export interface AlertFacts {
  readonly alertId: string;
  /** The version's name within the alert, see `Alert`. */
  readonly version: string;
  readonly eventId: string;
  readonly updatedMs: number | undefined;
  readonly device: string | undefined;
}

export interface QueuedAlert extends AlertFacts {
  /** The source's JSON in UTF-8, untouched. */
  readonly raw: Buffer;
}

/** Alerts of one tenant bound for one sink: one job of that sink's queue. */
export interface Batch {
  /** Made from what is in it, so that queueing it twice queues it once. */
  readonly id: string;
  readonly tenant: TenantName;
  readonly source: string;
  readonly sink: string;
  readonly window: WindowText;
  readonly alerts: readonly QueuedAlert[];
  /** Milliseconds: no alert of the batch was readable before the one or the other, see `readableMs`. */
  readonly notReadableBeforeMs: number;
  readonly sealedMs: number;
}

/** The numbers that were given when the batch was sealed. */
export interface Numbers {
  /** Each alert's `seq`: one after the other where all are new, those of the first sending where they are sent again. */
  readonly seqs: readonly number[];
  readonly revisions: readonly number[];
}

/** Bytes that a sink's own notation adds to an alert, about: enough to keep a request within its limit. */
const ENVELOPE_BYTES = 700;

/** About how much of a request's `maxBytes` one alert takes. */
export function requestBytes(alert: { readonly raw: Buffer }): number {
  return alert.raw.length + ENVELOPE_BYTES;
}

/** Divides alerts into runs that each fit one request. One alert over the limit stands alone. */
export function* divide(alerts: readonly Alert[], limits: BatchLimits): Generator<readonly Alert[]> {
  let run: Alert[] = [];
  let bytes = 0;
  for (const alert of alerts) {
    const size = requestBytes(alert);
    if (run.length > 0 && (run.length >= limits.maxAlerts || bytes + size > limits.maxBytes)) {
      yield run;
      run = [];
      bytes = 0;
    }
    run.push(alert);
    bytes += size;
  }
  if (run.length > 0) yield run;
}

/**
 * BullMQ allows no `:` in a job id and no id of digits only.
 *
 * @param again the occasion on which the same alerts are sent to the same sink once more; empty for the first time.
 */
export function batchId(
  tenant: string,
  source: string,
  sink: string,
  alerts: readonly { readonly id: string; readonly version: string }[],
  again = "",
): string {
  const named = alerts.map(({ id, version }) => `${id}\n${version}\n`).join("");
  return `b-${hash("sha256", `${tenant}\n${source}\n${sink}\n${again}\n${named}`, "hex").slice(0, 40)}`;
}

/** @throws Error when the alert is another tenant's, or its page was given back: which whoever read it should have seen. */
export function queuedAlert(tenant: TenantName, alert: Alert): QueuedAlert {
  if (namesAnother(alert.tenantId, tenant.tenantId))
    throw new Error(`An alert of another tenant was about to be queued for ${tenant.id}.`);
  if (alert.raw.length === 0)
    throw new Error(`An alert of ${tenant.id} was given back before it was queued.`);
  return {
    alertId: alert.id,
    version: alert.version,
    eventId: eventId(tenant.tenantId, alert),
    updatedMs: alert.updatedMs,
    device: alert.device,
    raw: alert.raw,
  };
}

export function envelopes(batch: Batch, numbers: Numbers): Envelope[] {
  return batch.alerts.map((alert, index) => ({
    ...alert,
    tenant: batch.tenant,
    source: batch.source,
    revision: numbers.revisions[index] ?? 1,
    seq: numbers.seqs[index] ?? 0,
    replay: batch.window.kind === "replay",
  }));
}

/**
 * When the source could first have given us the alert: not before its last update, and not before the round
 * that ran before, since that one would have brought it.
 */
export function readableMs(batch: Batch, alert: AlertFacts): number {
  return Math.max(alert.updatedMs ?? 0, batch.notReadableBeforeMs);
}

import { createHash } from "node:crypto";
import type { Alert, Unreadable } from "./alert.ts";
import type { TenantName } from "./envelope.ts";
import type { WindowText } from "./window.ts";

/** Sinks are named `[a-z0-9-]` by the user; this word stands for what never reached one. */
export const NO_SINK = "none";

/** The reason of what names another tenant than the one it was read from, or is bound for. */
export const TENANT_MISMATCH = "tenant-mismatch";

/** Every reason that the daemon gives today. One of another version may stand in the ledger. */
export const DEAD_LETTER_REASONS: readonly string[] = [
  TENANT_MISMATCH,
  "rejected",
  "missing-id",
  "missing-time",
  "not-an-object",
];

/** All of an envelope that does not stand in the dead letter itself. */
export interface SentFacts {
  readonly tenant: TenantName;
  readonly window: WindowText;
  readonly version: string;
  readonly seq: number;
  readonly revision: number;
  readonly updatedMs: number | undefined;
  readonly device: string | undefined;
}

/** Set aside for a person: what the other side, or the reading of it, refused for good. */
export interface DeadLetter {
  readonly id: string;
  readonly tenant: string;
  /** `NO_SINK` when it was set aside at reading, before any sink. */
  readonly sink: string;
  readonly source: string;
  readonly alertId: string | undefined;
  readonly eventId: string | undefined;
  /** What the alert was on its way to the sink, so that it can be sent again; absent when it was bound for none. */
  readonly sent?: SentFacts;
  /** One of few words, a metric label: `rejected`, `missing-id`, `tenant-mismatch` … */
  readonly reason: string;
  /** The receiver's own words. */
  readonly message: string;
  readonly attempts: number;
  readonly at: string;
  readonly raw: string;
}

/** A dead letter for something that could not be read as an alert of its tenant. */
export function readingLetter(
  place: { readonly tenant: string; readonly source: string },
  element: Unreadable | Alert,
  reason: string,
  message: string,
  nowMs: number,
): DeadLetter {
  const name = "reason" in element ? element.id : `${element.id}@${element.version}`;
  const digest = createHash("sha256")
    .update(`${place.tenant}\n${place.source}\n${reason}\n${name}`)
    .digest("hex");
  return {
    id: `d-${digest.slice(0, 24)}`,
    ...place,
    sink: NO_SINK,
    alertId: "reason" in element ? undefined : element.id,
    eventId: undefined,
    reason,
    message,
    attempts: 0,
    at: new Date(nowMs).toISOString(),
    raw: String(element.raw),
  };
}

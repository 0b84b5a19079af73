import { createHash } from "node:crypto";
import { msFromTicks, parseTicks } from "./ticks.ts";

export type JsonObject = { readonly [key: string]: unknown };

/** Severities of all Defender APIs in rising order; anything else is open text. */
export const SEVERITIES = ["unknown", "informational", "low", "medium", "high"] as const;
export type Severity = (typeof SEVERITIES)[number];

/**
 * One version of one alert as its source wrote it, and the few facts that name, order, filter and route it.
 * The alert itself is opaque: `raw` is the source's own JSON text, never written anew, so no number or key of
 * it can change on the way.
 */
export interface Alert {
  readonly id: string;
  /** Names this version: the exact tick of the last update, or the source's own text where that is no instant. */
  readonly version: string;
  /** The source's own text of the last update (of the creation where there is none). */
  readonly updatedText: string;
  /** Milliseconds since the epoch; undefined when the text is no instant. */
  readonly updatedMs: number | undefined;
  readonly createdText: string | undefined;
  /** The tenant the alert itself names; undefined when it names none. */
  readonly tenantId: string | undefined;
  readonly severity: Severity;
  readonly title: string;
  readonly serviceSource: string;
  /** The affected device's name, when the alert names one. */
  readonly device: string | undefined;
  /** Digest of what a person would call news: two versions that share it differ in little more than their time. */
  readonly material: string;
  readonly raw: string;
}

/** Something in a page that is no alert we can name. Kept with its text, set aside with the reason. */
export interface Unreadable {
  readonly reason: "not-an-object" | "missing-id" | "missing-time";
  /** SHA-256 of the text: the same record met again in the next round is the same dead letter. */
  readonly id: string;
  readonly raw: string;
}

/** Where one API keeps the facts of an alert. */
export interface AlertShape {
  readonly updated: string;
  readonly created: string;
  readonly tenantId: string;
  readonly device: (alert: JsonObject) => string | undefined;
  /** Where the title stands; `title` where nothing is said. */
  readonly title?: string;
  /** The fields whose change is news. Of a list of records only its length counts: each holds times of its own. */
  readonly material: readonly string[];
  /** The product, where the API does not say it in `serviceSource`. */
  readonly serviceSource?: string;
}

/** Reads one element of a page. Total: whatever the service sends, it answers and never throws. */
export function readAlert(element: unknown, raw: string, shape: AlertShape): Alert | Unreadable {
  const setAside = (reason: Unreadable["reason"]): Unreadable => ({ reason, id: digest(raw), raw });
  if (!isObject(element)) return setAside("not-an-object");
  const id = text(element["id"]);
  if (id === undefined) return setAside("missing-id");
  const createdText = text(element[shape.created]);
  const updatedText = text(element[shape.updated]) ?? createdText;
  if (updatedText === undefined) return setAside("missing-time");
  const ticks = parseTicks(updatedText);
  return {
    id,
    version: ticks === undefined ? `~${updatedText}` : String(ticks),
    updatedText,
    updatedMs: ticks === undefined ? undefined : msFromTicks(ticks),
    createdText,
    tenantId: text(element[shape.tenantId]),
    severity: severityOf(element["severity"]),
    title: text(element[shape.title ?? "title"]) ?? "",
    serviceSource: text(element["serviceSource"]) ?? shape.serviceSource ?? "",
    device: shape.device(element),
    material: materialOf(element, shape.material),
    raw,
  };
}

export function isUnreadable(alert: Alert | Unreadable): alert is Unreadable {
  return "reason" in alert;
}

/**
 * The stable name of one version of one alert, the same on every read and for every sink; receivers drop
 * repetitions by it. SHA-256 of tenant id, alert id and last update, one a line, in lower-case hex.
 */
export function eventId(tenantId: string, alert: Pick<Alert, "id" | "updatedText">): string {
  return digest(`${tenantId}\n${alert.id}\n${alert.updatedText}`);
}

function materialOf(element: JsonObject, fields: readonly string[]): string {
  const facts = fields.map((field) => {
    const value = element[field];
    return Array.isArray(value) && value.some(isObject) ? value.length : (value ?? null);
  });
  return createHash("sha256").update(JSON.stringify(facts)).digest("base64url").slice(0, 11);
}

/** `High` and `high` are one; `UnSpecified` and new words count as unknown. */
function severityOf(value: unknown): Severity {
  const word = typeof value === "string" ? value.toLowerCase() : "";
  return SEVERITIES.find((severity) => severity === word) ?? "unknown";
}

/** Empty text and any other type count as absent. */
export function text(value: unknown): string | undefined {
  return typeof value === "string" && value.trim() !== "" ? value : undefined;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function digest(content: string): string {
  return createHash("sha256").update(content).digest("hex");
}

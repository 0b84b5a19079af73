import { hash } from "node:crypto";
import { endOfValue, type Found, isObjectAt, look, namesOf, type Place } from "./json-bytes.ts";
import { msFromTicks, parseTicks } from "./ticks.ts";

export type JsonObject = { readonly [key: string]: unknown };

/** Severities of all Defender APIs in rising order; anything else is open text. */
export const SEVERITIES = ["unknown", "informational", "low", "medium", "high"] as const;
export type Severity = (typeof SEVERITIES)[number];

/**
 * One version of one alert as its source wrote it, and the few facts that name, order, filter and route it.
 * The alert itself is opaque: `raw` is the source's own JSON in UTF-8, never written anew, so no number or key of it can
 * change on the way. It is a part of the page that it came in, and there no longer than that.
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
  readonly raw: Buffer;
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
  /** Where the device's name stands, and how to read it there. Absent where records name none. */
  readonly device?: {
    readonly in: string;
    readonly read: (json: Buffer, at: Place) => string | undefined;
  };
  /** Where the title stands; `title` where nothing is said. */
  readonly title?: string;
  /** The fields whose change is news. Of a list of records only its length counts: each holds times of its own. */
  readonly material: readonly string[];
  /** The product, where the API does not say it in `serviceSource`. */
  readonly serviceSource?: string;
}

/** Reads the element of a page that begins at an index; tells where it ends, -1 when it is cut off. */
export type ReadElement = (
  json: Buffer,
  at: number,
) => { readonly end: number; readonly element: Alert | Unreadable };

/** Makes the reader of one API's elements. Whatever the service sends, it answers; only what is no JSON throws. */
export function alertReader(shape: AlertShape): ReadElement {
  const { updated, created, tenantId, device, title = "title", material } = shape;
  const facts = ["id", updated, created, tenantId, "severity", title, "serviceSource", ...material];
  const names = namesOf([...new Set([...facts, ...(device === undefined ? [] : [device.in])])]);
  return (json, at) => {
    const found = isObjectAt(json, at) ? look(json, at, names) : undefined;
    const end = found?.end ?? (isObjectAt(json, at) ? -1 : endOfValue(json, at));
    const raw = json.subarray(at, end);
    return { end, element: end < 0 ? setAside("not-an-object", raw) : readFound(found, json, raw, shape) };
  };
}

function readFound(
  found: Found | undefined,
  json: Buffer,
  raw: Buffer,
  shape: AlertShape,
): Alert | Unreadable {
  if (found === undefined) {
    // Anything that is no object is short, or never looked at again; that it is JSON shows only here.
    JSON.parse(String(raw));
    return setAside("not-an-object", raw);
  }
  const id = text(found.value("id"));
  if (id === undefined) return setAside("missing-id", raw);
  const createdText = text(found.value(shape.created));
  const updatedText = text(found.value(shape.updated)) ?? createdText;
  if (updatedText === undefined) return setAside("missing-time", raw);
  const ticks = parseTicks(updatedText);
  const place = shape.device === undefined ? undefined : found.place(shape.device.in);
  return {
    id,
    version: ticks === undefined ? `~${updatedText}` : String(ticks),
    updatedText,
    updatedMs: ticks === undefined ? undefined : msFromTicks(ticks),
    createdText,
    tenantId: text(found.value(shape.tenantId)),
    severity: severityOf(found.value("severity")),
    title: text(found.value(shape.title ?? "title")) ?? "",
    serviceSource: text(found.value("serviceSource")) ?? shape.serviceSource ?? "",
    device: place === undefined ? undefined : shape.device?.read(json, place),
    material: materialOf(found, json, shape.material),
    raw,
  };
}

function setAside(reason: Unreadable["reason"], raw: Buffer): Unreadable {
  return { reason, id: digest(raw), raw: String(raw) };
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

function materialOf(found: Found, json: Buffer, fields: readonly string[]): string {
  const facts = fields.map((field) => {
    const elements = found.place(field)?.elements ?? [];
    const isListOfRecords = elements.some(({ start }) => isObjectAt(json, start));
    return isListOfRecords ? elements.length : (found.value(field) ?? null);
  });
  return hash("sha256", JSON.stringify(facts), "base64url").slice(0, 11);
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

function digest(content: string | Buffer): string {
  return hash("sha256", content, "hex");
}

import { isObject, type JsonObject, SEVERITIES } from "../model/alert.ts";
import type { Envelope } from "../model/envelope.ts";
import type { EvidenceView } from "./evidence.ts";
import { readGraphAlert } from "./facts-graph.ts";
import { readIncident } from "./facts-incident.ts";
import { readMdeAlert } from "./facts-mde.ts";
import { clean } from "./text.ts";

/** The severities of Defender, and one that receivers know and Defender may come to use. */
export const LEVELS = [...SEVERITIES, "critical"] as const;
export type Level = (typeof LEVELS)[number];

/**
 * What an API says of an alert, in one vocabulary for all of them: the only thing that formats, mails and tables read.
 * Every text is clean (see text.ts) and not empty, every time is in milliseconds since the epoch; what the source did
 * not say, or said in another type, is undefined. Words (`status`, `category` …) are the source's own.
 */
export interface ApiFacts extends EvidenceView {
  readonly kind: "alert" | "incident";
  /** The id in the product that raised it, where that is another. */
  readonly providerAlertId: string | undefined;
  readonly title: string | undefined;
  readonly description: string | undefined;
  readonly recommendedActions: string | undefined;
  readonly severityWord: string | undefined;
  readonly status: string | undefined;
  readonly classification: string | undefined;
  readonly determination: string | undefined;
  readonly category: string | undefined;
  /** `Microsoft Defender for Endpoint` */
  readonly product: string;
  /** `microsoftDefenderForEndpoint` */
  readonly serviceSource: string | undefined;
  /** `antivirus`, `WindowsDefenderAtp` */
  readonly detectionSource: string | undefined;
  /** What tells the alerts of this API apart: the service, or within Defender for Endpoint the sensor. */
  readonly reportedBy: string | undefined;
  readonly detectorId: string | undefined;
  /** Techniques of MITRE ATT&CK as the source writes them: `T1059.001` */
  readonly techniques: readonly string[];
  readonly threatName: string | undefined;
  readonly threatFamily: string | undefined;
  readonly actor: string | undefined;
  readonly assignedTo: string | undefined;
  readonly tags: readonly string[];
  /** 0 to 100, incidents only. */
  readonly priorityScore: number | undefined;
  readonly incidentId: string | undefined;
  readonly incidentLink: string | undefined;
  /** Into the Defender portal, always with `tid=`. */
  readonly portalLink: string;
  readonly createdMs: number | undefined;
  /** The source's own text of it, which may be finer than milliseconds. */
  readonly createdText: string | undefined;
  /** The envelope's own where it has one: the pipeline named the version by it. */
  readonly updatedMs: number | undefined;
  readonly firstActivityMs: number | undefined;
  readonly lastActivityMs: number | undefined;
  readonly resolvedMs: number | undefined;
}

/** What is told of an alert, with what its envelope knows. */
export interface AlertFactsView extends ApiFacts {
  readonly alertId: string;
  readonly severity: Level;
}

type ReadApi = (source: JsonObject, envelope: Envelope) => ApiFacts;

const READERS: ReadonlyMap<string, ReadApi> = new Map([
  ["mde_alerts", readMdeAlert],
  ["graph_incidents", readIncident],
]);

/**
 * Reads an alert for receivers. Total: of a text that is no object, what the envelope knows remains.
 *
 * Here and in the readers, a spread stands last in its literal where it can: members that follow one make V8 build
 * the object twenty times as slowly, and every alert is read here.
 */
export function readFacts(envelope: Envelope): AlertFactsView {
  const read = READERS.get(envelope.source) ?? readGraphAlert;
  const facts = read(parse(String(envelope.raw)), envelope);
  // An id of control characters only is none.
  const alertId = clean(envelope.alertId) || envelope.eventId;
  const view = { alertId, severity: levelOf(facts.severityWord), ...facts };
  return view.devices.length > 0 || envelope.device === undefined
    ? view
    : { ...view, devices: deviceOf(envelope.device) };
}

function parse(raw: string): JsonObject {
  try {
    const value: unknown = JSON.parse(raw);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

function levelOf(word: string | undefined): Level {
  const known = word?.toLowerCase();
  return LEVELS.find((level) => level === known) ?? "unknown";
}

function deviceOf(device: string): AlertFactsView["devices"] {
  const name = clean(device);
  return name === "" ? [] : [{ kind: "device", type: "Device", verdict: undefined, name, id: undefined }];
}

/** What makes alerts the same to a SIEM: the rule behind them, else their category. Incidents are all one. */
export function eventClassOf({ kind, detectorId, category }: AlertFactsView): string {
  return kind === "alert" ? (detectorId ?? category ?? kind) : kind;
}

/**
 * The first of these times that the alert tells. Of one that tells none it is now: an alert in the year 1970 would be
 * found by nobody.
 */
export function firstTime(...times: readonly (number | undefined)[]): {
  readonly ms: number;
  readonly isKnown: boolean;
} {
  const ms = times.find((each) => each !== undefined);
  return { ms: ms ?? Date.now(), isKnown: ms !== undefined };
}

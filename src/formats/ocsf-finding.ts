import type { JsonObject } from "../model/alert.ts";
import type { Envelope } from "../model/envelope.ts";
import { carried } from "./carried.ts";
import { type AlertFactsView, firstTime, type Level, readFacts } from "./facts.ts";
import { group } from "./json-document.ts";
import { ocsfEvidence } from "./ocsf-evidence.ts";

const SCHEMA_VERSION = "1.8.0";

const SEVERITY: Readonly<Record<Level, { readonly id: number; readonly caption: string }>> = {
  unknown: { id: 0, caption: "Unknown" },
  informational: { id: 1, caption: "Informational" },
  low: { id: 2, caption: "Low" },
  medium: { id: 3, caption: "Medium" },
  high: { id: 4, caption: "High" },
  critical: { id: 5, caption: "Critical" },
};

const ACTIVITIES = { 1: "Create", 2: "Update", 3: "Close" } as const;

/** Statuses of alerts and incidents, in lower case: Defender for Endpoint writes them with a capital. */
const STATUSES: ReadonlyMap<string, { readonly id: number; readonly caption: string }> = new Map([
  ["unknown", { id: 0, caption: "Unknown" }],
  ["new", { id: 1, caption: "New" }],
  ["active", { id: 1, caption: "New" }],
  ["inprogress", { id: 2, caption: "In Progress" }],
  ["awaitingaction", { id: 2, caption: "In Progress" }],
  ["resolved", { id: 4, caption: "Resolved" }],
]);

/** Classifications in lower case; other words are not mapped. */
const VERDICTS: ReadonlyMap<string, { readonly id: number; readonly caption: string }> = new Map([
  ["falsepositive", { id: 1, caption: "False Positive" }],
  ["truepositive", { id: 2, caption: "True Positive" }],
  ["informationalexpectedactivity", { id: 5, caption: "Benign" }],
  ["benignpositive", { id: 5, caption: "Benign" }],
]);

/** An alert or incident as a Detection Finding. */
export function ocsfFinding(envelope: Envelope): JsonObject {
  const facts = readFacts(envelope);
  const { ms, isKnown } = firstTime(facts.createdMs, facts.updatedMs, facts.lastActivityMs);
  const own = carried(envelope);
  const severity = SEVERITY[facts.severity];
  const isClosed = ["resolved", "redirected"].includes(facts.status?.toLowerCase() ?? "");
  const triage = triageOf(facts);
  return {
    time: ms,
    start_time: facts.firstActivityMs,
    end_time: facts.lastActivityMs,
    severity_id: severity.id,
    severity: severity.caption,
    message: facts.title,
    is_alert: !isClosed,
    metadata: metadataOf(facts, own, triage === undefined ? undefined : ["incident"]),
    finding_info: findingInfo(facts),
    evidences: some(evidenceOf(facts).map(ocsfEvidence)),
    malware: malwareOf(facts),
    remediation: group({ desc: facts.recommendedActions }),
    unmapped: group({
      incidentId: facts.incidentId,
      detectionSource: facts.detectionSource,
      alertferry: isKnown ? own : { ...own, timeUnknown: true },
    }),
    ...statusOf(facts),
    ...triage,
    ...activityOf(facts, envelope, isClosed),
  };
}

function activityOf({ status }: AlertFactsView, { revision }: Envelope, isClosed: boolean): JsonObject {
  const isNew = revision === 1 && ["new", "active", undefined].includes(status?.toLowerCase());
  const id = isClosed ? 3 : isNew ? 1 : 2;
  return {
    activity_id: id,
    activity_name: ACTIVITIES[id],
    category_uid: 2,
    category_name: "Findings",
    class_uid: 2004,
    class_name: "Detection Finding",
    type_uid: 200400 + id,
    type_name: `Detection Finding: ${ACTIVITIES[id]}`,
  };
}

/** A word without a number is 99, and stands for itself. */
function statusOf({ status, classification }: AlertFactsView): JsonObject {
  if (status === undefined) return {};
  const isFalse = classification?.toLowerCase() === "falsepositive";
  if (isFalse && status.toLowerCase() === "resolved") return { status_id: 3, status: "Suppressed" };
  const known = STATUSES.get(status.toLowerCase());
  return { status_id: known?.id ?? 99, status: known?.caption ?? status };
}

function metadataOf(
  facts: AlertFactsView,
  own: ReturnType<typeof carried>,
  profiles: readonly string[] | undefined,
): JsonObject | undefined {
  return group({
    version: SCHEMA_VERSION,
    profiles,
    uid: own.eventId,
    tenant_uid: own.tenantId,
    sequence: own.seq,
    original_time: facts.createdMs === undefined ? undefined : facts.createdText,
    modified_time: facts.updatedMs,
    product: { name: facts.product, vendor_name: "Microsoft" },
  });
}

function findingInfo(facts: AlertFactsView): JsonObject | undefined {
  return group({
    uid: facts.alertId,
    uid_alt: facts.providerAlertId,
    title: facts.title,
    desc: facts.description,
    created_time: facts.createdMs,
    modified_time: facts.updatedMs,
    first_seen_time: facts.firstActivityMs,
    last_seen_time: facts.lastActivityMs,
    src_url: facts.portalLink,
    types: facts.category === undefined ? undefined : [facts.category],
    analytic: facts.detectorId === undefined ? undefined : { type_id: 0, uid: facts.detectorId },
    attacks: facts.techniques.map(attackOf),
  });
}

/** `T1059.001` is the first sub-technique of T1059. */
function attackOf(technique: string): JsonObject {
  const dot = technique.indexOf(".");
  return dot <= 0
    ? { technique: { uid: technique } }
    : { technique: { uid: technique.slice(0, dot) }, sub_technique: { uid: technique } };
}

/** All that the alert lists, and the device that it names outside of its list. */
function evidenceOf({ evidence, devices }: AlertFactsView): AlertFactsView["evidence"] {
  return evidence.some(({ kind }) => kind === "device") ? evidence : [...devices, ...evidence];
}

/** The name is known and the class of it is not. */
function malwareOf({ threatName }: AlertFactsView): readonly JsonObject[] | undefined {
  return threatName === undefined ? undefined : [{ name: threatName, classification_ids: [0] }];
}

/** What a person decided; members of the profile `incident`. */
function triageOf({ classification, assignedTo }: AlertFactsView): JsonObject | undefined {
  const verdict = VERDICTS.get(classification?.toLowerCase() ?? "");
  return group({
    verdict_id: verdict?.id,
    verdict: verdict?.caption,
    assignee: group({ name: assignedTo }),
  });
}

function some(list: readonly (JsonObject | undefined)[]): readonly JsonObject[] | undefined {
  const present = list.filter((each) => each !== undefined);
  return present.length === 0 ? undefined : present;
}

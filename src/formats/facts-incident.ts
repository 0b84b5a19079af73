import type { JsonObject } from "../model/alert.ts";
import type { Envelope } from "../model/envelope.ts";
import type { ApiFacts } from "./facts.ts";
import { readGraphEvidence } from "./facts-graph.ts";
import { instant, records, whole, word, words } from "./fields.ts";
import { portalLink } from "./paths.ts";
import { clean } from "./text.ts";

/**
 * Microsoft Graph `security/incidents`, with the evidence of its alerts where they were asked for.
 * learn.microsoft.com/graph/api/resources/security-incident
 */
export function readIncident(incident: JsonObject, envelope: Envelope): ApiFacts {
  const alerts = records(incident["alerts"]);
  const id = clean(envelope.alertId);
  const link = portalLink(incident["incidentWebUrl"], "incidents", id, envelope.tenant.tenantId);
  return {
    kind: "incident",
    providerAlertId: undefined,
    title: word(incident["displayName"]),
    description: word(incident["description"]) ?? word(incident["summary"]),
    recommendedActions: undefined,
    severityWord: word(incident["severity"]),
    status: word(incident["status"]),
    classification: word(incident["classification"]),
    determination: word(incident["determination"]),
    category: alerts.map((alert) => word(alert["category"])).find((each) => each !== undefined),
    product: "Microsoft Defender XDR",
    serviceSource: "microsoft365Defender",
    detectionSource: undefined,
    reportedBy: "microsoft365Defender",
    detectorId: undefined,
    techniques: [...new Set(alerts.flatMap((alert) => words(alert["mitreTechniques"])))],
    threatName: undefined,
    threatFamily: undefined,
    actor: undefined,
    assignedTo: word(incident["assignedTo"]),
    tags: [...words(incident["customTags"]), ...words(incident["systemTags"])],
    priorityScore: whole(incident["priorityScore"]),
    incidentId: id || undefined,
    incidentLink: link,
    portalLink: link,
    createdMs: instant(incident["createdDateTime"]),
    createdText: word(incident["createdDateTime"]),
    updatedMs: envelope.updatedMs ?? instant(incident["lastUpdateDateTime"]),
    firstActivityMs: earliest(alerts.map((alert) => instant(alert["firstActivityDateTime"]))),
    lastActivityMs: latest(alerts.map((alert) => instant(alert["lastActivityDateTime"]))),
    resolvedMs: undefined,
    ...readGraphEvidence(alerts.flatMap((alert) => records(alert["evidence"]))),
  };
}

function earliest(times: readonly (number | undefined)[]): number | undefined {
  return times.reduce((a, b) => (a === undefined || (b !== undefined && b < a) ? b : a), undefined);
}

function latest(times: readonly (number | undefined)[]): number | undefined {
  return times.reduce((a, b) => (a === undefined || (b !== undefined && b > a) ? b : a), undefined);
}

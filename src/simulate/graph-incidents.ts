import type { JsonObject } from "../model/alert.ts";
import { formatTicks } from "../model/ticks.ts";
import { type Draft, triage } from "./draft.ts";
import { oddSentence } from "./invention.ts";

/** Invents one version of an incident of Microsoft Graph `security/incidents`, without its alerts. */
export function graphIncident(draft: Draft): JsonObject {
  const { alert: random, around, index, revision, created, updated } = draft;
  const id = String(10_000 + index);
  const stage = triage(revision);
  // A merged incident stays behind as a stub that names the one that took it in.
  const merges = random.chance(0.2);
  const redirected = revision > 1 && merges;
  const status = redirected ? "redirected" : stage.status === "new" ? "active" : stage.status;
  const severity = random.pick(["low", "medium", "high", "informational"]);
  const assignedTo = revision === 1 ? null : `analyst1@${around.domain}`;
  return {
    "@odata.type": "#microsoft.graph.security.incident",
    id,
    tenantId: around.tenantId,
    status,
    incidentWebUrl: `${around.portal}/incident2/${id}/overview?tid=${around.tenantId}`,
    redirectIncidentId: redirected ? String(10_000 + Math.max(0, index - 1)) : null,
    displayName: random.pick([
      "Multi-stage incident on several endpoints",
      "Phishing reported by 3 users",
      "Anmeldung von anonymer Adresse",
    ]),
    createdDateTime: formatTicks(created),
    lastUpdateDateTime: formatTicks(updated),
    assignedTo,
    classification: stage.classification ?? "unknown",
    determination: stage.determination ?? "unknown",
    severity,
    priorityScore: random.whole(0, 100),
    customTags: random.chance(0.8) ? [] : ["VIP", "Büro München"],
    systemTags: [],
    description: random.chance(0.5) ? null : oddSentence(random),
    lastModifiedBy:
      revision === 1 ? "Microsoft 365 Defender-IncidentCreation" : `User-analyst1@${around.domain}`,
    resolvingComment: status === "resolved" ? "Gelöst." : null,
    summary: null,
    comments: [],
  };
}

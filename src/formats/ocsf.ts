import type { JsonObject } from "../model/alert.ts";
import type { Format } from "./format.ts";
import { changeAt, cutAt, dropAt, fewerAt, smallerAt, withMembers } from "./json-document.ts";
import { ocsfFinding } from "./ocsf-finding.ts";
import { type Step, shrinkToFit } from "./shrink.ts";
import { jsonLine } from "./text.ts";

/**
 * Open Cybersecurity Schema Framework 1.8: a Detection Finding (class 2004) for alerts and incidents alike.
 * (ocsf/ocsf-schema, events/findings/detection_finding.json) Every step below leaves a valid one.
 */
export const ocsf = {
  name: "ocsf",
  summary: "OCSF 1.8, a Detection Finding (class_uid 2004).",
  render(envelope, maxBytes) {
    return shrinkToFit(ocsfFinding(envelope), { steps: STEPS, write }, maxBytes);
  },
} as const satisfies Format<"ocsf">;

const TEXTS = [
  "message",
  "finding_info.title",
  "finding_info.analytic.uid",
  "metadata.product.name",
  "unmapped.detectionSource",
  "unmapped.alertferry.tenantName",
  "status",
];

/** What is given up for a limit, in this order; what the class requires stays. */
const STEPS: readonly Step<JsonObject>[] = [
  smallerAt("evidences", 4096),
  cutAt("remediation.desc", 256),
  cutAt("finding_info.desc", 1024),
  ...TEXTS.map((path) => cutAt(path, 256)),
  fewerAt("evidences", 32),
  smallerAt("evidences", 1024),
  fewerAt("evidences", 8),
  dropAt("remediation"),
  cutAt("finding_info.desc", 256),
  fewerAt("evidences", 3),
  fewerAt("finding_info.attacks", 4),
  ...[
    "evidences",
    "malware",
    "assignee",
    "finding_info.attacks",
    "finding_info.types",
    "finding_info.desc",
  ].map(dropAt),
  ...TEXTS.map((path) => cutAt(path, 64)),
  ...[
    "unmapped.providerStatus",
    "unmapped.detectionSource",
    "unmapped.incidentId",
    "unmapped.alertferry.alertId",
    "finding_info.uid_alt",
    "finding_info.src_url",
    "finding_info.analytic",
    "finding_info.title",
    "finding_info.first_seen_time",
    "finding_info.last_seen_time",
    "finding_info.created_time",
    "finding_info.modified_time",
    "metadata.original_time",
    "metadata.modified_time",
    "metadata.sequence",
    "start_time",
    "end_time",
    "activity_name",
    "category_name",
    "class_name",
    "type_name",
    "unmapped.alertferry.tenantName",
    "unmapped.alertferry.sourceApi",
    "unmapped.alertferry.replay",
    "unmapped.alertferry.tenantId",
    "unmapped.alertferry.eventId",
    "message",
    "severity",
  ].map(dropAt),
  // With 99 the number needs its word, so both go, the number first.
  ...["verdict_id", "verdict", "metadata.profiles", "status_id", "status", "is_alert"].map(dropAt),
  ...["unmapped.alertferry.tenant", "unmapped.alertferry.revision"].map(dropAt),
  cutAt("metadata.tenant_uid", 36),
  cutAt("metadata.product.name", 24),
  dropAt("metadata.product.vendor_name"),
  // An id that is cut would name something else, and none is not allowed.
  changeAt("finding_info.uid", () => "-"),
];

function write(document: JsonObject, shortened: readonly string[]): string {
  if (shortened.length === 0) return jsonLine(document);
  const marked = withMembers(document, ["unmapped", "alertferry"], { shortened });
  return jsonLine(withMembers(marked, ["metadata"], { is_truncated: true }));
}

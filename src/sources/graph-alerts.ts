import { alertReader, text } from "../model/alert.ts";
import { isObjectAt, look, namesOf, type Place } from "../model/json-bytes.ts";
import { formatTicks } from "../model/ticks.ts";
import type { Span } from "../model/window.ts";
import { readPage } from "./page.ts";
import { type Asking, readSlices } from "./slices.ts";
import { defineSource, type Source, type TenantAccess } from "./source.ts";

/** Alerts of all Defender products through Microsoft Graph. learn.microsoft.com/graph/api/security-list-alerts_v2 */
export const graphAlerts = defineSource({
  type: "graph_alerts",
  summary: "Alerts of every Defender product, from Microsoft Graph `security/alerts_v2`.",
  api: "graph",
  role: "SecurityAlert.Read.All",
  create: createGraphAlerts,
});

/** Graph cuts a larger `$top` to this without a word. */
const MAX_TOP = 1000;

/** Without it members that were added to an enum later arrive as `unknownFutureValue`. */
const HEADERS = { prefer: "include-unknown-enum-members" };

const SHAPE = {
  updated: "lastUpdateDateTime",
  created: "createdDateTime",
  tenantId: "tenantId",
  device: { in: "evidence", read: firstDevice },
  material: [
    ...["status", "severity", "classification", "determination", "assignedTo", "incidentId"],
    ...["evidence", "comments"],
  ],
};
const readElement = alertReader(SHAPE);

/** Graph pages no further than `$skip` 500; what shares one instant beyond that is asked for by these words. */
const DIVISIONS = [
  ["unknown", "informational", "low", "medium", "high", "unknownFutureValue"].map(
    (word) => `severity eq '${word}'`,
  ),
  ["unknown", "new", "inProgress", "resolved", "unknownFutureValue"].map((word) => `status eq '${word}'`),
];

function createGraphAlerts(access: TenantAccess): Source {
  const pageSize = Math.min(access.pageSize, MAX_TOP);
  const get = async (pathOrLink: string, { signal, visit }: Asking) =>
    await readPage(await access.graph.get(pathOrLink, HEADERS, signal, visit), readElement);
  return {
    read: (span, signal, { by = "updated", ...how } = {}) =>
      readSlices(
        {
          pageSize,
          room: access.room,
          by,
          first: (part, asking, within) => get(pathFor(SHAPE[by], part, pageSize, within), asking),
          next: get,
          divisions: DIVISIONS,
        },
        span,
        signal,
        how,
      ),
    probe: async (signal) => (await get("/v1.0/security/alerts_v2?$top=1", { signal })).elements.length,
  };
}

/** A single instant is asked with its count, since only there the list may be longer than what can be reached. */
function pathFor(field: string, span: Span, top: number, within: readonly string[] = []): string {
  const filter = [
    `${field} ge ${formatTicks(span.from)}`,
    `${field} lt ${formatTicks(span.to)}`,
    ...within,
  ].join(" and ");
  const count = span.to - span.from === 1n ? "&$count=true" : "";
  return `/v1.0/security/alerts_v2?$filter=${encodeURIComponent(filter)}&$top=${top}${count}`;
}

const DEVICE = namesOf(["@odata.type", "deviceDnsName", "hostName"]);
const DEVICE_TYPE = "#microsoft.graph.security.deviceEvidence";

/** `evidence[]` of type deviceEvidence: its DNS name, else its host name. One object instead of a list occurs. */
function firstDevice(json: Buffer, evidence: Place): string | undefined {
  const records = isObjectAt(json, evidence.start) ? [evidence] : evidence.elements;
  // Most records are of another type; the word is found faster than the record is looked through.
  const named = json.subarray(0, evidence.end).indexOf(DEVICE_TYPE, evidence.start);
  if (named < 0) return undefined;
  for (const { start, end } of records) {
    if (end <= named) continue;
    const found = look(json, start, DEVICE);
    if (found?.value("@odata.type") !== DEVICE_TYPE) continue;
    const name = text(found.value("deviceDnsName")) ?? text(found.value("hostName"));
    if (name !== undefined) return name;
  }
  return undefined;
}

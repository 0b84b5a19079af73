import { alertReader } from "../model/alert.ts";
import { formatTicks } from "../model/ticks.ts";
import type { Span } from "../model/window.ts";
import { readPage } from "./page.ts";
import { readSlices } from "./slices.ts";
import { defineSource, type Source, type TenantAccess } from "./source.ts";

/**
 * Incidents through Microsoft Graph, without their alerts: an expanded list has answered 500 for good on large tenants
 * (elastic/integrations#18144), and `graph_alerts` has them. An incident that was merged comes once more, as
 * `redirected` with the id of the one that took it in. learn.microsoft.com/graph/api/security-list-incidents
 */
export const graphIncidents = defineSource({
  type: "graph_incidents",
  summary: "Incidents of Defender XDR without their alerts, from Microsoft Graph `security/incidents`.",
  api: "graph",
  role: "SecurityIncident.Read.All",
  create: createGraphIncidents,
});

/** A larger `$top` is refused with a 400. */
const MAX_TOP = 50;

/** Without it members that were added to an enum later arrive as `unknownFutureValue`. */
const HEADERS = { prefer: "include-unknown-enum-members" };

const SHAPE = {
  updated: "lastUpdateDateTime",
  created: "createdDateTime",
  tenantId: "tenantId",
  title: "displayName",
  serviceSource: "microsoft365Defender",
  material: [
    ...["status", "severity", "classification", "determination", "assignedTo", "redirectIncidentId"],
    // Older answers say `tags`.
    ...["displayName", "customTags", "tags", "systemTags", "resolvingComment", "comments"],
  ],
};
const readElement = alertReader(SHAPE);

function createGraphIncidents(access: TenantAccess): Source {
  const pageSize = Math.min(access.pageSize, MAX_TOP);
  const get = async (pathOrLink: string, signal: AbortSignal) =>
    readPage(await access.graph.get(pathOrLink, HEADERS, signal), readElement);
  return {
    read: (span, signal, { by = "updated", ...how } = {}) =>
      readSlices(
        {
          pageSize,
          by,
          first: (part, abort) => get(pathFor(SHAPE[by], part, pageSize), abort),
          next: get,
          skip: (part, skip, abort) => get(`${pathFor(SHAPE[by], part, pageSize)}&$skip=${skip}`, abort),
        },
        span,
        signal,
        how,
      ),
    probe: async (signal) => (await get("/v1.0/security/incidents?$top=1", signal)).elements.length,
  };
}

function pathFor(field: string, span: Span, top: number): string {
  const filter = `${field} ge ${formatTicks(span.from)} and ${field} lt ${formatTicks(span.to)}`;
  return `/v1.0/security/incidents?$filter=${encodeURIComponent(filter)}&$top=${top}`;
}

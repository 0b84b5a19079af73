import { type Alert, alertReader, isObject, isUnreadable } from "../model/alert.ts";
import { requestBytes } from "../model/batch.ts";
import { SourceError } from "../model/failure.ts";
import { formatTicks } from "../model/ticks.ts";
import type { Span } from "../model/window.ts";
import { readPage } from "./page.ts";
import { type Asking, readSlices } from "./slices.ts";
import { defineSource, type Incomplete, type Source, type TenantAccess } from "./source.ts";

/**
 * Incidents through Microsoft Graph, without their alerts: an expanded list has answered 500 for good on large tenants
 * (elastic/integrations#18144), and `graph_alerts` has them. Who wants them all the same has each
 * incident read by its id. One that was merged comes once more, as `redirected` with the id of the one that took it in.
 * learn.microsoft.com/graph/api/security-list-incidents
 */
export const graphIncidents = defineSource({
  type: "graph_incidents",
  summary:
    "Incidents of Defender XDR, without their alerts unless `incidents.alerts` is set, from Microsoft Graph `security/incidents`.",
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
  const get = async (pathOrLink: string, { signal, visit }: Asking) =>
    await readPage(await access.graph.get(pathOrLink, HEADERS, signal, visit), readElement);
  return {
    read: (span, signal, { by = "updated", ...how } = {}) =>
      readSlices(
        {
          pageSize,
          room: access.room,
          by,
          first: (part, asking) => get(pathFor(SHAPE[by], part, pageSize), asking),
          next: get,
          skip: (part, skip, asking) => get(`${pathFor(SHAPE[by], part, pageSize)}&$skip=${skip}`, asking),
        },
        span,
        signal,
        how,
      ),
    ...(access.incidentAlerts ? { complete: withAlerts(access) } : {}),
    probe: async (signal) => (await get("/v1.0/security/incidents?$top=1", { signal })).elements.length,
  };
}

/** Reads an incident by its id, with its alerts; but not one that was merged, which has none any more. */
function withAlerts({ graph }: TenantAccess): NonNullable<Source["complete"]> {
  return async (listed, maxBytes, signal) => {
    if (isRedirected(listed.raw)) return listed;
    const path = `/v1.0/security/incidents/${encodeURIComponent(listed.id)}?$expand=alerts`;
    try {
      const raw = await twice(() => graph.get(path, HEADERS, signal));
      return requestBytes({ raw }) > maxBytes ? "too-large" : sameVersion(listed, raw);
    } catch (cause) {
      return whyNot(cause);
    }
  };
}

/** @throws what asks to wait, or is no refusal. */
function whyNot(cause: unknown): Incomplete {
  if (!(cause instanceof SourceError) || cause.kind === "throttled") throw cause;
  return cause.code === "EANSWERTOOLARGE" ? "too-large" : "failed";
}

/** A service that stumbles is asked once more, since there will be no other occasion. */
async function twice(ask: () => Promise<Buffer>): Promise<Buffer> {
  try {
    return await ask();
  } catch (cause) {
    if (!(cause instanceof SourceError) || cause.kind === "throttled" || (cause.status ?? 0) < 500)
      throw cause;
    return await ask();
  }
}

/** The text of the answer under the name and the facts of the list, by which it is known. */
function sameVersion(listed: Alert, raw: Buffer): Alert | Incomplete {
  const found = parse(raw);
  if (!isObject(found) || !Array.isArray(found["alerts"])) return "failed";
  const { element: read } = readElement(raw, 0);
  if (isUnreadable(read) || read.id !== listed.id || read.tenantId !== listed.tenantId) return "failed";
  return read.version === listed.version ? { ...listed, raw } : "changed";
}

function isRedirected(raw: Buffer): boolean {
  const incident = parse(raw);
  const status = isObject(incident) ? incident["status"] : undefined;
  return typeof status === "string" && status.toLowerCase() === "redirected";
}

function parse(raw: Buffer): unknown {
  try {
    return JSON.parse(String(raw));
  } catch {
    return undefined;
  }
}

function pathFor(field: string, span: Span, top: number): string {
  const filter = `${field} ge ${formatTicks(span.from)} and ${field} lt ${formatTicks(span.to)}`;
  return `/v1.0/security/incidents?$filter=${encodeURIComponent(filter)}&$top=${top}`;
}

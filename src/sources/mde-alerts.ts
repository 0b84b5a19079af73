import { alertReader, text } from "../model/alert.ts";
import { type Place, parseSpan } from "../model/json-bytes.ts";
import { formatTicks } from "../model/ticks.ts";
import type { Span } from "../model/window.ts";
import { readPage } from "./page.ts";
import { type Asking, readSlices } from "./slices.ts";
import { defineSource, type Source, type TenantAccess } from "./source.ts";

/** Alerts of Defender for Endpoint through its own API. learn.microsoft.com/defender-endpoint/api/get-alerts */
export const mdeAlerts = defineSource({
  type: "mde_alerts",
  summary: "Alerts of Defender for Endpoint with their evidence, from its `api/alerts`.",
  api: "defender",
  role: "Alert.Read.All",
  create: createMdeAlerts,
});

/** The API allows 10,000, but with `$expand=evidence` such a page would be tens of megabytes. */
const MAX_TOP = 1000;

const SHAPE = {
  updated: "lastUpdateTime",
  created: "alertCreationTime",
  tenantId: "aadTenantId",
  device: { in: "computerDnsName", read: (json: Buffer, at: Place) => text(parseSpan(json, at)) },
  serviceSource: "microsoftDefenderForEndpoint",
  material: [
    ...["status", "severity", "classification", "determination", "assignedTo", "incidentId"],
    ...["evidence", "comments"],
  ],
};
const readElement = alertReader(SHAPE);

function createMdeAlerts(access: TenantAccess): Source {
  const pageSize = Math.min(access.pageSize, MAX_TOP);
  const get = async (pathOrLink: string, { signal, visit }: Asking) =>
    await readPage(await access.defender.get(pathOrLink, {}, signal, visit), readElement);
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
    probe: async (signal) => (await get("/api/alerts?$expand=evidence&$top=1", { signal })).elements.length,
  };
}

function pathFor(field: string, span: Span, top: number): string {
  const filter = `${field} ge ${formatTicks(span.from)} and ${field} lt ${formatTicks(span.to)}`;
  return `/api/alerts?$expand=evidence&$filter=${encodeURIComponent(filter)}&$top=${top}`;
}

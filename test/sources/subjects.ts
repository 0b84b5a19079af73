import { graphAlerts } from "../../src/sources/graph-alerts.ts";
import { graphIncidents } from "../../src/sources/graph-incidents.ts";
import { mdeAlerts } from "../../src/sources/mde-alerts.ts";
import type { SourceSubject } from "./bench.ts";

export const GRAPH: SourceSubject = {
  definition: graphAlerts,
  api: "graph",
  path: "/v1.0/security/alerts_v2",
  updated: "lastUpdateDateTime",
  created: "createdDateTime",
  tenantId: "tenantId",
  role: "SecurityAlert.Read.All",
  title: "title",
  maxTop: 1000,
};

export const INCIDENTS: SourceSubject = {
  definition: graphIncidents,
  api: "graph",
  path: "/v1.0/security/incidents",
  updated: "lastUpdateDateTime",
  created: "createdDateTime",
  tenantId: "tenantId",
  role: "SecurityIncident.Read.All",
  title: "displayName",
  maxTop: 50,
};

export const MDE: SourceSubject = {
  definition: mdeAlerts,
  api: "defender",
  path: "/api/alerts",
  updated: "lastUpdateTime",
  created: "alertCreationTime",
  tenantId: "aadTenantId",
  role: "Alert.Read.All",
  title: "title",
  maxTop: 1000,
};

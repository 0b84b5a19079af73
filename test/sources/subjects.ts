import { graphAlerts } from "../../src/sources/graph-alerts.ts";
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
};

export const MDE: SourceSubject = {
  definition: mdeAlerts,
  api: "defender",
  path: "/api/alerts",
  updated: "lastUpdateTime",
  created: "alertCreationTime",
  tenantId: "aadTenantId",
  role: "Alert.Read.All",
};

import type { FilterSchema } from "./odata.ts";

/** What a simulated tenant can be asked for, by the names the configuration uses. */
export type SourceName = "graph_alerts" | "graph_incidents" | "mde_alerts";

/** The two services; each has its own address, its own tokens and its own limits. */
export type ApiName = "graph" | "defender";

/** One list of one API, with the rules that the real service applies to it. */
export interface Collection {
  readonly source: SourceName;
  readonly api: ApiName;
  readonly paths: readonly string[];
  /** `@odata.context` of the list. */
  readonly context: string;
  readonly typeName: string;
  /** Any of these roles opens the list; they are named when none is granted. */
  readonly roles: readonly string[];
  readonly created: string;
  readonly updated: string;
  readonly tenantId: string;
  readonly schema: FilterSchema;
  readonly options: readonly string[];
  readonly defaultTop: number;
  /** A larger `$top` is cut to this without a word. */
  readonly maxTop: number;
  /** A larger `$top` is refused. */
  readonly refusedTop: number | undefined;
  /** A larger `$skip` is refused. */
  readonly maxSkip: number | undefined;
}

const GRAPH_ALERT_ROLES = [
  "SecurityAlert.Read.All",
  "SecurityAlert.ReadWrite.All",
  "SecurityIncident.Read.All",
  "SecurityIncident.ReadWrite.All",
] as const;
const GRAPH_SCHEMA = {
  createdDateTime: "instant",
  lastUpdateDateTime: "instant",
  severity: "word",
  status: "word",
  classification: "word",
  determination: "word",
  assignedTo: "word",
} as const;
const GRAPH_OPTIONS = ["$count", "$filter", "$skip", "$top", "$orderby"] as const;

export const COLLECTIONS: readonly Collection[] = [
  {
    source: "graph_alerts",
    api: "graph",
    paths: ["/v1.0/security/alerts_v2"],
    context: "https://graph.microsoft.com/v1.0/$metadata#security/alerts_v2",
    typeName: "microsoft.graph.security.alert",
    roles: GRAPH_ALERT_ROLES,
    created: "createdDateTime",
    updated: "lastUpdateDateTime",
    tenantId: "tenantId",
    schema: { ...GRAPH_SCHEMA, serviceSource: "word" },
    options: GRAPH_OPTIONS,
    defaultTop: 50,
    maxTop: 1000,
    refusedTop: undefined,
    maxSkip: 500,
  },
  {
    source: "graph_incidents",
    api: "graph",
    paths: ["/v1.0/security/incidents"],
    context: "https://graph.microsoft.com/v1.0/$metadata#security/incidents",
    typeName: "microsoft.graph.security.incident",
    roles: GRAPH_ALERT_ROLES.slice(2),
    created: "createdDateTime",
    updated: "lastUpdateDateTime",
    tenantId: "tenantId",
    schema: GRAPH_SCHEMA,
    options: [...GRAPH_OPTIONS, "$expand"],
    defaultTop: 50,
    maxTop: 50,
    refusedTop: 50,
    maxSkip: undefined,
  },
  {
    source: "mde_alerts",
    api: "defender",
    paths: ["/api/alerts", "/api/v1.0/alerts"],
    context: "https://api.securitycenter.microsoft.com/api/$metadata#Alerts",
    typeName: "microsoft.windowsDefenderATP.api.Alert",
    roles: ["Alert.Read.All", "Alert.ReadWrite.All"],
    created: "alertCreationTime",
    updated: "lastUpdateTime",
    tenantId: "aadTenantId",
    schema: {
      alertCreationTime: "instant",
      lastUpdateTime: "instant",
      incidentId: "number",
      severity: "word",
      status: "word",
      category: "word",
      detectionSource: "word",
      assignedTo: "word",
    },
    options: ["$count", "$filter", "$skip", "$top", "$orderby", "$expand"],
    defaultTop: 10_000,
    maxTop: 10_000,
    refusedTop: undefined,
    maxSkip: undefined,
  },
];

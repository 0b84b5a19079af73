import { graphAlerts } from "./graph-alerts.ts";
import { graphIncidents } from "./graph-incidents.ts";
import { mdeAlerts } from "./mde-alerts.ts";

/** Every source, in alphabetical order of its type. */
export const SOURCES = [graphAlerts, graphIncidents, mdeAlerts] as const;

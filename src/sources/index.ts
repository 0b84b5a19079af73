import { graphAlerts } from "./graph-alerts.ts";
import { mdeAlerts } from "./mde-alerts.ts";

/** Every source, in alphabetical order of its type. */
export const SOURCES = [graphAlerts, mdeAlerts] as const;

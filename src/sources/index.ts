import { graphAlerts } from "./graph-alerts.ts";
import { graphIncidents } from "./graph-incidents.ts";
import { mdeAlerts } from "./mde-alerts.ts";

/** Every source, in alphabetical order of its type. */
export const SOURCES = [graphAlerts, graphIncidents, mdeAlerts] as const;

/** The source of a name that stands in a checked configuration. */
export function definitionOf(type: (typeof SOURCES)[number]["type"]): (typeof SOURCES)[number] {
  const definition = SOURCES.find((candidate) => candidate.type === type);
  if (definition === undefined) throw new Error(`There is no source ${type}.`);
  return definition;
}

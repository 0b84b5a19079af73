import { type Alert, SEVERITIES, type Severity } from "../model/alert.ts";
import type { BatchLimits } from "../model/batch.ts";
import type { TenantName } from "../model/envelope.ts";
import type { Updates } from "../model/updates.ts";
import type { PollSettings } from "../model/window.ts";
import type { Source } from "../sources/source.ts";

/** Which alerts of a tenant are wanted at all. */
export interface Filter {
  readonly minSeverity: Severity;
  /** Products to take; empty takes all. */
  readonly serviceSources: readonly string[];
  /** Titles to leave out, compared whole and without regard to case. */
  readonly excludeTitles: readonly string[];
}

/** The way from a tenant's source to one sink. */
export interface Route {
  readonly sink: string;
  readonly limits: BatchLimits;
  /** Bytes that may wait for the sink in Redis before windows become gaps. */
  readonly maxBacklogBytes: number;
  accepts(alert: Alert): boolean;
}

/** One source of one tenant, with everything a round of reading needs. */
export interface Place {
  readonly tenant: TenantName;
  readonly source: string;
  readonly reader: Source;
  /** The same for long windows, which may wait longer for a call. */
  readonly backlogReader: Source;
  readonly poll: PollSettings;
  readonly updates: Updates;
  readonly routes: readonly Route[];
}

/** An alert with an unknown severity is never left out for it: nobody has said that it is minor. */
export function reaches(severity: Severity, least: Severity): boolean {
  return severity === "unknown" || SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf(least);
}

export function wanted(alert: Alert, filter: Filter): boolean {
  if (!reaches(alert.severity, filter.minSeverity)) return false;
  if (filter.serviceSources.length > 0 && !filter.serviceSources.includes(alert.serviceSource)) return false;
  const title = alert.title.toLowerCase();
  return !filter.excludeTitles.some((excluded) => excluded.toLowerCase() === title);
}

import type { Version } from "./version.ts";

/** The truth: every version that any source of any tenant has ever held. */
export interface Ledger {
  /** In the order they were added. */
  readonly versions: readonly Version[];
  enter(version: Version): void;
  byAlert(alertId: string): readonly Version[];
  /** Whether a version is not visible yet. */
  isAwaited(version: Version): boolean;
  /**
   * Whether every poller must have had the chance to see a version: it is an alert, it has been visible for longer
   * than the time of grace, and if something has taken its place, it had been visible long enough before that.
   */
  isOwed(version: Version, graceMs: number): boolean;
}

export function createLedger(now: () => number, quietBeforeUpdateMs: number): Ledger {
  const versions: Version[] = [];
  const byAlert = new Map<string, Version[]>();
  return {
    versions,
    enter: (version) => {
      versions.push(version);
      const known = byAlert.get(version.alertId);
      if (known === undefined) byAlert.set(version.alertId, [version]);
      else known.push(version);
    },
    byAlert: (alertId) => byAlert.get(alertId) ?? [],
    isAwaited: ({ visibleAt }) => visibleAt > now(),
    isOwed: ({ visibleAt, supersededAt, genuine }, graceMs) => {
      if (!genuine || visibleAt > now() - graceMs) return false;
      return supersededAt === undefined || supersededAt - visibleAt >= quietBeforeUpdateMs;
    },
  };
}

import type { Alert } from "../model/alert.ts";
import type { Store } from "../queue/ports.ts";
import type { Place, Route } from "./routes.ts";

/**
 * Leaves out the updates that the tenant does not want: those in which only the time moved, or all. What was last sent
 * is asked of each sink by itself, since one may have missed a version that another was given.
 */
export async function worthSending(
  alerts: readonly Alert[],
  { sink }: Route,
  place: Place,
  { store, nowMs }: { readonly store: Store; readonly nowMs: () => number },
): Promise<{ readonly wanted: readonly Alert[]; readonly suppressed: readonly Alert[] }> {
  const { tenant, source, updates } = place;
  if (updates === "all" || alerts.length === 0) return { wanted: alerts, suppressed: [] };
  const at = { tenant: tenant.id, source, sink };
  const last = await store.materials(at, alerts);
  const isOld = (alert: Alert, index: number) =>
    last[index] !== undefined && (updates === "first-only" || last[index] === alert.material);
  const suppressed = alerts.filter(isOld);
  // The next round meets them again within its overlap, and is not to ask and count again.
  if (suppressed.length > 0) await store.suppress(at, suppressed, nowMs());
  return { wanted: alerts.filter((alert, index) => !isOld(alert, index)), suppressed };
}

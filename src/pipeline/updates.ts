import type { Alert } from "../model/alert.ts";
import type { Store } from "../queue/ports.ts";
import type { Place, Route } from "./routes.ts";

/**
 * Leaves out the updates that the tenant does not want: those in which only the time moved, or all. What was last sent
 * is asked of each sink by itself, since one may have missed a version that another was given.
 */
export async function worthSending(
  alerts: readonly Alert[],
  route: Route,
  place: Place,
  { store, nowMs }: { readonly store: Store; readonly nowMs: () => number },
): Promise<{ readonly wanted: readonly Alert[]; readonly suppressed: readonly Alert[] }> {
  const isUnwanted = await isUpdateUnwanted(alerts, route, place, store);
  const suppressed = alerts.filter(isUnwanted);
  // The next round meets them again within its overlap, and is not to ask and count again.
  const at = { tenant: place.tenant.id, source: place.source, sink: route.sink };
  if (suppressed.length > 0) await store.suppress(at, suppressed, nowMs());
  return { wanted: alerts.filter((alert, index) => !isUnwanted(alert, index)), suppressed };
}

/** Tells of each of the alerts, by its place among them, whether it is an update that the sink is not to get. */
export async function isUpdateUnwanted(
  alerts: readonly Alert[],
  { sink }: Route,
  { tenant, source, updates }: Place,
  store: Pick<Store, "materials">,
): Promise<(alert: Alert, index: number) => boolean> {
  if (updates === "all" || alerts.length === 0) return () => false;
  const last = await store.materials({ tenant: tenant.id, source, sink }, alerts);
  return (alert, index) =>
    last[index] !== undefined && (updates === "first-only" || last[index] === alert.material);
}

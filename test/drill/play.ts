import { INCIDENTS, type Incident } from "./incidents.ts";
import type { DrillStage } from "./stage.ts";
import { agree, type BalanceRow, settle } from "./verdict.ts";

/** Looks at the states of a drill, each of which lasts for as long as the looking takes. */
export interface Onlooker {
  begins?(incident: Incident, stage: DrillStage): Promise<void> | void;
  /** The trouble lasts, the daemon has said so, and everybody else has their alerts. */
  holds?(incident: Incident, stage: DrillStage): Promise<void> | void;
  /** It is mended, the daemon has said so, and everything has arrived. */
  ended?(incident: Incident, stage: DrillStage): Promise<void> | void;
}

/** Alerts of each tenant before anything goes wrong. */
const HISTORY = 20;

/**
 * Plays the five incidents one after the other, and compares what `status`, `/api/status` and `/metrics` say while
 * each lasts and at the end.
 *
 * @returns what each tenant has at each sink at the end.
 * @throws when a step does not come true, or when they differ.
 */
export async function playDrill(stage: DrillStage, onlooker: Onlooker = {}): Promise<readonly BalanceRow[]> {
  for (const tenant of stage.world.tenants) {
    tenant.add("graph_alerts", HISTORY, { spreadMs: 60_000, size: "small" });
  }
  let balance = await settle(stage);
  for (const incident of INCIDENTS) {
    await onlooker.begins?.(incident, stage);
    await incident.begin(stage);
    await incident.holds(stage);
    await agree(stage);
    await onlooker.holds?.(incident, stage);
    await incident.end(stage);
    balance = await settle(stage);
    await onlooker.ended?.(incident, stage);
  }
  await agree(stage);
  return balance;
}

import type { Alert } from "../../src/model/alert.ts";
import { type Batch, batchId, queuedAlert } from "../../src/model/batch.ts";
import type { TenantName } from "../../src/model/envelope.ts";

export const CONTOSO: TenantName = {
  id: "contoso",
  name: "Contoso Ltd",
  tenantId: "11111111-2222-4333-8444-555555555555",
};

/** What a test says of an alert; its own JSON as text, too. */
type Facts = Partial<Omit<Alert, "raw">> & { readonly raw?: string | Buffer };

/** An alert; say only what the test is about. */
export function anAlert(facts: Facts = {}): Alert {
  const id = facts.id ?? "da1_1";
  const updatedText = facts.updatedText ?? "2026-05-04T05:36:51.03Z";
  return {
    id,
    version: "17778730110300000",
    updatedText,
    updatedMs: Date.parse(updatedText),
    createdText: "2026-05-04T05:30:00Z",
    tenantId: CONTOSO.tenantId,
    severity: "medium",
    title: "Suspicious sign-in",
    serviceSource: "microsoftDefenderForEndpoint",
    device: undefined,
    material: "new",
    ...facts,
    raw: Buffer.from(facts.raw ?? JSON.stringify({ id, lastUpdateDateTime: updatedText })),
  };
}

export function alerts(count: number, facts: Facts = {}): Alert[] {
  return Array.from({ length: count }, (_, index) => anAlert({ id: `da${index}_1`, ...facts }));
}

export function aBatch(of: readonly Alert[], sink = "splunk", tenant = CONTOSO): Batch {
  return {
    id: batchId(tenant.id, "graph_alerts", sink, of),
    tenant,
    source: "graph_alerts",
    sink,
    window: { kind: "live", from: "2026-05-04T05:00:00Z", to: "2026-05-04T06:00:00Z" },
    alerts: of.map((alert) => queuedAlert(tenant, alert)),
    notReadableBeforeMs: 0,
    sealedMs: Date.now(),
  };
}

import { randomUUID } from "node:crypto";
import type { ResolvedTenant } from "../config/tenant-schema.ts";
import { eventId } from "../model/alert.ts";
import type { Envelope } from "../model/envelope.ts";

/** An alert that tells nothing but that the way to a receiver works. Its `seq` is 0: it belongs to no count. */
export function canaryOf(tenant: ResolvedTenant, nowMs: number): Envelope {
  const id = `alertferry-test-${randomUUID()}`;
  const now = new Date(nowMs).toISOString();
  const { name, tenantId } = tenant;
  const alert = {
    id,
    providerAlertId: id,
    tenantId,
    title: "Test of alertferry: this alert reached its receiver, there is nothing to do",
    description: `Sent to verify the way of the alerts of ${name}. No device, user or file is concerned.`,
    category: "Test",
    severity: "informational",
    status: "resolved",
    classification: "informationalExpectedActivity",
    determination: "securityTesting",
    serviceSource: "microsoft365Defender",
    detectionSource: "custom",
    createdDateTime: now,
    lastUpdateDateTime: now,
    firstActivityDateTime: now,
    lastActivityDateTime: now,
    resolvedDateTime: now,
    mitreTechniques: [],
    comments: [],
    evidence: [],
  };
  return {
    tenant: { id: tenant.id, name, tenantId },
    source: "graph_alerts",
    alertId: id,
    eventId: eventId(tenantId, { id, updatedText: now }),
    revision: 1,
    seq: 0,
    replay: false,
    updatedMs: nowMs,
    device: undefined,
    raw: Buffer.from(JSON.stringify(alert)),
  };
}

import type { Envelope, NonEmpty, TenantName } from "../../src/model/envelope.ts";

export const CONTOSO: TenantName = {
  id: "contoso",
  name: 'Contoso | "Öst"',
  tenantId: "a0000000-0000-4000-8000-00000000c001",
};

/** What a test says of an envelope; the alert's own JSON as text, too. */
type Wanted = Partial<Omit<Envelope, "raw">> & { readonly raw?: string | Buffer };

/** An alert on its way, whole; a test names only what it is about. */
export function anEnvelope(more: Wanted = {}): Envelope {
  const seq = more.seq ?? 1;
  return {
    tenant: CONTOSO,
    source: "graph_alerts",
    alertId: `da00000000-${seq}`,
    eventId: seq.toString(16).padStart(64, "0"),
    revision: 1,
    seq,
    replay: false,
    updatedMs: Date.UTC(2026, 4, 4, 5, 36, 51, 703),
    device: "ws-001.corp.example",
    ...more,
    raw: Buffer.from(more.raw ?? aRaw({ id: `da00000000-${seq}` })),
  };
}

/** Several, numbered from 1; with `more.seq` from there. */
export function envelopesOf(count: number, more: Wanted = {}): NonEmpty<Envelope> {
  const firstSeq = more.seq ?? 1;
  const [first, ...others] = Array.from({ length: count }, (_, index) =>
    anEnvelope({ ...more, seq: firstSeq + index }),
  );
  if (first === undefined) throw new Error("There is no delivery of nothing.");
  return [first, ...others];
}

/** The JSON of an alert as a source may write it. */
export function aRaw(more: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    id: "da00000000-1",
    title: "Suspicious PowerShell download",
    severity: "high",
    lastUpdateDateTime: "2026-05-04T05:36:51.7033333Z",
    evidence: [{ "@odata.type": "#microsoft.graph.security.deviceEvidence", hostName: "ws-001" }],
    ...more,
  });
}

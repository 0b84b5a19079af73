import type { Envelope } from "../model/envelope.ts";

/**
 * One alert as one line of JSON, for file and stdout. The source's text stands under `event`; line breaks that
 * the source put between its tokens become spaces, which changes no value.
 */
export function encodeLine(envelope: Envelope): string {
  const around = JSON.stringify({
    tenant: envelope.tenant.id,
    tenantId: envelope.tenant.tenantId,
    tenantName: envelope.tenant.name,
    alertId: envelope.alertId,
    eventId: envelope.eventId,
    revision: envelope.revision,
    seq: envelope.seq,
    sourceApi: envelope.source,
    replay: envelope.replay,
  });
  return `${around.slice(0, -1)},"event":${envelope.raw.replace(/[\r\n]+/g, " ")}}\n`;
}

import type { Envelope } from "../model/envelope.ts";
import { clean } from "./text.ts";

/** What a receiver may check its completeness by and drop repetitions by, under the names that all our JSON has. */
export function carried(envelope: Envelope) {
  return {
    tenant: clean(envelope.tenant.id),
    tenantId: clean(envelope.tenant.tenantId),
    tenantName: clean(envelope.tenant.name),
    alertId: clean(envelope.alertId),
    eventId: envelope.eventId,
    revision: envelope.revision,
    seq: envelope.seq,
    sourceApi: clean(envelope.source),
    replay: envelope.replay,
  };
}

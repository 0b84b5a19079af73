import { type AlertFactsView, readFacts } from "../formats/facts.ts";
import { render } from "../formats/index.ts";
import { cutBytes } from "../formats/text.ts";
import type { Envelope } from "../model/envelope.ts";

/** Shapes of an event, by what reads it at the other side. */
export const COMPATS = ["addon", "cim", "ocsf", "raw"] as const;

interface EventSettings {
  readonly index?: string | undefined;
  readonly compat: (typeof COMPATS)[number];
}

/** Sourcetypes of Splunk's Microsoft security add-on, so that its extractions and detections hold. */
const SOURCETYPES: Readonly<Record<string, string>> = {
  graph_alerts: "ms365:defender:incident:alerts",
  graph_incidents: "ms365:defender:incident",
  mde_alerts: "ms:defender:atp:alerts",
};
const OCSF_SOURCETYPE = "alertferry:ocsf";
const END = Buffer.from("}\n");

/** An event beyond 5 MiB is refused (`maxEventSize` in limits.conf); what is not the source's own text can be cut. */
const MAX_OCSF_BYTES = 5_000_000;
/** An indexed field is a term of the index; a description is there for people. */
const MAX_FIELD_BYTES = 1000;

/** The body of a request, one event a line, and which alerts had to be shortened for it. */
export function encodeEvents(
  envelopes: readonly Envelope[],
  settings: EventSettings,
): { readonly body: Buffer; readonly shortened: readonly Envelope[] } {
  const shortened: Envelope[] = [];
  const parts = envelopes.flatMap((envelope) => {
    const event = encodeEvent(envelope, settings);
    if (event.shortened) shortened.push(envelope);
    return [Buffer.from(event.head), event.object, END];
  });
  return { body: Buffer.concat(parts), shortened };
}

/**
 * The event as Splunk takes it, up to its object, and the object; `}` stands behind them. The source's own bytes go out
 * as they came in. `{"time":1777874462.703,"host":"ws-001", …,"event":` and `{ … }`
 */
function encodeEvent(envelope: Envelope, { index, compat }: EventSettings) {
  const { tenant } = envelope;
  const around = JSON.stringify({
    ...(envelope.updatedMs === undefined ? {} : { time: envelope.updatedMs / 1000 }),
    host: envelope.device ?? tenant.name,
    source: `alertferry:${tenant.tenantId}`,
    sourcetype: sourcetypeOf(envelope.source, compat),
    ...(index === undefined ? {} : { index }),
    fields: {
      tenant: tenant.id,
      tenant_id: tenant.tenantId,
      tenant_name: tenant.name,
      alert_id: envelope.alertId,
      event_id: envelope.eventId,
      revision: envelope.revision,
      seq: envelope.seq,
      source_api: envelope.source,
      replay: envelope.replay,
      ...(compat === "cim" ? cimFields(readFacts(envelope), tenant.tenantId) : {}),
    },
  });
  const head = `${around.slice(0, -1)},"event":`;
  if (compat !== "ocsf") return { head, object: envelope.raw, shortened: false };
  const { text, shortened } = render("ocsf", envelope, MAX_OCSF_BYTES);
  return { head, object: Buffer.from(text), shortened };
}

function sourcetypeOf(source: string, compat: EventSettings["compat"]): string {
  if (compat === "ocsf") return OCSF_SOURCETYPE;
  const own = `alertferry:${source}`;
  return compat === "raw" ? own : (SOURCETYPES[source] ?? own);
}

/**
 * Fields of the Alerts data model. Texts and lists of texts, since a nested object is refused (code 15).
 * Splunk Common Information Model, Alerts
 */
function cimFields(facts: AlertFactsView, tenantId: string): Readonly<Record<string, unknown>> {
  const [user] = facts.users;
  const fields = {
    app: facts.product,
    description: facts.description,
    dest: facts.devices[0]?.name,
    id: facts.alertId,
    mitre_technique_id: facts.techniques,
    severity: facts.severity,
    signature: facts.title,
    signature_id: facts.detectorId,
    src: facts.ips[0]?.address,
    type: "alert",
    user: user?.principalName ?? user?.account,
    vendor_account: tenantId,
  };
  return Object.fromEntries(
    Object.entries(fields)
      .filter(([, value]) => value !== undefined && value.length > 0)
      .map(([name, value]) => [name, typeof value === "string" ? cutBytes(value, MAX_FIELD_BYTES) : value]),
  );
}

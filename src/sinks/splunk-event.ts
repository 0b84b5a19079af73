import { type AlertFactsView, readFacts } from "../formats/facts.ts";
import { render } from "../formats/index.ts";
import { cutBytes } from "../formats/text.ts";
import type { Envelope } from "../model/envelope.ts";
import { take } from "../model/memory.ts";

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
const END = "}\n";

/** An event beyond 5 MiB is refused (`maxEventSize` in limits.conf); what is not the source's own text can be cut. */
const MAX_OCSF_BYTES = 5_000_000;
/** An indexed field is a term of the index; a description is there for people. */
const MAX_FIELD_BYTES = 1000;

/**
 * The body of a request, one event a line, and which alerts had to be shortened for it.
 * `{"time":1777874462.703,"host":"ws-001", …,"event":{ … }}` The source's own bytes go out as they came in.
 */
export function encodeEvents(
  envelopes: readonly Envelope[],
  settings: EventSettings,
): { readonly body: Buffer; readonly shortened: readonly Envelope[] } {
  const shortened: Envelope[] = [];
  let around: Around | undefined;
  const events = envelopes.map((envelope) => {
    if (around?.tenant !== envelope.tenant || around.source !== envelope.source)
      around = aroundOf(envelope, settings);
    const object = objectOf(envelope, settings);
    if (object.shortened) shortened.push(envelope);
    return { head: headOf(envelope, around, settings), object: object.bytes };
  });
  return { body: joined(events), shortened };
}

/** What is the same for all alerts of a tenant's source. */
interface Around extends Pick<Envelope, "tenant" | "source"> {
  readonly members: string;
  readonly fields: string;
}

function aroundOf({ tenant, source }: Envelope, { index, compat }: EventSettings): Around {
  const members = {
    source: `alertferry:${tenant.tenantId}`,
    sourcetype: sourcetypeOf(source, compat),
    ...(index === undefined ? {} : { index }),
  };
  const fields = {
    tenant: tenant.id,
    tenant_id: tenant.tenantId,
    tenant_name: tenant.name,
    source_api: source,
  };
  return { tenant, source, members: membersOf(members), fields: membersOf(fields) };
}

/** `{"a":1}` → `"a":1` */
function membersOf(object: object): string {
  return JSON.stringify(object).slice(1, -1);
}

function headOf(envelope: Envelope, around: Around, { compat }: EventSettings): string {
  const own = {
    ...(envelope.updatedMs === undefined ? {} : { time: envelope.updatedMs / 1000 }),
    host: envelope.device ?? envelope.tenant.name,
  };
  const fields = {
    alert_id: envelope.alertId,
    event_id: envelope.eventId,
    revision: envelope.revision,
    seq: envelope.seq,
    replay: envelope.replay,
    ...(compat === "cim" ? cimFields(readFacts(envelope), envelope.tenant.tenantId) : {}),
  };
  return `{${membersOf(own)},${around.members},"fields":{${around.fields},${membersOf(fields)}},"event":`;
}

function objectOf(envelope: Envelope, { compat }: EventSettings) {
  if (compat !== "ocsf") return { bytes: envelope.raw, shortened: false };
  const { text, shortened } = render("ocsf", envelope, MAX_OCSF_BYTES);
  return { bytes: Buffer.from(text), shortened };
}

/** Written into place one after the other: joining thousands of small buffers would cost more than what is in them. */
function joined(events: readonly { readonly head: string; readonly object: Buffer }[]): Buffer {
  const sizes = events.map(({ head, object }) => Buffer.byteLength(head) + object.length + END.length);
  const body = take(sizes.reduce((sum, size) => sum + size, 0));
  let at = 0;
  for (const { head, object } of events) {
    at += body.write(head, at);
    at += object.copy(body, at);
    at += body.write(END, at);
  }
  return body;
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

/** What Elasticsearch makes of a field, as far as a wrong value would be refused or lost. */
type FieldType = "keyword" | "text" | "date" | "long" | "ip";

/**
 * The fields that we send, with their types. Those of ECS: elastic/ecs, generated/csv/fields.csv (a wildcard counts as
 * keyword here, match_only_text as text), all of them in 8.11 too. Those under `m365_defender`: elastic/integrations,
 * packages/m365_defender, data_stream/alert and data_stream/incident, fields/fields.yml.
 */
const NAMES: Readonly<Record<FieldType, string>> = {
  date: `
    @timestamp event.created event.start event.end m365_defender.alert.resolved_datetime`,
  long: `
    event.severity event.duration process.pid process.parent.pid`,
  ip: `
    source.ip related.ip`,
  text: `
    message`,
  keyword: `
    ecs.version
    event.kind event.module event.dataset event.provider event.id event.category event.type event.url event.original
    rule.id rule.name rule.category
    threat.framework threat.tactic.name threat.technique.id threat.technique.subtechnique.id
    cloud.account.id cloud.provider organization.id organization.name
    host.name host.hostname host.id
    user.name user.domain user.id user.email
    process.name process.command_line process.executable process.parent.name
    file.name file.path file.hash.md5 file.hash.sha1 file.hash.sha256
    url.full url.original
    email.from.address email.to.address email.subject email.message_id
    registry.hive registry.key registry.value
    related.hosts related.user related.hash
    m365_defender.alert.id m365_defender.alert.title m365_defender.alert.severity m365_defender.alert.status
    m365_defender.alert.classification m365_defender.alert.determination m365_defender.alert.assigned_to
    m365_defender.alert.category m365_defender.alert.provider_alert_id m365_defender.alert.incident_id
    m365_defender.alert.incident_web_url.original m365_defender.alert.service_source
    m365_defender.alert.detection_source m365_defender.alert.detector_id m365_defender.alert.mitre_techniques
    m365_defender.alert.threat_display_name m365_defender.alert.threat_family_name
    m365_defender.alert.actor_display_name m365_defender.alert.recommended_actions
    m365_defender.incident.id m365_defender.incident.display_name m365_defender.incident.severity
    m365_defender.incident.status m365_defender.incident.classification m365_defender.incident.determination
    m365_defender.incident.assigned_to m365_defender.incident.tags`,
};

export const FIELDS: ReadonlyMap<string, FieldType> = new Map(
  (Object.keys(NAMES) as FieldType[]).flatMap((type) =>
    NAMES[type]
      .trim()
      .split(/\s+/)
      .map((name) => [name, type] as const),
  ),
);

/** Values that ECS allows, of those fields that allow only some. (elastic/ecs, schemas/event.yml) */
export const ALLOWED: ReadonlyMap<string, readonly string[]> = new Map([
  ["event.kind", ["alert"]],
  ["event.category", ["email", "file", "host", "iam", "network", "process", "registry"]],
  ["event.type", ["access", "info"]],
]);

/** Fields that ECS defines as lists; of all others there is one value. */
export const LISTS: readonly string[] = [
  "event.category",
  "event.type",
  "threat.tactic.name",
  "threat.technique.id",
  "threat.technique.subtechnique.id",
  "email.from.address",
  "email.to.address",
  "related.hosts",
  "related.user",
  "related.ip",
  "related.hash",
  "m365_defender.alert.mitre_techniques",
  "m365_defender.incident.tags",
];

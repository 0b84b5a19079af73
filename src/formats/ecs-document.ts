import type { JsonObject } from "../model/alert.ts";
import type { Envelope } from "../model/envelope.ts";
import { carried } from "./carried.ts";
import type { Evidence } from "./evidence.ts";
import { type AlertFactsView, firstTime, type Level, readFacts } from "./facts.ts";
import { group } from "./json-document.ts";

/** As in the integration's pipeline; unknown has no number. */
const SEVERITY: Readonly<Record<Level, number | undefined>> = {
  unknown: undefined,
  informational: 21,
  low: 21,
  medium: 47,
  high: 73,
  critical: 99,
};

/** Values of `event.category` that ECS allows, by what an alert names. */
const CATEGORIES: Readonly<Record<Evidence["kind"], string | undefined>> = {
  device: "host",
  user: "iam",
  file: "file",
  process: "process",
  ip: "network",
  url: undefined,
  mail: "email",
  registry: "registry",
  other: undefined,
};

/** An alert as a document of Elastic. */
export function ecsDocument(envelope: Envelope): JsonObject {
  const facts = readFacts(envelope);
  const { ms, isKnown } = firstTime(facts.updatedMs, facts.lastActivityMs, facts.createdMs);
  const own = carried(envelope);
  return {
    "@timestamp": iso(ms),
    ecs: { version: "8.11.0" },
    event: eventOf(facts, envelope),
    threat: threatOf(facts),
    cloud: { account: { id: own.tenantId }, provider: "azure" },
    organization: group({ id: own.tenantId, name: own.tenantName || undefined }),
    related: relatedOf(facts),
    alertferry: isKnown ? own : { ...own, timeUnknown: true },
    ...(facts.kind === "alert" ? alertMembers(facts) : incidentMembers(facts)),
    ...entities(facts),
  };
}

function eventOf(facts: AlertFactsView, envelope: Envelope): JsonObject | undefined {
  const { firstActivityMs: start, lastActivityMs: end } = facts;
  const kinds = [...facts.evidence, ...facts.devices];
  const categories = new Set(kinds.map(({ kind }) => CATEGORIES[kind]).filter((each) => each !== undefined));
  return group({
    kind: "alert",
    module: "m365_defender",
    dataset: `m365_defender.${facts.kind}`,
    provider: facts.serviceSource,
    id: facts.alertId,
    severity: SEVERITY[facts.severity],
    category: [...categories].sort(),
    type: categories.has("registry") ? ["access", "info"] : ["info"],
    created: iso(facts.createdMs),
    start: iso(start),
    end: iso(end),
    // Nanoseconds. They pass 2^53 after 104 days, where only the last digits, which milliseconds do not have, are lost.
    duration: start !== undefined && end !== undefined && end >= start ? (end - start) * 1e6 : undefined,
    url: facts.portalLink,
    original: String(envelope.raw),
  });
}

function threatOf(facts: AlertFactsView): JsonObject | undefined {
  const techniques = facts.techniques.map((technique) => technique.replace(/\..*$/s, ""));
  const subtechniques = facts.techniques.filter((technique) => technique.includes("."));
  const technique = group({
    id: [...new Set(techniques)],
    subtechnique: group({ id: [...new Set(subtechniques)] }),
  });
  const tactic = group({ name: facts.category === undefined ? undefined : [facts.category] });
  return technique === undefined && tactic === undefined
    ? undefined
    : { framework: "MITRE ATT&CK", tactic, technique };
}

/** The first of each kind, which is the worst; all of them are in `related`. */
function entities(facts: AlertFactsView): JsonObject {
  const [device] = facts.devices;
  const [user] = facts.users;
  const [file] = facts.files;
  const [ip] = facts.ips;
  const [url] = facts.urls;
  const [mail] = facts.mails;
  return {
    host: group({ name: device?.name, hostname: device?.name?.split(".")[0], id: device?.id }),
    user: group({
      name: user?.account ?? user?.principalName,
      domain: user?.domain,
      id: user?.objectId ?? user?.sid,
      email: user?.principalName,
    }),
    process: processOf(facts),
    file: group({
      name: file?.name,
      path: file?.path,
      hash: group({ sha1: file?.sha1, sha256: file?.sha256, md5: file?.md5 }),
    }),
    source: group({ ip: ip?.address }),
    url: group({ full: url?.url, original: url?.url }),
    email: group({
      from: group({ address: listOf(mail?.sender) }),
      to: group({ address: listOf(mail?.recipient) }),
      subject: mail?.subject,
      message_id: mail?.messageId,
    }),
    registry: registryOf(facts),
  };
}

function processOf({ processes: [process] }: AlertFactsView): JsonObject | undefined {
  return group({
    name: process?.name,
    pid: process?.pid,
    command_line: process?.commandLine,
    executable: process?.path,
    parent: group({ pid: process?.parentPid, name: process?.parentName }),
  });
}

function registryOf({ evidence }: AlertFactsView): JsonObject | undefined {
  const registry = evidence.find((each) => each.kind === "registry");
  return group({ hive: registry?.hive, key: registry?.key, value: registry?.value });
}

function relatedOf({ devices, users, ips, files }: AlertFactsView): JsonObject | undefined {
  return group({
    hosts: distinct(devices.map(({ name }) => name)),
    user: distinct(users.flatMap(({ account, principalName }) => [account, principalName])),
    ip: ips.map(({ address }) => address),
    hash: distinct(files.flatMap(({ sha1, sha256, md5 }) => [sha1, sha256, md5])),
  });
}

/** What only an alert has, and what ECS has no field for, under the integration's own names. */
function alertMembers(facts: AlertFactsView): JsonObject {
  return {
    message: facts.description ?? facts.title,
    rule: group({ id: facts.detectorId, name: facts.title, category: facts.category }),
    m365_defender: {
      alert: group({
        title: facts.title,
        category: facts.category,
        provider_alert_id: facts.providerAlertId,
        incident_id: facts.incidentId,
        incident_web_url: group({ original: facts.incidentLink }),
        service_source: facts.serviceSource,
        detection_source: facts.detectionSource,
        detector_id: facts.detectorId,
        mitre_techniques: facts.techniques,
        threat_display_name: facts.threatName,
        threat_family_name: facts.threatFamily,
        actor_display_name: facts.actor,
        recommended_actions: facts.recommendedActions,
        resolved_datetime: iso(facts.resolvedMs),
        ...triage(facts),
      }),
    },
  };
}

function incidentMembers(facts: AlertFactsView): JsonObject {
  return {
    message: facts.title ?? facts.description,
    m365_defender: {
      incident: group({ display_name: facts.title, tags: facts.tags, ...triage(facts) }),
    },
  };
}

function triage(facts: AlertFactsView): JsonObject {
  return {
    id: facts.alertId,
    severity: facts.severityWord,
    status: facts.status,
    classification: facts.classification,
    determination: facts.determination,
    assigned_to: facts.assignedTo,
  };
}

function distinct(list: readonly (string | undefined)[]): readonly string[] {
  return [...new Set(list)].filter((each) => each !== undefined);
}

function listOf(text: string | undefined): readonly string[] {
  return text === undefined ? [] : [text];
}

/** `2026-05-04T05:36:51.703Z`: three digits, whatever the source wrote. */
function iso(ms: number): string;
function iso(ms: number | undefined): string | undefined;
function iso(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}

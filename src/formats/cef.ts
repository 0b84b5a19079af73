import { isIPv4, isIPv6 } from "node:net";
import type { Envelope } from "../model/envelope.ts";
import { type AlertFactsView, eventClassOf, type Level, readFacts } from "./facts.ts";
import type { Format } from "./format.ts";
import {
  cutField,
  cutHeader,
  dropFields,
  dropLong,
  fieldsOf,
  type KeyedLine,
  withinLengths,
} from "./keyed-line.ts";
import { type Step, shrinkToFit } from "./shrink.ts";
import { clean, oneLine } from "./text.ts";

/**
 * Common Event Format, version 0: what Microsoft's agent for Sentinel and liblognorm read; version 1 adds nothing that
 * we need. Facts about it are from the CEF implementation standard, document version 27 (OpenText ArcSight).
 */
export const cef = {
  name: "cef",
  summary: "ArcSight's Common Event Format (CEF:0).",
  render(envelope, maxBytes) {
    const { line, shortened } = withinLengths(cefLine(readFacts(envelope), envelope), LENGTHS);
    return shrinkToFit(line, { steps: STEPS, write }, maxBytes, shortened);
  },
} as const satisfies Format<"cef">;

/** Of our mapping, as receivers see it; not of any product. */
const VERSION = "1.0";

const SEVERITY: Readonly<Record<Level, number>> = {
  unknown: 5,
  informational: 1,
  low: 3,
  medium: 6,
  high: 8,
  critical: 10,
};

/** Longest values in characters: the standard's for its own keys. What is not here has no bound but the line's. */
const LENGTHS: ReadonlyMap<string, number> = new Map([
  ["deviceProduct", 63],
  ["deviceEventClassId", 1023],
  ["name", 512],
  ["cat", 1023],
  ["cs1", 4000],
  ["cs2", 4000],
  ["cs3", 4000],
  ["cs4", 4000],
  ["cs5", 4000],
  ["cs6", 4000],
  ["deviceExternalId", 255],
  ["duser", 1023],
  ["fileHash", 255],
  ["filePath", 1023],
  ["flexString1", 1023],
  ["flexString2", 1023],
  ["fname", 1023],
  ["msg", 1023],
  ["reason", 1023],
  ["request", 1023],
  ["shost", 1023],
  ["sntdom", 255],
  ["sourceServiceName", 1023],
  ["sproc", 1023],
  ["suid", 1023],
  ["suser", 1023],
  ["MicrosoftDefenderStatus", 63],
  ["MicrosoftDefenderTenant", 255],
  ["MicrosoftDefenderTenantName", 255],
  ["MicrosoftDefenderSender", 1023],
  ["MicrosoftDefenderSubject", 1023],
]);

/** An id that is cut names something else, so a longer one is left out; it is always in MicrosoftDefenderAlertId. */
const LONGEST_EXTERNAL_ID = 40;

function dropLabelled(key: string): Step<KeyedLine> {
  return dropFields(key, `${key}Label`);
}

/**
 * What is given up for a limit, in this order: long texts down to a length that still tells something, then what
 * describes, then what is said twice, then what names things; at last the header, and all ids but the event's.
 */
const STEPS: readonly Step<KeyedLine>[] = [
  dropLong("MicrosoftDefenderAlertId", 255),
  cutField("msg", 256),
  cutField("MicrosoftDefenderCommandLine", 256),
  cutField("request", 256),
  cutField("MicrosoftDefenderSubject", 128),
  cutHeader("name", 160),
  ...[
    "cs1",
    "cs3",
    "cs4",
    "cs5",
    "cs6",
    "reason",
    "duser",
    "filePath",
    "fname",
    "fileHash",
    "sproc",
    "suser",
    "suid",
    "sntdom",
    "shost",
    "deviceExternalId",
    "cat",
    "flexString2",
    "sourceServiceName",
    "MicrosoftDefenderSender",
    "MicrosoftDefenderSourceApi",
  ].map((key) => cutField(key, 128)),
  dropFields("msg"),
  dropFields("MicrosoftDefenderCommandLine"),
  ...["cs5", "cs4", "cs1", "cn1"].map(dropLabelled),
  ...[
    "reason",
    "MicrosoftDefenderSubject",
    "MicrosoftDefenderSender",
    "duser",
    "request",
    "sproc",
    "spid",
    "filePath",
    "fname",
    "fileHash",
  ].map((key) => dropFields(key)),
  ...["cs6", "cs3", "cs2"].map(dropLabelled),
  dropFields("externalId"),
  dropLabelled("c6a2"),
  ...["src", "suid", "sntdom", "suser", "deviceExternalId"].map((key) => dropFields(key)),
  ...["deviceCustomDate1", "flexString2", "flexString1"].map(dropLabelled),
  ...["start", "end", "sourceServiceName", "cat"].map((key) => dropFields(key)),
  cutField("MicrosoftDefenderTenantName", 48),
  dropFields("MicrosoftDefenderTenantName"),
  dropFields("shost"),
  dropFields("MicrosoftDefenderStatus"),
  cutHeader("name", 32),
  cutHeader("deviceEventClassId", 16),
  cutHeader("deviceProduct", 24),
  dropFields("MicrosoftDefenderSourceApi"),
  dropFields("MicrosoftDefenderReplay"),
  dropFields("MicrosoftDefenderAlertId"),
  dropFields("MicrosoftDefenderTenant"),
  dropFields("rt"),
  cutField("MicrosoftDefenderTenantId", 36),
];

function cefLine(facts: AlertFactsView, envelope: Envelope): KeyedLine {
  return {
    header: {
      deviceProduct: facts.product,
      deviceEventClassId: eventClassOf(facts),
      name: facts.title ?? `Defender ${facts.kind}`,
      severity: String(SEVERITY[facts.severity]),
    },
    fields: fieldsOf([
      ["externalId", facts.alertId.length > LONGEST_EXTERNAL_ID ? undefined : facts.alertId],
      ["rt", facts.updatedMs],
      ["start", facts.firstActivityMs],
      ["end", facts.lastActivityMs],
      ["cat", facts.category],
      ["msg", facts.description],
      ["reason", join([facts.classification, facts.determination].filter(isDecided), " / ")],
      ...evidenceFields(facts),
      ...labelled("cs1", "ThreatName", facts.threatName),
      ...labelled("cs2", "TenantId", clean(envelope.tenant.tenantId)),
      ...labelled("cs3", "MitreTechniques", join(facts.techniques, ",")),
      ...labelled("cs4", "ActorName", facts.actor),
      ...labelled("cs5", "Md5", facts.files[0]?.md5),
      ...labelled("cs6", "Sha256", facts.files[0]?.sha256),
      ...labelled("cn1", "PriorityScore", facts.priorityScore),
      ...labelled("deviceCustomDate1", "AlertCreatedTime", facts.createdMs),
      ...labelled("flexString1", "AlertUrl", facts.portalLink),
      ...labelled("flexString2", "IncidentId", facts.incidentId),
      ...ownFields(facts, envelope),
    ]),
  };
}

type Pair = readonly [string, string | number | undefined];

/** The first of each kind, which is the worst; CEF has one field for it, and the rest is in the portal. */
function evidenceFields(facts: AlertFactsView): readonly Pair[] {
  const [device] = facts.devices;
  const [user] = facts.users;
  const [file] = facts.files;
  const [process] = facts.processes;
  return [
    ["sourceServiceName", facts.reportedBy],
    ["shost", device?.name],
    ["deviceExternalId", device?.id],
    ["suser", user?.principalName ?? user?.account],
    ["sntdom", user?.domain],
    ["suid", user?.objectId ?? user?.sid],
    ["duser", facts.mails[0]?.recipient],
    ["src", facts.ips.find(({ address }) => isIPv4(address))?.address],
    // The key of a source's IPv6 address in the earlier standard, and of Sentinel's CommonSecurityLog.
    ...labelled("c6a2", "Source IPv6 Address", facts.ips.find(({ address }) => isIPv6(address))?.address),
    ["request", facts.urls[0]?.url],
    ["fname", file?.name],
    ["filePath", file?.path],
    ["fileHash", file?.sha1],
    ["sproc", process?.name],
    ["spid", process?.pid],
  ];
}

/** Keys of our own: ArcSight and Sentinel keep them as additional data. Letters and digits only. */
function ownFields(facts: AlertFactsView, envelope: Envelope): readonly Pair[] {
  const own: readonly Pair[] = [
    ["AlertId", facts.alertId],
    ["Status", facts.status],
    ["TenantName", clean(envelope.tenant.name)],
    ["CommandLine", facts.processes[0]?.commandLine],
    ["Sender", facts.mails[0]?.sender],
    ["Subject", facts.mails[0]?.subject],
    ["Tenant", clean(envelope.tenant.id)],
    ["TenantId", clean(envelope.tenant.tenantId)],
    ["EventId", clean(envelope.eventId)],
    ["Revision", envelope.revision],
    ["Seq", envelope.seq],
    ["SourceApi", clean(envelope.source)],
    ["Replay", String(envelope.replay)],
  ];
  return own.map(([key, value]) => [`MicrosoftDefender${key}`, value]);
}

function labelled(key: string, label: string, value: string | number | undefined): readonly Pair[] {
  return value === undefined || value === ""
    ? []
    : [
        [`${key}Label`, label],
        [key, value],
      ];
}

/** Before someone has looked at it an alert is `unknown` to some APIs, and null to others. */
function isDecided(word: string | undefined): boolean {
  return word !== undefined && !/^unknown/i.test(word);
}

function join(list: readonly (string | undefined)[], sign: string): string {
  return list.filter((each) => each !== undefined).join(sign);
}

/** Header fields, then the pairs; the bar before them stands even where none follow, or liblognorm refuses the line. */
function write({ header, fields }: KeyedLine, shortened: readonly string[]): string {
  const { deviceProduct = "", deviceEventClassId = "", name = "", severity = "" } = header;
  const head = ["Microsoft", deviceProduct, VERSION, deviceEventClassId, name, severity].map(escapeHeader);
  const pairs = [...fields].map(([key, text]) => `${key}=${escapeValue(text)}`);
  if (shortened.length > 0) pairs.push(`MicrosoftDefenderShortened=${shortened.join(",")}`);
  return `CEF:0|${head.join("|")}|${pairs.join(" ")}`;
}

/** In the header a bar and a backslash are escaped, and nothing else; it has no way to write a line break. */
function escapeHeader(text: string): string {
  return oneLine(text, " ").replace(/[\\|]/g, "\\$&");
}

/** In a value an equals sign and a backslash are escaped, and line breaks are written as `\n` and `\r`. */
function escapeValue(text: string): string {
  return oneLine(text.replace(/[\\=]/g, "\\$&"), (sign) => (sign === "\r" ? "\\r" : "\\n"));
}

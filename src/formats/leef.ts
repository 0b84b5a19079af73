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

/** Log Event Extended Format 2.0 of QRadar. Facts about it are from IBM's LEEF guide. */
export const leef = {
  name: "leef",
  summary: "QRadar's Log Event Extended Format (LEEF:2.0).",
  render(envelope, maxBytes) {
    const { header, fields } = leefLine(readFacts(envelope), envelope);
    // Before anything is cut: what a cut saves is counted in the text as it is written.
    const plain = { header, fields: new Map([...fields].map(([key, text]) => [key, plainValue(text)])) };
    const { line, shortened } = withinLengths(plain, LENGTHS);
    return shrinkToFit(line, { steps: STEPS, write }, maxBytes, shortened);
  },
} as const satisfies Format<"leef">;

/** Of our mapping, as receivers see it; not of any product. */
const VERSION = "1.0";

/** Not the usual TAB, which rsyslog relays as `#011`; the header names it in hexadecimal. */
const DELIMITER = "^";
const DELIMITER_NAME = "x5E";

const SEVERITY: Readonly<Record<Level, number>> = {
  unknown: 5,
  informational: 1,
  low: 3,
  medium: 6,
  high: 8,
  critical: 10,
};

/** Longest values in characters: the guide's for what it defines. What is not here has no bound but the line's. */
const LENGTHS: ReadonlyMap<string, number> = new Map([
  ["product", 255],
  ["eventId", 255],
  ["usrName", 255],
  ["accountName", 255],
  ["identHostName", 255],
  ["status", 63],
  ["tenant", 255],
  ["tenantName", 255],
]);

/** What is given up for a limit, in this order; as in CEF. */
const STEPS: readonly Step<KeyedLine>[] = [
  dropLong("alertId", 255),
  cutField("description", 256),
  cutField("commandLine", 256),
  cutField("url", 256),
  cutField("title", 160),
  ...[
    "threatName",
    "mitreTechniques",
    "subject",
    "sender",
    "recipient",
    "filePath",
    "fileName",
    "processName",
    "sha1",
    "sha256",
    "domain",
    "resource",
    "deviceId",
    "cat",
    "incidentId",
    "sourceApi",
  ].map((key) => cutField(key, 128)),
  ...[
    "description",
    "commandLine",
    "threatName",
    "subject",
    "sender",
    "recipient",
    "url",
    "processName",
    "filePath",
    "fileName",
    "sha1",
    "sha256",
    "mitreTechniques",
    "identHostName",
    "accountName",
    "src",
    "domain",
    "usrName",
    "deviceId",
    "incidentId",
    "alertUrl",
    "cat",
    "tenantName",
    "resource",
    "status",
  ].map((key) => dropFields(key)),
  cutField("title", 48),
  cutHeader("eventId", 32),
  cutHeader("product", 32),
  ...["sourceApi", "replay", "alertId", "tenant", "devTime"].map((key) => dropFields(key)),
  cutField("tenantId", 36),
];

function leefLine(facts: AlertFactsView, envelope: Envelope): KeyedLine {
  return {
    header: { product: facts.product, eventId: eventClassOf(facts) },
    fields: fieldsOf([
      ["devTime", facts.updatedMs],
      ["cat", facts.category],
      ["sev", SEVERITY[facts.severity]],
      ...evidenceFields(facts),
      ["alertId", facts.alertId],
      ["title", facts.title ?? `Defender ${facts.kind}`],
      ["description", facts.description],
      ["tenantId", clean(envelope.tenant.tenantId)],
      ["incidentId", facts.incidentId],
      ["status", facts.status],
      ["mitreTechniques", facts.techniques.join(",")],
      ["threatName", facts.threatName],
      ["alertUrl", facts.portalLink],
      ["tenant", clean(envelope.tenant.id)],
      ["tenantName", clean(envelope.tenant.name)],
      ["eventId", clean(envelope.eventId)],
      ["revision", envelope.revision],
      ["seq", envelope.seq],
      ["sourceApi", clean(envelope.source)],
      ["replay", String(envelope.replay)],
    ]),
  };
}

/** The first of each kind, which is the worst. */
function evidenceFields(facts: AlertFactsView): readonly (readonly [string, string | undefined])[] {
  const [device] = facts.devices;
  const [user] = facts.users;
  const [file] = facts.files;
  const [process] = facts.processes;
  const [mail] = facts.mails;
  return [
    ["src", facts.ips[0]?.address],
    ["usrName", user?.principalName ?? user?.account],
    ["accountName", user?.account],
    ["domain", user?.domain],
    ["resource", device?.name],
    ["identHostName", device?.name],
    ["deviceId", device?.id],
    ["url", facts.urls[0]?.url],
    ["fileName", file?.name],
    ["filePath", file?.path],
    ["sha1", file?.sha1],
    ["sha256", file?.sha256],
    ["processName", process?.name],
    ["commandLine", process?.commandLine],
    ["sender", mail?.sender],
    ["recipient", mail?.recipient],
    ["subject", mail?.subject],
  ];
}

function write({ header, fields }: KeyedLine, shortened: readonly string[]): string {
  const { product = "", eventId = "" } = header;
  const head = ["Microsoft", product, VERSION, eventId].map(plainHeader);
  const pairs = [...fields].flatMap(([key, text]) => {
    const value = plainValue(text);
    return value === "" ? [] : [`${key}=${value}`];
  });
  if (shortened.length > 0) pairs.push(`shortened=${shortened.join(",")}`);
  return `LEEF:2.0|${head.join("|")}|${DELIMITER_NAME}|${pairs.join(DELIMITER)}`;
}

/** LEEF has no escapes: what would end a field becomes a space. */
function plainHeader(text: string): string {
  return oneLine(text, " ").replaceAll("|", " ").trim();
}

function plainValue(text: string): string {
  return oneLine(text, " ").replaceAll(DELIMITER, " ").trim();
}

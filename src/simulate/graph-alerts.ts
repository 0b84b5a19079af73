import type { JsonObject } from "../model/alert.ts";
import { formatTicks, TICKS_PER_MS } from "../model/ticks.ts";
import { type Draft, triage } from "./draft.ts";
import { type EvidenceKind, evidence, sceneOf } from "./graph-evidence.ts";
import { advice, before, oddSentence } from "./invention.ts";
import type { Random } from "./random.ts";

/** One product's way of raising alerts. */
interface Product {
  readonly prefix: string;
  readonly serviceSource: string;
  readonly detectionSource: string;
  readonly name: string | null;
  readonly category: string;
  readonly techniques: readonly string[];
  readonly titles: readonly [string, ...string[]];
  /** The first ones are always there; how many of the rest is left to chance. */
  readonly evidence: readonly EvidenceKind[];
}

const PRODUCTS: readonly [Product, ...Product[]] = [
  {
    prefix: "da",
    serviceSource: "microsoftDefenderForEndpoint",
    detectionSource: "antivirus",
    name: "Microsoft Defender for Endpoint",
    category: "Execution",
    techniques: ["T1059.001", "T1204"],
    titles: [
      "Suspicious PowerShell download",
      "'Beispiel' malware was prevented",
      "Hidden file was executed",
    ],
    evidence: [
      "device",
      "process",
      "file",
      "user",
      "registryKey",
      "process",
      "registryValue",
      "file",
      "ip",
      "malware",
      "url",
    ],
  },
  {
    prefix: "da",
    serviceSource: "microsoftDefenderForEndpoint",
    detectionSource: "customTi",
    name: "Microsoft Defender for Endpoint",
    category: "CommandAndControl",
    techniques: ["T1071.004"],
    titles: ["Connection to a custom network indicator"],
    evidence: ["device", "ip", "url", "process", "user"],
  },
  {
    prefix: "fa",
    serviceSource: "microsoftDefenderForOffice365",
    detectionSource: "microsoftDefenderForOffice365",
    name: "Microsoft Defender for Office 365",
    category: "InitialAccess",
    techniques: ["T1566.002"],
    titles: [
      "Email messages containing malicious URL removed after delivery\u200b",
      "Mail reported by user as phish",
    ],
    evidence: ["message", "mailbox", "url", "mailCluster", "user", "message", "mailbox", "ip", "mailCluster"],
  },
  {
    prefix: "ad",
    serviceSource: "azureAdIdentityProtection",
    detectionSource: "azureAdIdentityProtection",
    name: "Microsoft Entra ID Protection",
    category: "SuspiciousActivity",
    techniques: ["T1078", "T1078.004"],
    titles: ["Unfamiliar sign-in properties", "Anonymous IP address", "Atypical travel"],
    evidence: ["user", "ip", "logonSession"],
  },
  {
    prefix: "ma",
    serviceSource: "microsoftAppGovernance",
    detectionSource: "appGovernancePolicy",
    name: null,
    category: "Collection",
    techniques: [],
    titles: ["App with unusual access to mail"],
    evidence: ["oauthApplication", "cloudApplication", "user"],
  },
  {
    prefix: "ca",
    serviceSource: "microsoftDefenderForCloudApps",
    detectionSource: "cloudAppSecurity",
    name: "Microsoft Defender for Cloud Apps",
    category: "Exfiltration",
    techniques: ["T1567.002"],
    titles: ["Mass download by a single user"],
    evidence: ["user", "cloudApplication", "ip"],
  },
  {
    prefix: "sn",
    serviceSource: "microsoftSentinel",
    detectionSource: "scheduledAlerts",
    name: "Microsoft Sentinel",
    category: "PreAttack",
    techniques: ["T1595"],
    titles: ["Scan of the perimeter"],
    evidence: ["ip", "ip", "user"],
  },
  {
    prefix: "dc",
    serviceSource: "microsoftDefenderForCloud",
    detectionSource: "microsoftDefenderForStorage",
    name: "Microsoft Defender for Cloud",
    category: "None",
    techniques: ["T1105"],
    titles: ["Malicious blob uploaded to a storage account"],
    evidence: ["azureResource", "blob", "ip"],
  },
  {
    prefix: "ar",
    serviceSource: "microsoftDefenderForEndpoint",
    detectionSource: "automatedInvestigation",
    name: "Microsoft Defender for Endpoint",
    category: "Malware",
    techniques: [],
    titles: ["Automated investigation started manually"],
    evidence: ["device", "file"],
  },
];

/** What stands in the description of every alert of one kind. */
const BACKGROUND = [
  "An account or a process did what it has not done before in this organization, shortly after something that attackers often begin with. Taken alone each step has harmless explanations: an administrator who tries a new tool, a scheduled task that was moved, a user who travels. Together they are rare. The detection compares with the last thirty days of the same account, of its peers and of the device, and leaves out what was marked as expected. If the activity goes on, further alerts of the same kind join this incident instead of opening another one. Look at the timeline of the device around the first activity, at who signed in and from where, and at what was started in the minutes after it. Files that were seen here for the first time stand under evidence.",
  "The message or the file came from outside, and what it leads to was known as malicious at that time or became known a little later. Whoever opened it before it was removed may have given away a password or started a program. Removing the message does not undo that. The list of recipients under evidence is complete as far as it could be determined; rules that forward mail and applications that were given access in the hours after the delivery deserve a look of their own. Similar messages are gathered in clusters by the address of the sender, by the subject and by what is attached, so that all of them can be searched for, removed and reported at once. A mailbox that has received several of them is named once only.",
] as const;

/**
 * Words that the service tells only to clients that ask with `Prefer: include-unknown-enum-members`; to all others
 * they are `unknownFutureValue`.
 */
const NEWER_MEMBERS =
  /"(serviceSource|detectionSource|remediationStatus)":"(microsoftDefenderForCloud|microsoftSentinel|microsoftDefenderForStorage|scheduledAlerts|active|unremediated|running)"/g;

export function hideNewerMembers(json: string): string {
  return json.replace(NEWER_MEMBERS, '"$1":"unknownFutureValue"');
}

/** Invents one version of an alert of Microsoft Graph `security/alerts_v2`. */
export function graphAlert(draft: Draft): JsonObject {
  const { alert: random, around, revision, updated, created } = draft;
  const product = random.chance(0.55) ? PRODUCTS[0] : random.pick(PRODUCTS);
  const id = alertId(product.prefix, random);
  const severity = random.pick(["low", "medium", "high", "informational", "medium"]);
  const incidentId = String(1000 + random.whole(0, 9000));
  const { status, classification, determination } = triage(revision);
  // Some words occur in alerts although no schema has them.
  const finding = random.pick(["malware", "malware", "phishing", "compromisedUser"]);
  // Drawn for every version, so that the versions of one alert do not differ by chance.
  const assignee = random.pick([`analyst1@${around.domain}`, "Automation", "API Action"]);
  const assignedTo = revision === 1 ? null : assignee;
  const head = {
    "@odata.type": "#microsoft.graph.security.alert",
    id,
    providerAlertId: id.slice(2),
    incidentId,
    status,
    severity,
    classification:
      classification === "truePositive" && product.prefix === "sn" ? "benignPositive" : classification,
    determination: determination === "malware" ? finding : determination,
    serviceSource: product.serviceSource,
    detectionSource: product.detectionSource,
    productName: product.name,
    detectorId: random.chance(0.7) ? random.guid() : "UnfamiliarLocation",
    tenantId: around.tenantId,
    title: random.pick(product.titles),
    createdDateTime: formatTicks(created),
    lastUpdateDateTime: formatTicks(updated),
  };
  return draft.shape.size === "small"
    ? head
    : { ...head, ...body(draft, product, id, incidentId, assignedTo) };
}

function body(
  draft: Draft,
  product: Product,
  id: string,
  incidentId: string,
  assignedTo: string | null,
): object {
  const { alert: random, around, revision, created } = draft;
  const link = `${around.portal}/alerts/${id}?tid=${around.tenantId}`;
  const resolved = triage(revision).status === "resolved";
  return {
    description: `${product.titles[0]} was observed. ${random.chance(0.4) ? oddSentence(random) : "This may be a sign of a breach."}\n\n${BACKGROUND[product.category.length % BACKGROUND.length]}`,
    recommendedActions: random.chance(0.85) ? advice(random) : "",
    category: product.category,
    categories: [product.category],
    assignedTo,
    alertWebUrl: random.chance(0.05) ? `${link} ` : link,
    incidentWebUrl: `${around.portal}/incident2/${incidentId}/overview?tid=${around.tenantId}`,
    actorDisplayName: null,
    threatDisplayName: random.chance(0.8) ? null : "Trojan:Win32/Beispiel!MSR",
    threatFamilyName: random.chance(0.8) ? null : "Beispiel",
    mitreTechniques: product.techniques,
    resolvedDateTime: resolved ? formatTicks(draft.updated) : null,
    firstActivityDateTime: before(created, 3_600_000, random),
    lastActivityDateTime: before(created, 600_000, random),
    comments: comments(draft),
    systemTags: random.chance(0.9) ? [] : ["Defender Experts"],
    investigationState: random.pick(["unknown", "queued", "benign", "unsupportedAlertType"]),
    alertPolicyId: null,
    customDetails: product.prefix === "sn" ? { Hits: ["17"], "Dauer (ms)": ["4.50"] } : null,
    additionalData: product.prefix === "sn" ? sentinelData(random) : null,
    evidence: evidenceOf(draft, product),
  };
}

function evidenceOf(draft: Draft, product: Product): object[] {
  const { alert: random, around, created, revision, shape } = draft;
  const scene = sceneOf(random, around, created);
  const count = Math.min(
    product.evidence.length,
    random.chance(0.2) ? random.whole(5, 11) : random.whole(2, 4),
  );
  const kinds = product.evidence.slice(0, count);
  const isHuge = shape.size === "huge" || random.chance(0.002);
  if (isHuge && shape.size !== "usual") kinds.push("hugeMailCluster");
  // Evidence grows while the alert lives.
  for (let version = 1; version < Math.min(revision, 6); version++) kinds.push("ip");
  return kinds.map((kind) => evidence(kind, scene));
}

function comments({ around, revision, created }: Draft): object[] {
  return Array.from({ length: Math.min(revision - 1, 20) }, (_, index) => ({
    "@odata.type": "#microsoft.graph.security.alertComment",
    comment: `Geprüft: asked the owner (${index + 1}).\r\nWaiting for an answer.`,
    createdByDisplayName: `analyst1@${around.domain}`,
    createdDateTime: formatTicks(created + BigInt(index + 1) * TICKS_PER_MS),
  }));
}

function sentinelData(random: Random): object {
  return {
    Query:
      "let window = 1h;\r\nSigninLogs\r\n| where TimeGenerated > ago(window)\r\n| summarize count() by IPAddress\r\n| where count_ > 15",
    "Query Period": "01:00:00",
    "Trigger Operator": "GreaterThan",
    "Trigger Threshold": "0",
    "Search Query Results Overall Count": String(random.whole(1, 400)),
    WorkspaceId: random.guid(),
    "Analytic Rule Name": "Scan of the perimeter",
  };
}

/** `da637551227677560813_-961444813`, `dae7ea088f-df7c-4fd3-bc22-ace8b97ca26f_1`, `fa` and a GUID, `ad` and 64 digits */
function alertId(prefix: string, random: Random): string {
  if (prefix === "ad") return `ad${random.hex(64)}`;
  if (prefix === "ar" || (prefix === "da" && random.chance(0.2))) {
    const ticks = `6383${random.whole(10_000_000, 99_999_999)}${random.whole(100_000, 999_999)}`;
    return `${prefix}${ticks}_${random.chance(0.5) ? "-" : ""}${random.whole(1, 2_147_483_647)}`;
  }
  return prefix === "da" ? `da${random.guid()}_1` : `${prefix}${random.guid()}`;
}

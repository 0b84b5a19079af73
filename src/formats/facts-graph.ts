import type { JsonObject } from "../model/alert.ts";
import type { Envelope } from "../model/envelope.ts";
import { type Evidence, type FileFound, type User, viewOf } from "./evidence.ts";
import type { ApiFacts } from "./facts.ts";
import { instant, record, records, whole, word, words } from "./fields.ts";
import { fullPath, ipAddress, portalLink } from "./paths.ts";
import { clean } from "./text.ts";

/** Names of products, for alerts that tell only the service: `productName` came in 2023. */
const PRODUCTS: ReadonlyMap<string | undefined, string> = new Map([
  ["microsoftDefenderForEndpoint", "Microsoft Defender for Endpoint"],
  ["microsoftDefenderForIdentity", "Microsoft Defender for Identity"],
  ["microsoftDefenderForCloudApps", "Microsoft Defender for Cloud Apps"],
  ["microsoftDefenderForOffice365", "Microsoft Defender for Office 365"],
  ["microsoftDefenderForCloud", "Microsoft Defender for Cloud"],
  ["azureAdIdentityProtection", "Microsoft Entra ID Protection"],
  ["microsoftAppGovernance", "Microsoft App Governance"],
  ["dataLossPrevention", "Microsoft Data Loss Prevention"],
  ["microsoftSentinel", "Microsoft Sentinel"],
]);
const SUITE = "Microsoft Defender XDR";

/** Microsoft Graph `security/alerts_v2`. learn.microsoft.com/graph/api/resources/security-alert */
export function readGraphAlert(alert: JsonObject, envelope: Envelope): ApiFacts {
  const serviceSource = word(alert["serviceSource"]);
  return {
    kind: "alert",
    providerAlertId: word(alert["providerAlertId"]),
    title: word(alert["title"]),
    description: word(alert["description"]),
    recommendedActions: word(alert["recommendedActions"]),
    severityWord: word(alert["severity"]),
    status: word(alert["status"]),
    classification: word(alert["classification"]),
    determination: word(alert["determination"]),
    category: word(alert["category"]) ?? words(alert["categories"])[0],
    product: word(alert["productName"]) ?? PRODUCTS.get(serviceSource) ?? SUITE,
    serviceSource,
    reportedBy: serviceSource,
    detectionSource: word(alert["detectionSource"]),
    detectorId: word(alert["detectorId"]),
    techniques: words(alert["mitreTechniques"]),
    threatName: word(alert["threatDisplayName"]) ?? word(alert["threatFamilyName"]),
    threatFamily: word(alert["threatFamilyName"]),
    actor: word(alert["actorDisplayName"]),
    assignedTo: word(alert["assignedTo"]),
    tags: words(alert["systemTags"]),
    priorityScore: undefined,
    incidentId: word(alert["incidentId"]),
    incidentLink: word(alert["incidentWebUrl"]),
    portalLink: portalLink(alert["alertWebUrl"], "alerts", clean(envelope.alertId), envelope.tenant.tenantId),
    createdMs: instant(alert["createdDateTime"]),
    createdText: word(alert["createdDateTime"]),
    updatedMs: envelope.updatedMs ?? instant(alert["lastUpdateDateTime"]),
    firstActivityMs: instant(alert["firstActivityDateTime"]),
    lastActivityMs: instant(alert["lastActivityDateTime"]),
    resolvedMs: instant(alert["resolvedDateTime"]),
    ...readGraphEvidence(records(alert["evidence"])),
  };
}

/** Sorts the `evidence` of Graph alerts. learn.microsoft.com/graph/api/resources/security-alertevidence */
export function readGraphEvidence(list: readonly JsonObject[]) {
  const found = list.map(readPiece);
  const main = found.map(({ piece }) => piece).filter((piece) => piece !== undefined);
  return viewOf(
    main,
    found.flatMap(({ within }) => within),
  );
}

/** One piece, and what stands inside it; a piece that says nothing (an empty address) is none. */
interface Found {
  readonly piece: Evidence | undefined;
  readonly within: readonly Evidence[];
}

interface Head {
  readonly type: string;
  readonly verdict: string | undefined;
}

type ReadPiece = (source: JsonObject, head: Head) => Found;

const alone = (piece: Evidence | undefined): Found => ({ piece, within: [] });

const READERS: ReadonlyMap<string, ReadPiece> = new Map<string, ReadPiece>([
  ["#microsoft.graph.security.deviceEvidence", readDevice],
  ["#microsoft.graph.security.userEvidence", (source, head) => alone(account(source["userAccount"], head))],
  ["#microsoft.graph.security.processEvidence", readProcess],
  ["#microsoft.graph.security.fileEvidence", (source, head) => alone(file(source["fileDetails"], head))],
  ["#microsoft.graph.security.ipEvidence", (source, head) => alone(ip(source["ipAddress"], head))],
  ["#microsoft.graph.security.urlEvidence", (source, head) => alone(url(source["url"], head))],
  ["#microsoft.graph.security.mailboxEvidence", (source, head) => alone(mailbox(source, head))],
  ["#microsoft.graph.security.analyzedMessageEvidence", readMessage],
  ["#microsoft.graph.security.registryKeyEvidence", (source, head) => alone(registry(source, head))],
  ["#microsoft.graph.security.registryValueEvidence", (source, head) => alone(registry(source, head))],
]);

function readPiece(source: JsonObject): Found {
  const head = { type: word(source["@odata.type"]) ?? "evidence", verdict: word(source["verdict"]) };
  return READERS.get(head.type)?.(source, head) ?? alone({ kind: "other", members: source, ...head });
}

function readDevice(source: JsonObject, head: Head): Found {
  const name = word(source["deviceDnsName"]) ?? word(source["hostName"]);
  const id = word(source["mdeDeviceId"]);
  return alone(name === undefined && id === undefined ? undefined : { kind: "device", name, id, ...head });
}

function readProcess(source: JsonObject, head: Head): Found {
  const image = file(source["imageFile"], head);
  return alone({
    kind: "process",
    name: image?.name,
    path: image?.path,
    pid: whole(source["processId"]),
    commandLine: word(source["processCommandLine"]),
    parentPid: whole(source["parentProcessId"]),
    parentName: word(record(source["parentProcessImageFile"])["fileName"]),
    image,
    user: account(source["userAccount"], head),
    ...head,
  });
}

function readMessage(source: JsonObject, head: Head): Found {
  const senderOf = (key: string) => word(record(source[key])["emailAddress"]);
  const piece: Evidence = {
    kind: "mail",
    // What the reader sees as the sender (P2), else what the servers told each other (P1).
    sender: senderOf("p2Sender") ?? senderOf("p1Sender"),
    recipient: word(source["recipientEmailAddress"]),
    subject: word(source["subject"]),
    messageId: word(source["internetMessageId"]),
    ...head,
  };
  const within = [ip(source["senderIp"], head), ...words(source["urls"]).map((each) => url(each, head))];
  return { piece, within: within.filter((each) => each !== undefined) };
}

function mailbox(source: JsonObject, head: Head): User | undefined {
  const user = account(source["userAccount"], head);
  const principalName = word(source["upn"]) ?? word(source["primaryAddress"]);
  if (user !== undefined) return { ...user, principalName: user.principalName ?? principalName };
  if (principalName === undefined) return undefined;
  return { kind: "user", principalName, ...NOBODY, ...head };
}

const NOBODY = { account: undefined, domain: undefined, sid: undefined, objectId: undefined };

function account(value: unknown, head: Head): User | undefined {
  const source = record(value);
  const user: User = {
    kind: "user",
    account: word(source["accountName"]),
    domain: word(source["domainName"]),
    principalName: word(source["userPrincipalName"]),
    sid: word(source["userSid"]),
    objectId: word(source["azureAdUserId"]),
    ...head,
  };
  return (user.account ?? user.principalName ?? user.sid ?? user.objectId) === undefined ? undefined : user;
}

function file(value: unknown, head: Head): FileFound | undefined {
  const source = record(value);
  const name = word(source["fileName"]);
  const [sha1, sha256, md5] = [word(source["sha1"]), word(source["sha256"]), word(source["md5"])];
  if ((name ?? sha1 ?? sha256 ?? md5) === undefined) return undefined;
  return { kind: "file", name, path: fullPath(word(source["filePath"]), name), sha1, sha256, md5, ...head };
}

function ip(value: unknown, head: Head): Evidence | undefined {
  const address = ipAddress(value);
  return address === undefined ? undefined : { kind: "ip", address, ...head };
}

function url(value: unknown, head: Head): Evidence | undefined {
  const text = word(value);
  return text === undefined ? undefined : { kind: "url", url: text, ...head };
}

function registry(source: JsonObject, head: Head): Evidence {
  return {
    kind: "registry",
    hive: word(source["registryHive"]),
    key: word(source["registryKey"]),
    value: word(source["registryValueName"]),
    ...head,
  };
}

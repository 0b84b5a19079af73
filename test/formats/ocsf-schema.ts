import { Ajv } from "ajv";

/**
 * A JSON Schema for what we send as a Detection Finding, written after ocsf/ocsf-schema at the release 1.8.0
 * (events/base_event, events/findings/finding and detection_finding, profiles/incident, dictionary, and the objects
 * named below). Covered for each object and attribute that we use:
 *
 * - that the attribute exists in that object (no other name is allowed), and its type; `timestamp_t` and `integer_t`
 *   as whole numbers within their range, `email_t` by the dictionary's expression, `ip_t` by its length and signs;
 * - what is required, and the constraints `at_least_one`;
 * - the numbers that `activity_id`, `severity_id`, `status_id`, `verdict_id`, `type_id` and the like allow, with the
 *   caption that goes with each, and any text with 99;
 * - that `type_uid` is 100 times `class_uid` and `activity_id`, and that members of the profile `incident` come with it.
 *
 * Not covered: attributes that we never send, and recommended ones.
 */
const text = { type: "string", minLength: 1 };
const integer = { type: "integer", minimum: 0, maximum: 2 ** 53 };
const timestamp = { type: "integer", minimum: -62_135_596_800_000, maximum: 253_402_300_799_999 };
const email = {
  type: "string",
  pattern: "^[a-zA-Z0-9!#$%&'*+-/=?^_`{|}~.]+@[a-zA-Z0-9-]+\\.[a-zA-Z0-9-.]+$",
};
const ip = { type: "string", maxLength: 40, pattern: "^([0-9]{1,3}\\.){3}[0-9]{1,3}$|^[0-9a-fA-F:.]+$" };

function object(required: readonly string[], properties: object, more: object = {}) {
  return { type: "object", additionalProperties: false, required, properties, minProperties: 1, ...more };
}

function listOf(items: object) {
  return { type: "array", items, minItems: 1 };
}

function oneOf(...names: readonly string[]) {
  return { anyOf: names.map((name) => ({ required: [name] })) };
}

/** A number with its caption; 99 takes the source's own word. */
function captioned(id: string, caption: string, captions: Readonly<Record<number, string>>) {
  const known = Object.entries(captions).map(([number, name]) => ({
    properties: { [id]: { const: Number(number) }, [caption]: { const: name } },
  }));
  return { anyOf: [...known, { properties: { [id]: { const: 99 } }, required: [caption] }] };
}

const ACTIVITIES = { 1: "Create", 2: "Update", 3: "Close" } as const;
const SEVERITIES = {
  0: "Unknown",
  1: "Informational",
  2: "Low",
  3: "Medium",
  4: "High",
  5: "Critical",
  6: "Fatal",
};
const STATUSES = {
  0: "Unknown",
  1: "New",
  2: "In Progress",
  3: "Suppressed",
  4: "Resolved",
  5: "Archived",
  6: "Deleted",
};
const VERDICTS = {
  0: "Unknown",
  1: "False Positive",
  2: "True Positive",
  3: "Disregard",
  4: "Suspicious",
  5: "Benign",
  6: "Test",
  7: "Insufficient Data",
  8: "Security Risk",
  9: "Managed Externally",
  10: "Duplicate",
};

const fingerprint = object(["algorithm_id", "value"], {
  algorithm_id: { enum: [0, 1, 2, 3, 4, 5, 6, 7, 99] },
  value: text,
});

const file = object(["name", "type_id"], {
  name: text,
  path: text,
  type_id: { enum: [0, 1, 2, 3, 4, 5, 6, 7, 8, 99] },
  hashes: listOf(fingerprint),
});

const user = object(
  [],
  { name: text, domain: text, uid: text, email_addr: email },
  oneOf("account", "name", "uid"),
);

const process = object(
  [],
  {
    name: text,
    pid: integer,
    cmd_line: text,
    file,
    user,
    parent_process: object([], { name: text, pid: integer }, oneOf("pid", "uid", "cpid")),
  },
  oneOf("pid", "uid", "cpid"),
);

const ARTIFACTS = {
  device: object(
    ["type_id"],
    { hostname: text, uid: text, type_id: { enum: [...Array(16).keys(), 99] } },
    oneOf("ip", "uid", "name", "hostname", "instance_uid", "interface_uid", "interface_name"),
  ),
  user,
  process,
  file,
  src_endpoint: object(["ip"], { ip }),
  url: object(["url_string"], { url_string: text }),
  email: object(
    [],
    { from: email, to: listOf(email), subject: text, message_uid: text },
    oneOf("from", "to"),
  ),
  data: { type: ["object", "array", "string", "number", "boolean"] },
};

const evidence = object(
  [],
  { name: text, verdict: text, verdict_id: integer, ...ARTIFACTS },
  { allOf: [oneOf(...Object.keys(ARTIFACTS)), captioned("verdict_id", "verdict", VERDICTS)] },
);

const metadata = object(["version", "product"], {
  version: { const: "1.8.0" },
  profiles: { type: "array", items: { enum: ["incident"] } },
  uid: text,
  tenant_uid: text,
  sequence: integer,
  original_time: text,
  modified_time: timestamp,
  is_truncated: { const: true },
  product: object([], { name: text, vendor_name: text }, oneOf("name", "uid")),
});

const attack = object(
  [],
  {
    technique: object([], { uid: text }, oneOf("name", "uid")),
    sub_technique: object(["uid"], { uid: text }),
  },
  oneOf("tactic", "technique", "sub_technique"),
);

const findingInfo = object(["uid"], {
  uid: text,
  uid_alt: text,
  title: text,
  desc: text,
  created_time: timestamp,
  modified_time: timestamp,
  first_seen_time: timestamp,
  last_seen_time: timestamp,
  src_url: text,
  types: listOf(text),
  analytic: object(["type_id"], { type_id: { enum: [0, 1, 2, 3, 4, 99] }, uid: text }, oneOf("name", "uid")),
  attacks: listOf(attack),
});

const MAXIMUM_CLASSIFICATION = 22;
const malware = object(
  ["classification_ids"],
  {
    name: text,
    classification_ids: listOf({ type: "integer", minimum: 0, maximum: MAXIMUM_CLASSIFICATION }),
  },
  oneOf("name", "uid"),
);

const detectionFinding = object(
  ["activity_id", "category_uid", "class_uid", "type_uid", "time", "severity_id", "metadata", "finding_info"],
  {
    activity_id: integer,
    activity_name: text,
    category_uid: { const: 2 },
    category_name: { const: "Findings" },
    class_uid: { const: 2004 },
    class_name: { const: "Detection Finding" },
    type_uid: integer,
    type_name: text,
    time: timestamp,
    start_time: timestamp,
    end_time: timestamp,
    severity_id: integer,
    severity: text,
    status_id: integer,
    status: text,
    message: text,
    is_alert: { type: "boolean" },
    metadata,
    finding_info: findingInfo,
    evidences: listOf(evidence),
    malware: listOf(malware),
    remediation: object(["desc"], { desc: text }),
    verdict_id: integer,
    verdict: text,
    assignee: user,
    unmapped: { type: "object" },
  },
  {
    allOf: [
      captioned("severity_id", "severity", SEVERITIES),
      captioned("status_id", "status", STATUSES),
      captioned("verdict_id", "verdict", VERDICTS),
      {
        oneOf: Object.entries(ACTIVITIES).map(([id, name]) => ({
          properties: {
            activity_id: { const: Number(id) },
            activity_name: { const: name },
            type_uid: { const: 200_400 + Number(id) },
            type_name: { const: `Detection Finding: ${name}` },
          },
        })),
      },
      {
        if: { anyOf: [{ required: ["verdict_id"] }, { required: ["verdict"] }, { required: ["assignee"] }] },
        // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema.
        then: { properties: { metadata: { required: ["profiles"] } } },
      },
    ],
  },
);

export const isDetectionFinding = new Ajv({
  strict: true,
  strictRequired: false,
  strictTypes: false,
}).compile(detectionFinding);

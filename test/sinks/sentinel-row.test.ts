import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { tame } from "../../src/formats/json-document.ts";
import type { JsonObject } from "../../src/model/alert.ts";
import type { Envelope } from "../../src/model/envelope.ts";
import { Breaker } from "../../src/pipeline/breaker.ts";
import { Deliverer } from "../../src/pipeline/deliverer.ts";
import { sentinel } from "../../src/sinks/sentinel.ts";
import { encodeRow } from "../../src/sinks/sentinel-row.ts";
import { anEnvelope, aRaw, CONTOSO } from "../support/envelopes.ts";
import { inventedEnvelopes } from "../support/invented.ts";
import {
  type Column,
  type LogsIngestion,
  MAX_CALL_BYTES,
  MAX_VALUE_BYTES,
  RULE,
  STREAM,
  startLogsIngestion,
  templateColumns,
} from "../support/logs-ingestion.ts";

const { table, stream } = templateColumns();

/** What makes a value unfit for a column; undefined for what fits. */
function flawOf(value: unknown, { type }: Column): string | undefined {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  if (Buffer.byteLength(text) > MAX_VALUE_BYTES) return "too large";
  if (/\p{Cs}|\0/u.test(text)) return "no text";
  switch (type) {
    case "string":
      return typeof value === "string" && value !== "" ? undefined : "no text";
    case "datetime":
      return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(text) ? undefined : "no time";
    case "int":
      return Number.isInteger(value) && Math.abs(Number(value)) < 2 ** 31 ? undefined : "no int";
    case "long":
      return Number.isSafeInteger(value) ? undefined : "no long";
    case "boolean":
      return typeof value === "boolean" ? undefined : "no boolean";
    case "dynamic":
      return Array.isArray(value) ? undefined : "no list";
    default:
      return "unknown type";
  }
}

/** Everything in which rows differ from what the table takes. */
function flawsIn(rows: readonly JsonObject[]): readonly string[] {
  const columns = new Map(stream.map((column) => [column.name, column]));
  const flaws = rows.flatMap((row) =>
    Object.entries(row).map(([name, value]) => {
      const column = columns.get(name);
      const flaw = column === undefined ? "undeclared" : flawOf(value, column);
      return flaw === undefined ? "" : `${name}: ${flaw}`;
    }),
  );
  return [...new Set(flaws)].filter((flaw) => flaw !== "");
}

const rowOf = (envelope: Envelope): JsonObject => JSON.parse(encodeRow(envelope).text);

/** The most that a row can say. */
const WHOLE = anEnvelope({
  raw: aRaw({
    providerAlertId: "p",
    incidentId: "1",
    description: "d",
    status: "resolved",
    classification: "truePositive",
    determination: "malware",
    category: "Execution",
    serviceSource: "microsoftDefenderForEndpoint",
    detectionSource: "antivirus",
    detectorId: "x",
    createdDateTime: "2026-05-04T05:00:00.1234567Z",
    firstActivityDateTime: "2026-05-04T04:00:00Z",
    lastActivityDateTime: "2026-05-04T04:30:00Z",
    resolvedDateTime: "2026-05-04T06:00:00Z",
    assignedTo: "analyst@contoso.example",
    threatDisplayName: "Beispiel",
    actorDisplayName: "Somebody",
    mitreTechniques: ["T1059.001"],
    evidence: [
      { "@odata.type": "#microsoft.graph.security.deviceEvidence", deviceDnsName: "ws-001" },
      { "@odata.type": "#microsoft.graph.security.userEvidence", userAccount: { accountName: "alice" } },
      { "@odata.type": "#microsoft.graph.security.ipEvidence", ipAddress: "203.0.113.7" },
      { "@odata.type": "#microsoft.graph.security.urlEvidence", url: "https://bad.example/" },
      {
        "@odata.type": "#microsoft.graph.security.fileEvidence",
        fileDetails: { fileName: "a", sha1: "0".repeat(40) },
      },
      { "@odata.type": "#new", appId: "APP", text: "x".repeat(70_000) },
    ],
  }).replace('"APP"', "9223372036854775807"),
});

describe("the template", () => {
  it("declares for the table and for the rule the same columns", () => {
    expect(stream).toEqual(table.map(({ name, type }) => ({ name, type })));
  });

  it("keeps to Azure Monitor's rules for columns, and says what each is", () => {
    const reserved = ["_ResourceId", "id", "_SubscriptionId", "TenantId", "Type", "UniqueId", "Title"];

    for (const { name, description } of table) {
      expect(name).toMatch(/^[A-Za-z][A-Za-z0-9_]{0,44}$/);
      expect(reserved).not.toContain(name);
      expect(description).toMatch(/^[A-Z].*\.$/);
    }
    expect(table[0]).toMatchObject({ name: "TimeGenerated", type: "datetime" });
  });

  it("has exactly the columns that a row can fill", () => {
    expect(Object.keys(rowOf(WHOLE)).sort()).toEqual(table.map(({ name }) => name).sort());
  });
});

describe("a row", () => {
  it("says who, what and when in columns", () => {
    const { Evidence: evidence, ...row } = rowOf(WHOLE);

    expect(row).toMatchObject({
      TimeGenerated: "2026-05-04T05:36:51.703Z",
      LastUpdateTime: "2026-05-04T05:36:51.703Z",
      CreatedTime: "2026-05-04T05:00:00.123Z",
      EventId: WHOLE.eventId,
      AlertId: WHOLE.alertId,
      Revision: 1,
      Seq: 1,
      SourceApi: "graph_alerts",
      Replay: false,
      SourceTenant: "contoso",
      SourceTenantId: CONTOSO.tenantId,
      SourceTenantName: CONTOSO.name,
      AlertTitle: "Suspicious PowerShell download",
      Severity: "high",
      DeviceName: "ws-001",
      UserName: "alice",
      IpAddresses: ["203.0.113.7"],
      Urls: ["https://bad.example/"],
      FileHashes: ["0".repeat(40)],
      TruncatedColumns: "Evidence",
    });
    expect(evidence).toHaveLength(5);
    expect(flawsIn([rowOf(WHOLE)])).toEqual([]);
  });

  it("keeps numbers of 64 bits to the last digit", () => {
    const envelope = anEnvelope({
      raw: '{"title":"an \\"id\\\\\\" 9223372036854775807","evidence":[{"appId":-9223372036854775808,"n":12345678901234567890.5,"ids":[9007199254740993,7]}]}',
    });

    expect(rowOf(envelope)).toMatchObject({
      AlertTitle: 'an "id\\" 9223372036854775807',
      Evidence: [{ appId: "-9223372036854775808", ids: ["9007199254740993", 7] }],
    });
  });

  it("of an alert without a time stands at its arrival, and does not claim that as the update", () => {
    const row = JSON.parse(
      encodeRow(anEnvelope({ updatedMs: undefined, raw: "{}" }), Date.UTC(2026, 0, 1)).text,
    );

    expect(row["TimeGenerated"]).toBe("2026-01-01T00:00:00.000Z");
    expect(row).not.toHaveProperty("LastUpdateTime");
    expect(flawsIn([row])).toEqual([]);
  });

  it("cuts text between two characters and lists between two entries, and names the columns", () => {
    const row = rowOf(
      anEnvelope({
        raw: aRaw({ description: "ü".repeat(100_000), mitreTechniques: Array(20_000).fill("T1059") }),
      }),
    );

    expect(row["Description"]).toMatch(/^ü{29000,30000}…$/);
    expect(row["MitreTechniques"]).toSatisfy(
      (list: string[]) => list.length > 7000 && list.every((t) => t === "T1059"),
    );
    expect(row["TruncatedColumns"]).toBe("Description,MitreTechniques");
    expect(flawsIn([row])).toEqual([]);
  });

  it.each([
    ["every text is huge", aRaw(hugeTexts(100_000))],
    ["everything has to be escaped", aRaw(hugeTexts(50_000, '"\\\n'))],
    [
      "evidence is nested without end",
      `{"id":"1","evidence":[${'{"a":['.repeat(5000)}1${"]}".repeat(5000)}]}`,
    ],
    ["half characters stand everywhere", aRaw({ title: "\ud800x", evidence: [{ "\udfff": "\ud83d" }] })],
    ["the evidence is no list", aRaw({ evidence: "none" })],
    ["there is nothing", "{}"],
    ["there is no object", "[1,2"],
  ])("fits one call and every column when %s", (_, raw) => {
    const { text } = encodeRow(anEnvelope({ raw }));

    expect(Buffer.byteLength(text)).toBeLessThan(900_001);
    expect(flawsIn([JSON.parse(text)])).toEqual([]);
  });

  it.each(["graph_alerts", "mde_alerts"] as const)("of what %s gives fits every column", (source) => {
    const rows = inventedEnvelopes(source, 300).map(rowOf);

    expect(flawsIn(rows)).toEqual([]);
  });
});

function hugeTexts(length: number, sign = "x"): JsonObject {
  const keys = [
    "title",
    "description",
    "status",
    "classification",
    "determination",
    "category",
    "serviceSource",
  ];
  const more = [
    "detectionSource",
    "detectorId",
    "assignedTo",
    "threatDisplayName",
    "actorDisplayName",
    "incidentId",
  ];
  return Object.fromEntries([...keys, ...more, "providerAlertId"].map((key) => [key, sign.repeat(length)]));
}

describe("five thousand alerts, one of 1.4 MB among them,", { timeout: 180_000 }, () => {
  it("arrive each once, in calls within the limits, in rows that the table takes", async () => {
    const azure = await startLogsIngestion();
    const large = anEnvelope({ seq: 5000, raw: aLargeAlert() });
    const graph = inventedEnvelopes("graph_alerts", 3000);
    const mde = inventedEnvelopes("mde_alerts", 1999).map((envelope) => ({
      ...envelope,
      seq: envelope.seq + 3000,
    }));
    const all = [...graph, ...mde, large];

    const { refused } = await deliverAll(azure, all);

    expect(large.raw.length).toBeGreaterThan(1_400_000);
    expect(refused).toEqual([]);
    expect(azure.rows.map((row) => Number(row["Seq"])).sort((a, b) => a - b)).toEqual(
      all.map(({ seq }) => seq),
    );
    expect(new Set(azure.rows.map((row) => row["EventId"])).size).toBe(5000);
    expect(azure.calls.every(({ status }) => status === 204)).toBe(true);
    expect(Math.max(...azure.calls.map(({ plainBytes }) => plainBytes))).toBeLessThan(MAX_CALL_BYTES);
    expect(Math.max(...azure.calls.map(({ wireBytes }) => wireBytes))).toBeLessThan(MAX_CALL_BYTES);
    expect([...azure.undeclared]).toEqual([]);
    expect(flawsIn(azure.rows)).toEqual([]);
    const marked = new Map(azure.rows.map((row) => [row["EventId"], row["TruncatedColumns"]]));
    expect(marked.get(large.eventId)).toBe("Description,Evidence");
    const small = all.filter(({ raw }) => Buffer.byteLength(raw) < 60_000);
    expect(small.length).toBeGreaterThan(4900);
    for (const { eventId } of small) expect(marked.get(eventId)).toBeUndefined();
  });

  it("arrive also where a batch is larger than a call, since it is divided before it is sent", async () => {
    const azure = await startLogsIngestion();
    const all = inventedEnvelopes("graph_alerts", 1000);

    const { refused } = await deliverAll(azure, all, { batch: { maxAlerts: 1000, maxBytes: "20MB" } });

    expect(refused).toEqual([]);
    expect(azure.calls.length).toBeGreaterThan(1);
    expect(azure.calls.every(({ status }) => status === 204)).toBe(true);
    expect(azure.rows.map((row) => row["Seq"]).sort()).toEqual(all.map(({ seq }) => seq).sort());
  });
});

function aLargeAlert(): string {
  const piece = { "@odata.type": "#microsoft.graph.security.urlEvidence", verdict: "suspicious" };
  return aRaw({
    description: "Large. ".repeat(60_000),
    evidence: Array.from({ length: 10_000 }, (_, index) => ({ ...piece, note: `piece ${index}` })),
  });
}

/** Through the real deliverer, as batches of the queue would. */
async function deliverAll(
  azure: LogsIngestion,
  all: readonly Envelope[],
  settings: Readonly<Record<string, unknown>> = {},
) {
  const { batch } = sentinel.Config.parse({
    endpoint: azure.url,
    ruleId: RULE,
    stream: STREAM,
    auth: {
      type: "client-secret",
      tenantId: CONTOSO.tenantId,
      clientId: CONTOSO.tenantId,
      clientSecret: "x",
    },
    ...settings,
  });
  const quiet = { retrying: () => {}, opened: () => {}, closed: () => {} };
  const deliverer = new Deliverer(
    azure.sink(settings),
    { maxAlerts: batch.maxAlerts, maxBytes: batch.maxBytes, lingerMs: 0, concurrency: 4 },
    new Breaker({ minDelay: 1, maxDelay: 10 }, quiet),
    { completed: () => {}, halved: () => {} },
  );
  return await deliverer.deliver(all);
}

const RECORDED = resolve("../shared/data/sinks");

describe.runIf(existsSync(RECORDED))("a recorded alert", () => {
  it.each([
    ["graph", "graph_alerts"],
    ["mde", "mde_alerts"],
  ])("of %s becomes the row that was agreed on", (name, source) => {
    const raw = readFileSync(resolve(RECORDED, `alert-${name}.json`), "utf8");
    const { tenant, sentinel: golden } = JSON.parse(
      readFileSync(resolve(RECORDED, `golden-${name}.json`), "utf8"),
    );
    const {
      EventUid: eventId,
      EvidenceTruncated: _,
      Evidence: evidence,
      FileHashes: hashes,
      ...cells
    } = golden;
    const envelope = anEnvelope({
      raw,
      source,
      tenant: { id: "contoso", name: tenant.name, tenantId: tenant.id },
      alertId: golden.AlertId,
      eventId,
      updatedMs: Date.parse(golden.LastUpdateTime),
    });

    const row = rowOf(envelope);

    const told = Object.fromEntries(Object.entries(cells).filter(([, value]) => value !== null));
    expect(row).toMatchObject({
      ...told,
      EventId: eventId,
      Evidence: evidence.map((piece: unknown) => tame(piece)),
    });
    // Ours are the hashes of processes as well.
    expect(row["FileHashes"]).toEqual(expect.arrayContaining(hashes));
  });
});

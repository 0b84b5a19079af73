import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { record } from "../../src/formats/fields.ts";
import { FORMAT_NAMES, type FormatName, render } from "../../src/formats/index.ts";
import type { Envelope } from "../../src/model/envelope.ts";
import { isDetectionFinding } from "./ocsf-schema.ts";
import { parseCef, parseLeef, type ReadCef } from "./parsers.ts";
import { at, envelopeOf } from "./support.ts";

/** Alerts and what receivers are to see of them; they lie beside the repository where they are there at all. */
const SINKS = resolve("../shared/data/sinks");
const DEFENDER = resolve("../shared/data/defender");

const read = (...path: readonly string[]) => readFileSync(resolve(...path), "utf8");

/** Keys that we send beyond what is asked for: what receivers count by. */
const MORE_CEF = [
  ...["Tenant", "TenantId", "EventId", "Revision", "Seq", "SourceApi", "Replay"].map(
    (key) => `MicrosoftDefender${key}`,
  ),
];
const MORE_LEEF = ["tenant", "tenantName", "eventId", "revision", "seq", "sourceApi", "replay"];

interface Golden {
  readonly envelope: Envelope;
  readonly golden: unknown;
}

/** One of the two alerts, and what each receiver is to see of it. */
function goldenOf(name: "graph" | "mde"): Golden {
  const golden: unknown = JSON.parse(read(SINKS, `golden-${name}.json`));
  const alert: unknown = JSON.parse(read(SINKS, `alert-${name}.json`));
  const tenantId = String(at(golden, "tenant.id"));
  const envelope = envelopeOf(`${name}_alerts`, alert, {
    tenant: { id: "contoso", name: String(at(golden, "tenant.name")), tenantId },
    eventId: String(at(golden, "hec.fields.event_uid")),
  });
  return { envelope, golden };
}

function whole(format: FormatName, envelope: Envelope): string {
  return render(format, envelope, Number.POSITIVE_INFINITY).text;
}

describe.runIf(existsSync(SINKS))("what receivers are to see", () => {
  it.each(["graph", "mde"] as const)(
    "of the %s alert stands in CEF to the byte, before our own keys",
    (name) => {
      const { envelope, golden } = goldenOf(name);
      const expected = String(at(golden, "cef"));
      expect(whole("cef", envelope).startsWith(`${expected} `)).toBe(true);
      expectSame(parseCef(whole("cef", envelope)), parseCef(expected), MORE_CEF);
    },
  );

  it.each(["graph", "mde"] as const)("of the %s alert stands in LEEF, with our own keys", (name) => {
    const { envelope, golden } = goldenOf(name);
    expectSame(parseLeef(whole("leef", envelope)), parseLeef(String(at(golden, "leef"))), MORE_LEEF);
  });

  it.each(["ecs", "ocsf"] as const)("of the graph alert stands in %s, with more", (format) => {
    const { envelope, golden } = goldenOf("graph");
    expect(JSON.parse(whole(format, envelope))).toMatchObject(record(at(golden, format)));
  });

  it("holds for every way to write a text in CEF", () => {
    const { vectors } = JSON.parse(read(SINKS, "cef-vectors.json")) as { vectors: readonly Vector[] };
    for (const { where, value, encoded } of vectors.filter((vector) => vector.encoded !== "")) {
      const member = where === "header" ? "title" : "description";
      const text = whole("cef", envelopeOf("graph_alerts", { id: "1", [member]: value }));
      expect(text).toContain(where === "header" ? `|${encoded}|5|` : ` msg=${encoded} `);
    }
  });

  it("uses only keys of the CEF dictionary, or its own, and one of the earlier standard", () => {
    const { keys } = JSON.parse(read(SINKS, "cef-dictionary.json")) as {
      keys: readonly { readonly key: string }[];
    };
    const known = new Set(keys.map(({ key }) => key));
    const used = recorded().flatMap(({ source, alert }) => {
      const line = render("cef", envelopeOf(source, alert), Number.POSITIVE_INFINITY).text;
      return [...parseCef(line).pairs.keys()];
    });
    const others = [...new Set(used)].filter(
      (key) => !known.has(key) && !key.startsWith("MicrosoftDefender"),
    );
    expect(others.sort()).toEqual(["c6a2", "c6a2Label"]);
  });
});

interface Vector {
  readonly where: string;
  readonly value: string;
  readonly encoded: string;
}

interface Recorded {
  readonly source: string;
  readonly alert: unknown;
}

function recorded(): readonly Recorded[] {
  const files = [
    ["graph-alerts-v2.ndjson", "graph_alerts"],
    ["graph-alert-updates.ndjson", "graph_alerts"],
    ["synthetic-graph-evidence.ndjson", "graph_alerts"],
    ["synthetic-alert-lifecycle.ndjson", "graph_alerts"],
    ["mde-alerts.ndjson", "mde_alerts"],
    ["mde-alerts-no-expand.ndjson", "mde_alerts"],
    ["incidents.ndjson", "graph_incidents"],
    ["xdr-incidents.ndjson", "graph_incidents"],
  ] as const;
  const alerts = files.flatMap(([file, source]) => linesOf(file).map((alert) => ({ source, alert })));
  const malformed = linesOf("malformed.ndjson").map((each) => at(each, "payload"));
  return [
    ...alerts,
    ...malformed.map((alert) => ({ source: "graph_alerts", alert })),
    ...malformed.map((alert) => ({ source: "mde_alerts", alert })),
  ];
}

function linesOf(file: string): readonly unknown[] {
  return read(DEFENDER, file)
    .split("\n")
    .filter((line) => line !== "")
    .map((line): unknown => JSON.parse(line));
}

describe.runIf(existsSync(DEFENDER)).each(FORMAT_NAMES)("%s of recorded alerts", (format) => {
  it("is one readable line, at any length", () => {
    for (const { source, alert } of recorded()) {
      for (const maxBytes of [480, 1024, 2048, 8096, Number.POSITIVE_INFINITY]) {
        const { text } = render(format, envelopeOf(source, alert), maxBytes);
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(maxBytes);
        expect(() => readAs(format, text)).not.toThrow();
      }
    }
  });
});

function readAs(format: FormatName, text: string): void {
  if (format === "cef") parseCef(text);
  else if (format === "leef") parseLeef(text);
  else if (format !== "ocsf") JSON.parse(text);
  else if (!isDetectionFinding(JSON.parse(text))) throw new Error(JSON.stringify(isDetectionFinding.errors));
}

function expectSame(got: ReadCef, expected: ReadCef, more: readonly string[]): void {
  expect(got.header).toEqual(expected.header);
  expect(Object.fromEntries(got.pairs)).toMatchObject(Object.fromEntries(expected.pairs));
  expect([...got.pairs.keys()].filter((key) => !expected.pairs.has(key)).sort()).toEqual([...more].sort());
}

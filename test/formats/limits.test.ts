import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FORMAT_NAMES, type FormatName, render } from "../../src/formats/index.ts";
import type { Envelope } from "../../src/model/envelope.ts";
import { anyEnvelope } from "./arbitrary.ts";
import { isDetectionFinding } from "./ocsf-schema.ts";
import { parseCef, parseLeef } from "./parsers.ts";
import { at, envelopeOf, FIXTURES, fixture } from "./support.ts";

/** What a line says of itself, read by the rules of its own notation: an unreadable one throws. */
interface Told {
  readonly eventId: unknown;
  /** What was shortened; undefined where nothing was. */
  readonly shortened: unknown;
}

const READERS: Readonly<Record<FormatName, (text: string) => Told>> = {
  cef: (text) => {
    const { pairs } = parseCef(text);
    return {
      eventId: pairs.get("MicrosoftDefenderEventId"),
      shortened: pairs.get("MicrosoftDefenderShortened"),
    };
  },
  leef: (text) => {
    const { pairs } = parseLeef(text);
    return { eventId: pairs.get("eventId"), shortened: pairs.get("shortened") };
  },
  ecs: (text) => {
    const document: unknown = JSON.parse(text);
    return { eventId: at(document, "alertferry.eventId"), shortened: at(document, "alertferry.shortened") };
  },
  ocsf: (text) => {
    const finding: unknown = JSON.parse(text);
    if (!isDetectionFinding(finding))
      throw new Error(`Not valid: ${JSON.stringify(isDetectionFinding.errors)}`);
    const shortened = at(finding, "unmapped.alertferry.shortened");
    if (at(finding, "metadata.is_truncated") !== (shortened === undefined ? undefined : true))
      throw new Error("The schema's own mark does not agree with ours.");
    return { eventId: at(finding, "metadata.uid"), shortened };
  },
  raw: (text) => {
    const line: unknown = JSON.parse(text);
    return { eventId: at(line, "eventId"), shortened: at(line, "shortened") };
  },
};

function expectWithin(format: FormatName, envelope: Envelope, maxBytes: number): Told {
  const { text, shortened } = render(format, envelope, maxBytes);
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(maxBytes);
  expect(text).not.toMatch(/[\p{Cc}\p{Cs}]/u);
  const told = READERS[format](text);
  expect(told.eventId).toBe(envelope.eventId);
  expect(told.shortened !== undefined).toBe(shortened);
  return told;
}

describe.each(FORMAT_NAMES)("%s within a limit", (format) => {
  it("fits, can be read, names its event, and is marked exactly where something is missing", () => {
    fc.assert(
      fc.property(anyEnvelope, fc.integer({ min: 480, max: 20_000 }), (envelope, maxBytes) => {
        expectWithin(format, envelope, maxBytes);
      }),
      { numRuns: 150 },
    );
  });

  it("fits where there is hardly any room", () => {
    fc.assert(
      fc.property(anyEnvelope, fc.integer({ min: 480, max: 1200 }), (envelope, maxBytes) => {
        expectWithin(format, envelope, maxBytes);
      }),
      { numRuns: 150 },
    );
  });

  it.each(FIXTURES)("shortens $name to every size", ({ envelope }) => {
    for (let maxBytes = 480; maxBytes < 6000; maxBytes += 97) expectWithin(format, envelope, maxBytes);
  });

  it.each(FIXTURES.filter(({ name }) => name !== "graph-sparse"))(
    "leaves $name whole where it fits to the byte",
    ({ envelope }) => {
      const whole = render(format, envelope, Number.POSITIVE_INFINITY);
      const bytes = Buffer.byteLength(whole.text);
      expect(render(format, envelope, bytes)).toEqual(whole);
      expect(render(format, envelope, bytes - 1).shortened).toBe(true);
    },
  );

  it("takes a limit below 480 bytes for 480", () => {
    const { text } = render(format, fixture("graph-endpoint"), 10);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(480);
    expect(Buffer.byteLength(text)).toBeGreaterThan(240);
  });

  it("shortens an alert of 300 kB to 8 kB and still tells what it is about", () => {
    const evidence = Array.from({ length: 600 }, (_, index) => ({
      "@odata.type": "#microsoft.graph.security.urlEvidence",
      verdict: "suspicious",
      url: `https://drop.example/${index}/${"x".repeat(450)}`,
    }));
    const envelope = envelopeOf("graph_alerts", {
      id: "da1",
      title: "Many addresses",
      severity: "high",
      evidence,
    });
    expect(envelope.raw.length).toBeGreaterThan(300_000);

    expectWithin(format, envelope, 8096);

    expect(render(format, envelope, 8096).text).toContain("Many addresses");
  });

  it.each([
    ["a title of a megabyte", { title: "ü=|\\^\u{1f600}".repeat(80_000) }],
    ["an id of a megabyte", { id: "x".repeat(1_000_000) }],
    ["a product of a megabyte", { productName: "|".repeat(1_000_000) }],
    ["a status of a megabyte", { status: "\\".repeat(1_000_000) }],
    [
      "a mail with 300,000 addresses in it",
      {
        evidence: {
          "@odata.type": "#microsoft.graph.security.analyzedMessageEvidence",
          urls: Array.from({ length: 300_000 }, (_, index) => `https://${index}.example`),
        },
      },
    ],
    [
      "100,000 techniques",
      { mitreTechniques: Array.from({ length: 100_000 }, (_, index) => `T${index}.001`) },
    ],
    [
      "100,000 members",
      Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`k${index}`, index])),
    ],
    ["a member's name of a megabyte", { [`"${"é".repeat(500_000)}`]: 1 }],
  ])("fits %s, whatever there is room for", (_, members) => {
    const envelope = envelopeOf("graph_alerts", { id: "da1", ...members });
    for (const maxBytes of [480, 2048, 8096, 65_000]) expectWithin(format, envelope, maxBytes);
  });

  it("fits what is nested deeper than any stack", () => {
    const deep = `${'{"a":['.repeat(50_000)}1${"]}".repeat(50_000)}`;
    const type = "#microsoft.graph.security.newEvidence";
    const raw = `{"id":"da1","title":"Deep","x":${deep},"evidence":[{"@odata.type":"${type}","y":${deep}}]}`;
    const envelope = envelopeOf("graph_alerts", { id: "da1" }, { raw });

    expectWithin(format, envelope, 8096);

    expect(render(format, envelope, Number.POSITIVE_INFINITY).text).toContain("Deep");
  });
});

describe.each(["cef", "leef", "ecs", "ocsf"] as const)("%s of what is no alert", (format) => {
  it.each(["null", "42", '"text"', "[]", "[[]]", "true", "{", "", "\n\0"])(
    "is a readable line for %j",
    (raw) => {
      const { text } = render(format, envelopeOf("graph_alerts", {}, { raw }), 8096);
      expect(READERS[format](text).shortened).toBeUndefined();
    },
  );
});

import { isIP } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { render } from "../../src/formats/index.ts";
import { isObject } from "../../src/model/alert.ts";
import type { Envelope } from "../../src/model/envelope.ts";
import { anyEnvelope } from "./arbitrary.ts";
import { ALLOWED, FIELDS, LISTS } from "./ecs-fields.ts";
import { at, envelopeOf, FIXTURES, fixture } from "./support.ts";

const NO_LIMIT = Number.POSITIVE_INFINITY;

function documentOf(envelope: Envelope): unknown {
  return JSON.parse(render("ecs", envelope, NO_LIMIT).text);
}

const CHECKS = {
  keyword: (value: unknown) => typeof value === "string" && value !== "",
  text: (value: unknown) => typeof value === "string" && value !== "",
  date: (value: unknown) =>
    typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value),
  // Elasticsearch's long is wider than what JavaScript counts exactly.
  long: (value: unknown) => typeof value === "number" && Number.isInteger(value) && Math.abs(value) < 2 ** 63,
  ip: (value: unknown) => typeof value === "string" && isIP(value) !== 0,
};

/** Every field of the document that is not in the table, or not as it says. */
function mistakes(value: unknown, path = ""): readonly string[] {
  if (isObject(value) && !FIELDS.has(path)) {
    if (Object.keys(value).length === 0) return [`${path} is empty`];
    return Object.entries(value)
      .filter(([key]) => path !== "" || key !== "alertferry")
      .flatMap(([key, each]) => mistakes(each, path === "" ? key : `${path}.${key}`));
  }
  const type = FIELDS.get(path);
  if (type === undefined) return [`${path} is not known`];
  if (Array.isArray(value) !== LISTS.includes(path)) return [`${path} is a list, or is none`];
  const values = Array.isArray(value) ? value : [value];
  const allowed = ALLOWED.get(path);
  const wrong = values.filter((each) => !CHECKS[type](each) || allowed?.includes(each) === false);
  return wrong.map((each) => `${path} is ${JSON.stringify(each)}`);
}

describe("ECS", () => {
  it.each(FIXTURES)("has fields and types as Elastic defines them for $name", ({ envelope }) => {
    expect(mistakes(documentOf(envelope))).toEqual([]);
  });

  it("has fields and types as Elastic defines them, whatever the source writes", () => {
    fc.assert(
      fc.property(anyEnvelope, (envelope) => {
        expect(mistakes(documentOf(envelope))).toEqual([]);
      }),
    );
  });

  it.each([
    ["informational", 21],
    ["low", 21],
    ["Medium", 47],
    ["high", 73],
    ["critical", 99],
    ["UnSpecified", undefined],
  ])("maps the severity %s to %s", (severity, expected) => {
    const document = documentOf(envelopeOf("graph_alerts", { id: "da1", severity }));
    expect(at(document, "event.severity")).toBe(expected);
  });

  it("divides techniques from their sub-techniques, each once", () => {
    const document = documentOf(fixture("graph-endpoint"));
    expect(at(document, "threat.technique")).toEqual({
      id: ["T1059", "T1105"],
      subtechnique: { id: ["T1059.001", "T1059.003"] },
    });
  });

  it("says of an alert without any time that its time is that of its writing", () => {
    const before = Date.now();
    const document = documentOf(envelopeOf("graph_alerts", { id: "da1", lastUpdateDateTime: "today" }));
    const time = Date.parse(String(at(document, "@timestamp")));
    expect(at(document, "alertferry.timeUnknown")).toBe(true);
    expect(time).toBeGreaterThanOrEqual(before);
    expect(time).toBeLessThanOrEqual(Date.now());
  });

  it("holds the source's own text", () => {
    const envelope = fixture("graph-hostile");
    expect(at(documentOf(envelope), "event.original")).toBe(String(envelope.raw));
  });

  it("gives up the source's own text before anything else", () => {
    const { text, shortened } = render("ecs", fixture("graph-endpoint"), 8096);
    const document: unknown = JSON.parse(text);
    expect(shortened).toBe(true);
    expect(at(document, "alertferry.shortened")).toEqual(["event.original"]);
    expect(at(document, "m365_defender.alert.recommended_actions")).toBeDefined();
  });
});

import { describe, expect, it } from "vitest";
import { render } from "../../src/formats/index.ts";
import { readMembers } from "../../src/simulate/json-text.ts";
import { anEnvelope, CONTOSO } from "../support/envelopes.ts";
import { at, fixture } from "./support.ts";

function lineOf(raw: string): string {
  return render("raw", anEnvelope({ raw }), Number.POSITIVE_INFINITY).text;
}

/** The very text of `event`. */
function eventText(line: string): string {
  const bytes = Buffer.from(line);
  const event = readMembers(bytes, 0)?.members.find(({ key }) => key === "event");
  return bytes.toString("utf8", event?.start, event?.end);
}

describe("raw", () => {
  it("has the source's own text under event, and who, where and when around it", () => {
    const envelope = anEnvelope({ raw: '{"id":"1","n":9223372036854775807,"d":1.50}', seq: 7, replay: true });
    expect(render("raw", envelope, Number.POSITIVE_INFINITY)).toEqual({
      text:
        `{"tenant":"contoso","tenantId":"${CONTOSO.tenantId}","tenantName":"Contoso | \\"Öst\\"",` +
        `"alertId":"da00000000-7","eventId":"${envelope.eventId}","revision":1,"seq":7,` +
        '"sourceApi":"graph_alerts","replay":true,"event":{"id":"1","n":9223372036854775807,"d":1.50}}',
      shortened: false,
    });
  });

  it("is one line of an alert that its source wrote over several", () => {
    const line = lineOf('{\r\n\t"id": "1",\n\t"text": "a\\nb"\r\n}');
    expect(line).not.toMatch(/\p{Cc}/u);
    expect(at(JSON.parse(line), "event")).toEqual({ id: "1", text: "a\nb" });
  });

  it("escapes control characters that JSON leaves bare, and nothing else", () => {
    const line = lineOf('{"t":"\u007f\u0085\u009b\u2028\u2029\u202e"}');
    expect(eventText(line)).toBe('{"t":"\\u007f\\u0085\\u009b\u2028\u2029\u202e"}');
  });

  it("shortens lists and long texts of the alert and names the members that lost something", () => {
    const envelope = fixture("graph-endpoint");
    const { text, shortened } = render("raw", envelope, 3000);
    const line: unknown = JSON.parse(text);
    expect(shortened).toBe(true);
    expect(at(line, "shortened")).toContain("event.evidence");
    expect(at(line, "event.id")).toBe(envelope.alertId);
    expect(at(line, "event.lastUpdateDateTime")).toBe("2026-05-04T06:01:02.7033333Z");
    expect(Buffer.byteLength(text)).toBeGreaterThan(1500);
  });

  it("changes no number where it shortens", () => {
    const numbers = '"n":9223372036854775807,"d":1.50,"e":-0.10e+02';
    const raw = `{"id":"1",${numbers},"long":"${"x".repeat(9000)}","app":{${numbers}}}`;
    const { text } = render("raw", anEnvelope({ raw }), 2048);
    expect(eventText(text)).toContain(`"id":"1",${numbers},"long":"xxx`);
    expect(eventText(text)).toContain(`"app":{${numbers}}`);
  });

  it("tells that there was an alert where it is no JSON at all", () => {
    const { text, shortened } = render("raw", anEnvelope({ raw: `{"id": ${"x".repeat(5000)}` }), 1000);
    expect(shortened).toBe(true);
    expect(JSON.parse(text)).toMatchObject({ event: {}, shortened: ["event"] });
  });
});

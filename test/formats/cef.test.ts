import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { render } from "../../src/formats/index.ts";
import { anyEnvelope, hostileText } from "./arbitrary.ts";
import { parseCef } from "./parsers.ts";
import { envelopeOf, FIXTURES, fixture } from "./support.ts";

const NO_LIMIT = Number.POSITIVE_INFINITY;

/** Keys of the CEF implementation standard that may stand in what we send, with their longest values in characters. */
const DICTIONARY: Readonly<Record<string, number>> = {
  cat: 1023,
  deviceExternalId: 255,
  duser: 1023,
  externalId: 40,
  fileHash: 255,
  filePath: 1023,
  fname: 1023,
  msg: 1023,
  reason: 1023,
  request: 1023,
  shost: 1023,
  sntdom: 255,
  sourceServiceName: 1023,
  sproc: 1023,
  suid: 1023,
  suser: 1023,
  ...Object.fromEntries(["cs1", "cs2", "cs3", "cs4", "cs5", "cs6"].map((key) => [key, 4000])),
  flexString1: 1023,
  flexString2: 1023,
};
const NUMBERS = ["rt", "start", "end", "spid", "cn1", "deviceCustomDate1"];
const ADDRESSES: Readonly<Record<string, RegExp>> = { src: /^\d+\.\d+\.\d+\.\d+$/, c6a2: /^[\da-fA-F:.]+$/ };
const LABELS = [
  "cs1",
  "cs2",
  "cs3",
  "cs4",
  "cs5",
  "cs6",
  "cn1",
  "c6a2",
  "deviceCustomDate1",
  "flexString1",
  "flexString2",
];

function aGraphAlert(alert: Readonly<Record<string, unknown>>) {
  return envelopeOf("graph_alerts", { id: "da1", ...alert });
}

function valueAt(key: string, alert: Readonly<Record<string, unknown>>): string | undefined {
  return parseCef(render("cef", aGraphAlert(alert), NO_LIMIT).text).pairs.get(key);
}

/** What a reader should get of a text, said in other words than the encoder's. */
function readable(text: string): string {
  const units = [...text].map((sign) => (/\p{Cs}/u.test(sign) ? "\ufffd" : sign));
  const kept = units
    .map((sign) => (sign === "\u0085" ? "\n" : sign))
    .filter((sign) => "\t\n\r".includes(sign) || !/\p{Cc}/u.test(sign));
  return kept
    .join("")
    .trim()
    .split("\r\n")
    .join("\n")
    .split(/[\u2028\u2029]/)
    .join("\n")
    .split("\t")
    .join(" ");
}

describe("CEF", () => {
  it.each([
    ["equals signs", "a=b", "a\\=b"],
    ["backslashes", "C:\\Windows\\new", "C:\\\\Windows\\\\new"],
    ["a backslash at the end", "C:\\Temp\\", "C:\\\\Temp\\\\"],
    ["bars", "a | b", "a | b"],
    ["LF", "one\ntwo", "one\\ntwo"],
    ["CR LF", "one\r\ntwo", "one\\ntwo"],
    ["CR", "one\rtwo", "one\\rtwo"],
    ["LINE SEPARATOR", "one\u2028two", "one\\ntwo"],
    ["TAB", "a\tb", "a b"],
    ["controls", "a\0b\u0007c\u001b[31md", "abc[31md"],
    ["what looks like keys", "dst=1.2.3.4 src=5", "dst\\=1.2.3.4 src\\=5"],
    ["space around", "  a  ", "a"],
    ["half a character", "x\ud83dy", "x\ufffdy"],
  ])("writes %s in a value so that a reader gets them back", (_, description, expected) => {
    const { text } = render("cef", aGraphAlert({ description }), NO_LIMIT);
    expect(text).toContain(` msg=${expected} `);
  });

  it.each([
    ["bars", "a|b", "a\\|b"],
    ["a backslash before a bar", "a\\|b", "a\\\\\\|b"],
    ["equals signs", "a = b", "a = b"],
    ["line breaks", "one\r\ntwo\u2029three", "one two three"],
    ["a backslash at the end", "dir\\", "dir\\\\"],
  ])("writes %s in the header", (_, title, expected) => {
    const { text } = render("cef", aGraphAlert({ title }), NO_LIMIT);
    expect(text).toContain(`|${expected}|5|`);
  });

  it("gives back every text, whatever it is", () => {
    fc.assert(
      fc.property(hostileText, hostileText, hostileText, (title, description, commandLine) => {
        const evidence = [
          { "@odata.type": "#microsoft.graph.security.processEvidence", processCommandLine: commandLine },
        ];
        const envelope = aGraphAlert({ title, description, evidence });
        const { header, pairs } = parseCef(render("cef", envelope, NO_LIMIT).text);

        const name = readable(title).replace(/[\r\n]/g, " ") || "Defender alert";
        expectText(header[5], name, 512);
        expectText(pairs.get("msg"), readable(description), 1023);
        expect(pairs.get("MicrosoftDefenderCommandLine") ?? "").toBe(readable(commandLine));
        expect(pairs.get("MicrosoftDefenderEventId")).toBe(envelope.eventId);
      }),
    );
  });

  it("has only the standard's keys and ours, each with a value of its type and length", () => {
    fc.assert(
      fc.property(anyEnvelope, (envelope) => {
        const { header, pairs } = parseCef(render("cef", envelope, NO_LIMIT).text);

        const lengths = [5, 63, 63, 31, 1023, 512].map(
          (max, index) => [...(header[index] ?? "")].length <= max,
        );
        expect(lengths).not.toContain(false);
        expect(header[6]).toMatch(/^(1|3|5|6|8|10)$/);
        for (const [key, value] of pairs) expectPair(key, value);
        for (const key of LABELS) expect(pairs.has(`${key}Label`)).toBe(pairs.has(key));
      }),
    );
  });

  it("leaves out an id that is longer than externalId may be, and has it whole under its own key", () => {
    const { text } = render("cef", fixture("graph-identity"), NO_LIMIT);
    const { pairs } = parseCef(text);
    expect(pairs.has("externalId")).toBe(false);
    expect(pairs.get("MicrosoftDefenderAlertId")).toBe(`ad${"9f".repeat(32)}`);
  });

  it("marks a text that is longer than the standard allows, without any limit of the line", () => {
    const { text, shortened } = render("cef", aGraphAlert({ description: "ä".repeat(1024) }), NO_LIMIT);
    const { pairs } = parseCef(text);
    expect(shortened).toBe(true);
    expect(pairs.get("msg")).toBe(`${"ä".repeat(1022)}…`);
    expect(pairs.get("MicrosoftDefenderShortened")).toBe("msg");
  });

  it("leaves out what the alert does not say", () => {
    expect(valueAt("cat", { category: null })).toBeUndefined();
    expect(valueAt("reason", { classification: "unknown", determination: null })).toBeUndefined();
    expect(valueAt("cs3Label", { mitreTechniques: [] })).toBeUndefined();
  });

  it.each([
    ["informational", "1"],
    ["low", "3"],
    ["Medium", "6"],
    ["high", "8"],
    ["critical", "10"],
    ["UnSpecified", "5"],
    [7, "5"],
  ])("maps the severity %s to %s", (severity, expected) => {
    const { header } = parseCef(render("cef", aGraphAlert({ severity }), NO_LIMIT).text);
    expect(header[6]).toBe(expected);
  });

  it.each(FIXTURES)("carries what receivers count by for $name", ({ envelope }) => {
    const more = { ...envelope, revision: 3, seq: 77, replay: true };
    const { pairs } = parseCef(render("cef", more, NO_LIMIT).text);
    expect(Object.fromEntries(pairs)).toMatchObject({
      MicrosoftDefenderAlertId: envelope.alertId,
      MicrosoftDefenderEventId: envelope.eventId,
      MicrosoftDefenderRevision: "3",
      MicrosoftDefenderSeq: "77",
      MicrosoftDefenderReplay: "true",
      MicrosoftDefenderSourceApi: envelope.source,
      MicrosoftDefenderTenant: envelope.tenant.id,
      MicrosoftDefenderTenantId: envelope.tenant.tenantId,
      MicrosoftDefenderTenantName: envelope.tenant.name,
    });
  });
});

function expectText(got: string | undefined, whole: string, max: number): void {
  const characters = [...whole];
  const expected = characters.length > max ? `${characters.slice(0, max - 1).join("")}…` : whole;
  expect(got ?? "").toBe(expected);
}

function expectPair(key: string, value: string): void {
  expect(value).not.toBe("");
  if (key.startsWith("MicrosoftDefender") || key.endsWith("Label")) return;
  const form = NUMBERS.includes(key) ? /^-?\d+$/ : ADDRESSES[key];
  if (form !== undefined) {
    expect(value).toMatch(form);
    return;
  }
  expect(Object.keys(DICTIONARY)).toContain(key);
  expect([...value].length).toBeLessThanOrEqual(DICTIONARY[key] ?? 0);
}

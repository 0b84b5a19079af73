import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { render } from "../../src/formats/index.ts";
import { anyEnvelope, hostileText } from "./arbitrary.ts";
import { parseLeef } from "./parsers.ts";
import { envelopeOf, FIXTURES } from "./support.ts";

const NO_LIMIT = Number.POSITIVE_INFINITY;

const KEYS = [
  "devTime cat sev src usrName accountName domain resource identHostName url",
  "alertId title description tenantId incidentId status mitreTechniques threatName alertUrl deviceId",
  "fileName filePath sha1 sha256 processName commandLine sender recipient subject",
  "tenant tenantName eventId revision seq sourceApi replay shortened",
]
  .join(" ")
  .split(" ");

function aGraphAlert(alert: Readonly<Record<string, unknown>>) {
  return envelopeOf("graph_alerts", { id: "da1", ...alert });
}

/** LEEF has no escapes: what is left of a text when all that means something in it is a space. */
function readable(text: string): string {
  const units = [...text].map((sign) => (/\p{Cs}/u.test(sign) ? "\ufffd" : sign));
  const kept = units
    .map((sign) => (sign === "\u0085" ? "\n" : sign))
    .filter((sign) => "\t\n\r".includes(sign) || !/\p{Cc}/u.test(sign))
    .join("");
  return kept
    .trim()
    .replace(/\r\n|[\t\n\r\u2028\u2029^]/g, " ")
    .trim();
}

describe("LEEF", () => {
  it("gives back every text but for the signs that it cannot carry", () => {
    fc.assert(
      fc.property(hostileText, hostileText, (title, description) => {
        const envelope = aGraphAlert({ title: `x${title}`, description });
        const { pairs } = parseLeef(render("leef", envelope, NO_LIMIT).text);
        expect(pairs.get("title")).toBe(readable(`x${title}`));
        expect(pairs.get("description") ?? "").toBe(readable(description));
      }),
    );
  });

  it("has only its own keys, and lengths as the guide allows", () => {
    fc.assert(
      fc.property(anyEnvelope, (envelope) => {
        const { header, pairs } = parseLeef(render("leef", envelope, NO_LIMIT).text);
        expect(header).toHaveLength(5);
        expect([...(header[4] ?? "")].length).toBeLessThanOrEqual(255);
        expect([...pairs.keys()].filter((key) => !KEYS.includes(key))).toEqual([]);
        for (const key of ["usrName", "accountName", "identHostName"])
          expect([...(pairs.get(key) ?? "")].length).toBeLessThanOrEqual(255);
        expect([...pairs.values()]).not.toContain("");
        expect(Number(pairs.get("sev"))).toBeGreaterThanOrEqual(1);
      }),
    );
  });

  it("takes the bar out of the header and the delimiter out of the values", () => {
    const { text } = render("leef", aGraphAlert({ detectorId: "a|b^c", title: "x^y|z" }), NO_LIMIT);
    expect(text).toContain("|1.0|a b^c|x5E|");
    expect(text).toContain("^title=x y|z^");
  });

  it("tells the time in milliseconds, and leaves out one that is none", () => {
    const known = parseLeef(
      render("leef", aGraphAlert({ lastUpdateDateTime: "2026-05-04T06:01:02.7033333Z" }), NO_LIMIT).text,
    );
    const unknown = parseLeef(render("leef", aGraphAlert({ lastUpdateDateTime: "today" }), NO_LIMIT).text);
    expect(known.pairs.get("devTime")).toBe("1777874462703");
    expect(unknown.pairs.has("devTime")).toBe(false);
  });

  it.each(FIXTURES)("carries what receivers count by for $name", ({ envelope }) => {
    const { pairs } = parseLeef(
      render("leef", { ...envelope, revision: 3, seq: 77, replay: true }, NO_LIMIT).text,
    );
    expect(Object.fromEntries(pairs)).toMatchObject({
      alertId: envelope.alertId,
      eventId: envelope.eventId,
      revision: "3",
      seq: "77",
      replay: "true",
      sourceApi: envelope.source,
      tenant: envelope.tenant.id,
      tenantId: envelope.tenant.tenantId,
      tenantName: envelope.tenant.name,
    });
  });
});

import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { HEC_CODES } from "../../src/simulate/hec-answers.ts";
import { envelopesOf } from "../support/envelopes.ts";
import { endless } from "../support/sink-contract.ts";
import { aFront, aSink } from "./collector.ts";

/** What follows from each code of Splunk. */
const OUTCOMES: Readonly<Record<number, string>> = {
  0: "delivered",
  1: "unauthorized",
  2: "unauthorized",
  3: "unauthorized",
  4: "unauthorized",
  5: "misconfigured",
  6: "rejected",
  7: "misconfigured",
  8: "transient",
  9: "transient",
  10: "misconfigured",
  11: "transient",
  12: "rejected",
  13: "rejected",
  14: "misconfigured",
  15: "rejected",
  16: "misconfigured",
  17: "misconfigured",
  18: "transient",
  19: "transient",
  20: "transient",
  21: "unauthorized",
  22: "unauthorized",
  23: "transient",
  24: "delivered, slow down",
  25: "delivered, slow down",
  26: "throttled",
  27: "throttled",
};

/** The words of the recorded table, and which outcomes are in their sense. */
const CLASSES: Readonly<Record<string, readonly string[]>> = {
  delivered: ["delivered"],
  "delivered-slow": ["delivered, slow down"],
  config: ["unauthorized", "misconfigured"],
  // Nothing of ours sends these; a person or the next try must not lose alerts over them.
  bug: ["misconfigured", "transient"],
  poison: ["rejected"],
  split: ["rejected"],
  retry: ["transient", "throttled"],
  // Of the health endpoint; it says nothing of events.
  healthy: ["misconfigured"],
};

const RECORDED = resolve("../shared/data/sinks/hec-responses.json");

describe("an answer of Splunk", () => {
  it.each(Object.entries(OUTCOMES))("with code %s means: %s", async (code, expected) => {
    const [status, text] = HEC_CODES[Number(code)]!;

    expect(await outcome(status, JSON.stringify({ text, code: Number(code) }))).toMatchObject({
      outcome: expected,
    });
  });

  it.each([
    [204, "", "misconfigured"],
    [301, "", "misconfigured"],
    [400, "<html></html>", "misconfigured"],
    [400, '{"text":"New words","code":99}', "misconfigured"],
    [401, "", "unauthorized"],
    [403, "<html></html>", "unauthorized"],
    [404, '{"text":"The requested URL was not found on this server.","code":404}', "misconfigured"],
    [407, "", "unauthorized"],
    [408, "", "transient"],
    [413, "<!doctype html><title>413 Content-Length too large</title>", "rejected"],
    [415, "<!doctype html><title>415</title>", "misconfigured"],
    [429, "", "throttled"],
    [500, "<html></html>", "transient"],
    [502, "<html><h1>Bad Gateway</h1></html>", "transient"],
    [503, "", "transient"],
    [504, "", "transient"],
  ])("with status %i and %s means: %s", async (status, body, expected) => {
    expect(await outcome(status, body)).toMatchObject({ outcome: expected, status });
  });

  it.each([
    ["the page of a portal", "<html>Please sign in</html>"],
    ["nothing", ""],
    ["other JSON", '{"ok":true}'],
    ["a code that is a text", '{"text":"Success","code":"0"}'],
    ["a failure", '{"text":"Server is busy","code":9}'],
  ])("with status 200 and %s is no delivery", async (_, body) => {
    expect(await outcome(200, body)).toMatchObject({
      outcome: expect.stringMatching(/^(misconfigured|transient)$/),
    });
  });

  it("that claims success with a status of failure is no delivery", async () => {
    expect(await outcome(500, '{"text":"Success","code":0}')).toMatchObject({ outcome: "transient" });
  });

  it.each([
    [429, 26, "2", "throttled", 2000],
    [429, 26, undefined, "throttled", undefined],
    [429, 27, "2.128", "throttled", 2128],
    [503, 9, "3", "throttled", 3000],
    [503, 9, undefined, "transient", undefined],
    [503, 23, "1", "throttled", 1000],
    [503, 9, "soon", "transient", undefined],
  ])(
    "with status %i, code %i and Retry-After %s is %s",
    async (status, code, retryAfter, expected, retryAfterMs) => {
      const body = JSON.stringify({ text: "", code });

      expect(await outcome(status, body, retryAfter)).toMatchObject({ outcome: expected, retryAfterMs });
    },
  );

  it.each([
    [6, 1, "rejected", 1],
    [12, 0, "rejected", 0],
    [6, "1", "rejected", undefined],
    [7, 0, "misconfigured", undefined],
    [9, 10, "transient", undefined],
  ])("with code %i and event number %s is %s and blames %s", async (code, number, expected, culprit) => {
    const [status, text] = HEC_CODES[code]!;
    const body = JSON.stringify({ text, code, "invalid-event-number": number });

    expect(await outcome(status, body)).toMatchObject({ outcome: expected, culprit });
  });
});

describe.runIf(existsSync(RECORDED))("the recorded table of answers", () => {
  interface Row {
    readonly code: number;
    readonly http: number;
    readonly text: string;
    readonly class: string;
  }
  const table: {
    codes: Row[];
    bodies: Record<string, string>;
    non_hec_statuses: { http: unknown; class: string }[];
  } = existsSync(RECORDED)
    ? JSON.parse(readFileSync(RECORDED, "utf8"))
    : { codes: [], bodies: {}, non_hec_statuses: [] };

  it("agrees with every code", async () => {
    for (const { code, http, text, class: word } of table.codes) {
      const { outcome: found } = await outcome(http, JSON.stringify({ text, code }));
      expect(CLASSES[word], `code ${code}: ${word}`).toContain(found);
      expect(found).toBe(OUTCOMES[code]);
    }
  });

  it("agrees with every other status", async () => {
    for (const { http, class: word } of table.non_hec_statuses) {
      if (typeof http !== "number") continue;
      const { outcome: found } = await outcome(http, table.bodies["http_413_body_is_html"] ?? "");
      expect(CLASSES[word], `status ${http}: ${word}`).toContain(found);
    }
  });

  it("agrees with the bodies it holds", async () => {
    const { bodies } = table;
    expect(await outcome(200, bodies["success_plain"])).toMatchObject({ outcome: "delivered" });
    expect(await outcome(200, bodies["success_with_ack"])).toMatchObject({ outcome: "delivered" });
    expect(await outcome(400, bodies["poison_second_event"])).toMatchObject({
      outcome: "rejected",
      culprit: 1,
    });
    expect(await outcome(400, bodies["indexed_fields"])).toMatchObject({ outcome: "rejected", culprit: 0 });
    expect(await outcome(400, bodies["incorrect_index"])).toMatchObject({ outcome: "misconfigured" });
    expect(await outcome(503, bodies["busy_partial"])).toMatchObject({ outcome: "transient" });
  });
});

/** What a delivery comes to when it is answered so. */
async function outcome(status: number, body = "", retryAfter?: string): Promise<Record<string, unknown>> {
  const front = await aFront();
  front.answer = () => ({
    status,
    body,
    headers: retryAfter === undefined ? {} : { "retry-after": retryAfter },
  });
  try {
    const { slowDown } = await aSink(front.url).deliver(envelopesOf(3), endless());
    return { outcome: slowDown === true ? "delivered, slow down" : "delivered" };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const { kind, ...more } = error as Error & Record<string, unknown>;
    return { ...more, outcome: kind };
  }
}

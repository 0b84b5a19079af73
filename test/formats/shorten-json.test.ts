import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { shortenJson } from "../../src/formats/shorten-json.ts";
import { isObject } from "../../src/model/alert.ts";
import { anyAlert } from "./arbitrary.ts";

/** Whether the shorter value is the whole one with less in it: no name, kind, number or beginning has changed. */
function isLessOf(shorter: unknown, whole: unknown): boolean {
  if (typeof shorter === "string" && typeof whole === "string")
    return shorter === whole || whole.startsWith(shorter.replace(/…$/, ""));
  if (Array.isArray(shorter) && Array.isArray(whole)) return isPartOf(shorter, whole);
  if (isObject(shorter) && isObject(whole))
    return Object.entries(shorter).every(
      ([key, each]) => Object.hasOwn(whole, key) && isLessOf(each, whole[key]),
    );
  return Object.is(shorter, whole);
}

function isPartOf(shorter: readonly unknown[], whole: readonly unknown[]): boolean {
  return shorter.length <= whole.length && shorter.every((each, index) => isLessOf(each, whole[index]));
}

describe("a shortened JSON text", () => {
  it("fits, and is the whole one with less in it", () => {
    fc.assert(
      fc.property(anyAlert.filter(isObject), fc.integer({ min: 2, max: 3000 }), (alert, maxBytes) => {
        const { json } = shortenJson(JSON.stringify(alert), maxBytes);
        expect(Buffer.byteLength(json)).toBeLessThanOrEqual(maxBytes);
        expect(isLessOf(JSON.parse(json), JSON.parse(JSON.stringify(alert)))).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  it("names exactly the members in which something is missing", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.lorem({ maxCount: 40 })), (alert) => {
        const { json, touched } = shortenJson(JSON.stringify(alert), 400);
        const shorter: unknown = JSON.parse(json);
        const missing = Object.keys(alert).filter((key) => !isObject(shorter) || shorter[key] !== alert[key]);
        if (touched.size > 0) expect([...touched].sort()).toEqual(missing.sort());
      }),
    );
  });

  it("cuts no escape and no character into halves", () => {
    for (let max = 8; max < 60; max++) {
      const { json } = shortenJson(
        '{"a":"\\ud83d\\ude00\\u00e9\\n\\\\\u{1f600}é\\ud83d\\ude00 and more of the same"}',
        max,
      );
      expect(JSON.stringify(JSON.parse(json))).not.toMatch(/\\ud/);
    }
  });

  it("has null for a number that is too long, and never a part of it", () => {
    const { json, touched } = shortenJson(`{"a":${"1".repeat(5000)},"b":-0.0000031052972781360253}`, 60);
    expect(json).toBe('{"a":null,"b":-0.0000031052972781360253}');
    expect([...touched]).toEqual(["a"]);
  });

  it.each([
    ["the longest texts first", { a: "short", b: "x".repeat(500) }, 100, { a: "short" }],
    ["long lists to their beginnings", { a: Array.from({ length: 99 }, (_, n) => n) }, 100, { a: [0, 1] }],
  ])("loses %s", (_, alert, max, kept) => {
    expect(JSON.parse(shortenJson(JSON.stringify(alert), max).json)).toMatchObject(kept);
  });

  it.each(['{"a":', '{"a" 1}', '{"a":1', "[1}", '{"a":"', "{]"])(
    "is refused of %s, which is no JSON",
    (json) => {
      expect(() => shortenJson(json, 2000)).toThrow(SyntaxError);
    },
  );
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { clean, cutBytes, cutCharacters, jsonLine, oneLine } from "../../src/formats/text.ts";
import { hostileText } from "./arbitrary.ts";

const isWellFormed = (text: string) => !/\p{Cs}/u.test(text);

describe("clean text", () => {
  it.each([
    ["half a character", "x\ud83dy", "x\ufffdy"],
    ["two halves in the wrong order", "\ude00\ud83d", "\ufffd\ufffd"],
    ["a whole character of two units", "\u{1f600}", "\u{1f600}"],
    ["NUL, BEL and ESC", "a\0b\u0007c\u001b[31m", "abc[31m"],
    ["DEL and the C1 controls", "a\u007fb\u009bc", "abc"],
    ["line breaks and tabs", "a\r\nb\tc", "a\r\nb\tc"],
    ["NEL", "a\u0085b", "a\nb"],
    ["marks of writing direction", "rechnung\u202efdp.exe", "rechnung\u202efdp.exe"],
    ["space around it", " \t a b\r\n", "a b"],
  ])("comes of %s", (_, given, expected) => {
    expect(clean(given)).toBe(expected);
  });

  it("is well-formed and stays as it is when cleaned again", () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        const cleaned = clean(text);
        expect(isWellFormed(cleaned)).toBe(true);
        expect(clean(cleaned)).toBe(cleaned);
      }),
    );
  });
});

describe("text in one line", () => {
  it("has no line break of any kind", () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        expect(oneLine(text, " ")).not.toMatch(/[\p{Cc}\p{Cs}\u2028\u2029]/u);
      }),
    );
  });

  it("takes CR LF for one line break", () => {
    expect(oneLine("a\r\n\r\nb", "/")).toBe("a//b");
  });
});

describe("JSON in one line", () => {
  it("escapes what JSON leaves bare, and reads as the same value", () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        const line = jsonLine({ text });
        expect(line).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
        expect(JSON.parse(line)).toEqual({ text });
      }),
    );
  });
});

describe("cut text", () => {
  it("fits, is well-formed, and begins as the whole does", () => {
    fc.assert(
      fc.property(hostileText.map(clean), fc.nat(200), (text, max) => {
        const cut = cutBytes(text, max);
        expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(max);
        expect(isWellFormed(cut)).toBe(true);
        if (cut !== text) {
          expect(text.startsWith(cut.replace(/…$/, ""))).toBe(true);
          expect(Buffer.byteLength(text)).toBeGreaterThan(max);
        }
      }),
    );
  });

  it.each([
    ["aäb", 3, "…"],
    ["aäbc", 4, "a…"],
    ["äöü", 5, "ä…"],
    ["\u{1f600}\u{1f600}", 7, "\u{1f600}…"],
    ["\u{1f600}\u{1f600}", 8, "\u{1f600}\u{1f600}"],
    ["abc", 2, ""],
  ])("of %j in %i bytes is %j", (text, max, expected) => {
    expect(cutBytes(text, max)).toBe(expected);
  });

  it.each([
    ["abc", 3, "abc"],
    ["abcd", 3, "ab…"],
    ["\u{1f600}\u{1f600}\u{1f600}", 3, "\u{1f600}\u{1f600}\u{1f600}"],
    ["\u{1f600}\u{1f600}\u{1f600}\u{1f600}", 3, "\u{1f600}\u{1f600}…"],
  ])("of %j in %i characters is %j", (text, max, expected) => {
    expect(cutCharacters(text, max)).toBe(expected);
  });
});

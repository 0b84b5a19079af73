import { describe, expect, it } from "vitest";
import { quoted, wordsOfJson } from "../../../src/net/words.ts";

describe("the words of a refusal", () => {
  it.each([
    ["No such tenant.", ": No such tenant"],
    ["  \r\nNo\u0000 such\u2028tenant!\n", ": No such tenant"],
    ["a\u202eb", ": a b"],
    ["", ""],
    [" \n", ""],
    ["...", ""],
  ])("stand in one line: %j", (words, expected) => {
    expect(quoted(words, [])).toBe(expected);
  });

  it("are short, and end with no half of a character", () => {
    const words = quoted(`${"x".repeat(199)}\u{1f600}`, []);

    expect(words.length).toBeLessThanOrEqual(202);
    expect(words).not.toMatch(/\p{Cs}/u);
  });

  it.each([
    [
      "a piece of the request",
      'cannot read \'{"title":"Suspicious sign-in"\'',
      '[{"title":"Suspicious sign-in"}]',
    ],
    ["a secret", "the token abc123 is wrong", "abc123"],
  ])("are left out where they quote %s", (_, words, sent) => {
    expect(quoted(words, ["something else", sent])).toBe("");
  });

  it("may share a word with the request", () => {
    expect(quoted("The title is missing", ['{"title":null}'])).toBe(": The title is missing");
  });

  it("are left out where the request is too large to search", () => {
    expect(quoted("Too large", ["x".repeat(3_000_000)])).toBe("");
  });

  it("are not hidden by what is too short for a secret", () => {
    expect(quoted("No, 1 is wrong", ["", "1", "wrong"])).toBe(": No, 1 is wrong");
  });
});

describe("the words of a JSON answer", () => {
  it.each([
    ['{"message":"a"}', "a"],
    ['{"title":"a","detail":"b"}', "b"],
    ['{"error":{"message":"a"}}', ""],
    ['{"error":{"message":"a"},"reason":"b"}', "b"],
    ["[]", ""],
    ["null", ""],
    ["<html>", ""],
    ["", ""],
  ])("of %s are %j", (text, words) => {
    expect(wordsOfJson(text)).toBe(words);
  });
});

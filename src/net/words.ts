import { isObject } from "../model/alert.ts";
import { formsOf, mask } from "../model/secrets.ts";

/** The other side's own words in our errors: short, in one line, and never what we ourselves have sent. */

const MAX_LENGTH = 200;
/** So many characters in a row that also stand in the request are no coincidence. */
const QUOTE_LENGTH = 20;
/** Shorter values are ordinary words, no secrets. */
const SHORTEST_SECRET = 6;
/** A longer request is not searched; its answer's words are left out. */
const MAX_SEARCHED = 2_000_000;
/** What is longer is no secret but an alert, which nobody encodes to answer with it. */
const LONGEST_ENCODED = 4000;

/** Where a refusal in JSON says why; the first two are of RFC 9457 ("Problem Details for HTTP APIs"). */
const MEMBERS = ["detail", "title", "message", "error", "error_description", "reason"];

/**
 * What a refusal says, to stand before the full stop of a sentence.
 *
 * @param sent what we have sent, secrets included: a receiver may answer with it.
 * @returns `: its words`; empty where there are none or where they quote the request.
 */
export function quoted(words: string, sent: readonly string[]): string {
  const line = words
    .slice(0, MAX_LENGTH)
    .replace(/[\p{C}\p{Z}]+/gu, " ")
    .replace(/^ | ?[.!]* ?$/g, "");
  return line === "" || sent.some((text) => isPartOf(text, line)) ? "" : `: ${line}`;
}

/** @returns the words of an answer's JSON; empty where it is none or has none. */
export function wordsOfJson(text: string): string {
  try {
    const body: unknown = JSON.parse(text);
    if (!isObject(body)) return "";
    const words = MEMBERS.map((member) => body[member]).find((value) => typeof value === "string");
    return typeof words === "string" ? words : "";
  } catch {
    return "";
  }
}

function isPartOf(sent: string, line: string): boolean {
  if (sent.length > MAX_SEARCHED) return true;
  if (sent.length < LONGEST_ENCODED && mask(line, formsOf(sent)) !== line) return true;
  if (sent.length < QUOTE_LENGTH) return sent.length >= SHORTEST_SECRET && line.includes(sent);
  for (let at = 0; at + QUOTE_LENGTH <= line.length; at++) {
    if (sent.includes(line.slice(at, at + QUOTE_LENGTH))) return true;
  }
  return false;
}

import { type ByteSpan, eachElement, eachMember, endOfValue, skipSpace } from "../model/json-bytes.ts";

/** JSON as bytes: comparing it without the loss that parsing and writing anew brings. */

/** One member of an object: where its value is. */
export interface Member extends ByteSpan {
  /** As written, escapes not resolved. */
  readonly key: string;
}

const QUOTE = 0x22;
const OPEN_LIST = 0x5b;
const OPEN_OBJECT = 0x7b;

/** The members of the object that begins at `at`, and the index behind it; undefined when it is no whole object. */
export function readMembers(
  json: Buffer,
  at: number,
): { readonly members: readonly Member[]; readonly end: number } | undefined {
  const members: Member[] = [];
  const end = eachMember(json, at, (keyStart, keyEnd, start) => {
    const end = endOfValue(json, start);
    members.push({ key: json.toString("utf8", keyStart, keyEnd), start, end });
    return end;
  });
  return end < 0 ? undefined : { members, end };
}

/** True when both mean the same value: every digit of every number counts, the order of keys does not. */
export function sameJsonValue(left: Buffer, right: Buffer): boolean {
  return left.equals(right) || canonical(left) === canonical(right);
}

/** The one text of a JSON value: keys sorted, numbers in their shortest exact form, no white space. */
function canonical(json: Buffer): string {
  const start = skipSpace(json, 0);
  const end = endOfValue(json, start);
  if (end < 0 || skipSpace(json, end) !== json.length) throw new SyntaxError("no complete JSON value");
  return canonicalValue(json, { start, end });
}

function canonicalValue(json: Buffer, { start, end }: ByteSpan): string {
  const first = json[start];
  if (first === OPEN_OBJECT) {
    const members = readMembers(json, start)?.members ?? [];
    const entries = members.map((member): readonly [string, string] => [
      JSON.stringify(JSON.parse(`"${member.key}"`)),
      canonicalValue(json, member),
    ]);
    entries.sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0));
    return `{${entries.map(([key, value]) => `${key}:${value}`).join()}}`;
  }
  if (first === OPEN_LIST)
    return `[${elements(json, start)
      .map((span) => canonicalValue(json, span))
      .join()}]`;
  const literal = json.toString("utf8", start, end);
  if (first === QUOTE) return JSON.stringify(JSON.parse(literal));
  return /^[-\d]/.test(literal) ? canonicalNumber(literal) : literal;
}

function elements(json: Buffer, at: number): readonly ByteSpan[] {
  const spans: ByteSpan[] = [];
  eachElement(json, at, (start) => {
    const end = endOfValue(json, start);
    spans.push({ start, end });
    return end;
  });
  return spans;
}

/** `12.50` → `125e-1`, `1E3` → `1e3`, `0.0` → `0` */
function canonicalNumber(literal: string): string {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(literal);
  if (match === null) return literal;
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = match;
  const digits = `${whole}${fraction}`.replace(/^0+/, "");
  const significant = digits.replace(/0+$/, "");
  if (significant === "") return "0";
  const power = Number(exponent) - fraction.length + (digits.length - significant.length);
  return `${sign}${significant}e${power}`;
}

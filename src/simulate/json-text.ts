/**
 * JSON as bytes: finding values in it and comparing it, without the loss that parsing and writing anew brings
 * (integers beyond 2^53, key order, escapes). Works on UTF-8 as it came: what is not ASCII stands inside strings.
 */

interface ByteSpan {
  readonly start: number;
  readonly end: number;
}

/** One member of an object: where its value is. */
export interface Member extends ByteSpan {
  /** As written, escapes not resolved. */
  readonly key: string;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Index of the first byte that is no white space. */
export function skipSpace(json: Buffer, at: number): number {
  let index = at;
  while (index < json.length && isSpace(json[index])) index++;
  return index;
}

/** Index behind the value that begins at `at`; undefined when there is none or it is cut off. Checks brackets only. */
export function skipValue(json: Buffer, at: number): number | undefined {
  const first = json[at];
  if (first === QUOTE) return skipString(json, at);
  return first === OPEN_OBJECT || first === OPEN_LIST ? skipBrackets(json, at) : skipLiteral(json, at);
}

/** The members of the object that begins at `at`, and the index behind it; undefined when it is no whole object. */
export function readMembers(
  json: Buffer,
  at: number,
): { readonly members: readonly Member[]; readonly end: number } | undefined {
  if (json[at] !== OPEN_OBJECT) return undefined;
  const members: Member[] = [];
  let index = skipSpace(json, at + 1);
  if (json[index] === CLOSE_OBJECT) return { members, end: index + 1 };
  for (;;) {
    const member = readMember(json, index);
    if (member === undefined) return undefined;
    members.push(member);
    index = skipSpace(json, member.end);
    if (json[index] === CLOSE_OBJECT) return { members, end: index + 1 };
    if (json[index] !== COMMA) return undefined;
    index = skipSpace(json, index + 1);
  }
}

function readMember(json: Buffer, at: number): Member | undefined {
  const keyEnd = json[at] === QUOTE ? skipString(json, at) : undefined;
  if (keyEnd === undefined) return undefined;
  const colon = skipSpace(json, keyEnd);
  if (json[colon] !== COLON) return undefined;
  const start = skipSpace(json, colon + 1);
  const end = skipValue(json, start);
  return end === undefined ? undefined : { key: json.toString("utf8", at + 1, keyEnd - 1), start, end };
}

/** True when both mean the same value: every digit of every number counts, the order of keys does not. */
export function sameJsonValue(left: Buffer, right: Buffer): boolean {
  return left.equals(right) || canonical(left) === canonical(right);
}

/** The one text of a JSON value: keys sorted, numbers in their shortest exact form, no white space. */
function canonical(json: Buffer): string {
  const start = skipSpace(json, 0);
  const end = skipValue(json, start);
  if (end === undefined || skipSpace(json, end) !== json.length)
    throw new SyntaxError("no complete JSON value");
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
  let index = skipSpace(json, at + 1);
  while (index < json.length && json[index] !== CLOSE_LIST) {
    const end = skipValue(json, index);
    if (end === undefined) return spans;
    spans.push({ start: index, end });
    index = skipSpace(json, end);
    if (json[index] === COMMA) index = skipSpace(json, index + 1);
  }
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

function skipString(json: Buffer, at: number): number | undefined {
  for (let index = at + 1; index < json.length; index++) {
    const byte = json[index];
    if (byte === QUOTE) return index + 1;
    if (byte === BACKSLASH) index++;
  }
  return undefined;
}

function skipBrackets(json: Buffer, at: number): number | undefined {
  let depth = 0;
  for (let index = at; index < json.length; index++) {
    const byte = json[index];
    if (byte === QUOTE) {
      const end = skipString(json, index);
      if (end === undefined) return undefined;
      index = end - 1;
      continue;
    }
    depth += depthChange(byte);
    if (depth === 0 && depthChange(byte) < 0) return index + 1;
  }
  return undefined;
}

function depthChange(byte: number | undefined): -1 | 0 | 1 {
  if (byte === OPEN_OBJECT || byte === OPEN_LIST) return 1;
  return byte === CLOSE_OBJECT || byte === CLOSE_LIST ? -1 : 0;
}

function skipLiteral(json: Buffer, at: number): number | undefined {
  let index = at;
  while (index < json.length && !isDelimiter(json[index])) index++;
  return index > at ? index : undefined;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function isDelimiter(byte: number | undefined): boolean {
  return (
    byte === COMMA ||
    byte === OPEN_OBJECT ||
    byte === CLOSE_OBJECT ||
    byte === OPEN_LIST ||
    byte === CLOSE_LIST ||
    isSpace(byte)
  );
}

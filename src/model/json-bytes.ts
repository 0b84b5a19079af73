/**
 * JSON as the bytes it came in: finding what is wanted in it without decoding and parsing the rest, and without the loss
 * that parsing and writing anew brings (integers beyond 2^53, key order, escapes). UTF-8 needs no decoding for this:
 * what is not ASCII stands inside strings only.
 *
 * Brackets and quotes are checked, and with them that a text is whole; literals are not.
 */

export interface ByteSpan {
  readonly start: number;
  readonly end: number;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
/** White space is at or below it, and nothing else that JSON allows outside of strings. */
const SPACE = 0x20;

/** Index of the first byte from `at` on that is no white space. */
export function skipSpace(json: Buffer, at: number): number {
  let index = at;
  while (index < json.length && (json[index] ?? 0) <= SPACE) index++;
  return index;
}

/** Index behind the value that begins at `at`; -1 when there is none or it is cut off. */
export function endOfValue(json: Buffer, at: number): number {
  const first = json[at];
  if (first === QUOTE) return endOfString(json, at);
  return first === OPEN_OBJECT || first === OPEN_LIST ? endOfNested(json, at) : endOfLiteral(json, at);
}

/** Index behind the string that begins at `at`; -1 when it is cut off. */
function endOfString(json: Buffer, at: number): number {
  const length = json.length;
  for (let index = at + 1; index < length; index++) {
    const byte = json[index];
    if (byte === QUOTE) return index + 1;
    if (byte === BACKSLASH) index++;
  }
  return -1;
}

/** What a byte outside of strings adds to the depth. */
const NESTING = new Int8Array(256);
NESTING[OPEN_OBJECT] = NESTING[OPEN_LIST] = 1;
NESTING[CLOSE_OBJECT] = NESTING[CLOSE_LIST] = -1;

function endOfNested(json: Buffer, at: number): number {
  const length = json.length;
  let depth = 0;
  for (let index = at; index < length; index++) {
    const byte = json[index] ?? 0;
    if (byte === QUOTE) {
      index = endOfString(json, index) - 1;
      if (index < 0) return -1;
    } else {
      depth += NESTING[byte] ?? 0;
      if (depth === 0) return index + 1;
    }
  }
  return -1;
}

function endOfLiteral(json: Buffer, at: number): number {
  let index = at;
  while (index < json.length && !endsLiteral(json[index] ?? 0)) index++;
  return index > at ? index : -1;
}

function endsLiteral(byte: number): boolean {
  return (
    byte <= SPACE ||
    byte === COMMA ||
    byte === QUOTE ||
    byte === OPEN_OBJECT ||
    byte === CLOSE_OBJECT ||
    byte === OPEN_LIST ||
    byte === CLOSE_LIST
  );
}

/**
 * Goes through the object that begins at `at`.
 *
 * @param read is told where a key begins and ends, without quotes and with its escapes, and where its value begins;
 *     tells the index behind the value, -1 when there is none.
 * @returns the index behind the object; -1 when it is no whole object.
 */
export function eachMember(
  json: Buffer,
  at: number,
  read: (keyStart: number, keyEnd: number, start: number) => number,
): number {
  return each(json, at, OPEN_OBJECT, CLOSE_OBJECT, (keyStart) => atMember(json, keyStart, read));
}

/**
 * Goes through the list that begins at `at`.
 *
 * @param read reads the element that begins at an index, and tells the index behind it; -1 when there is none.
 * @returns the index behind the list; -1 when it is no whole list.
 */
export function eachElement(json: Buffer, at: number, read: (start: number) => number): number {
  return each(json, at, OPEN_LIST, CLOSE_LIST, read);
}

/** Without a generator: each of its steps makes an object, and an alert has dozens of members. */
function each(json: Buffer, at: number, open: number, close: number, read: (part: number) => number): number {
  let part = firstPart(json, at, open, close);
  while (part >= 0) part = nextPart(json, read(part), close);
  return behind(part);
}

/**
 * What is gone through a part at a time, for whoever does something else in between: it tells of a part, is told the
 * index behind its value, and comes to the index behind the whole. Each index is -1 where there is none.
 */
type Parts<Part> = Generator<Part, number, number>;

export function* elementsOf(json: Buffer, at: number): Parts<number> {
  let part = firstPart(json, at, OPEN_LIST, CLOSE_LIST);
  while (part >= 0) part = nextPart(json, yield part, CLOSE_LIST);
  return behind(part);
}

/** The key of each member, with its escapes, and where its value begins. */
export function* membersOf(
  json: Buffer,
  at: number,
): Parts<{ readonly key: string; readonly start: number }> {
  let part = firstPart(json, at, OPEN_OBJECT, CLOSE_OBJECT);
  while (part >= 0) {
    const member = atMember(json, part, (keyStart, keyEnd, start) => ({
      key: json.toString("utf8", keyStart, keyEnd),
      start,
    }));
    part = nextPart(json, member === -1 ? -1 : yield member, CLOSE_OBJECT);
  }
  return behind(part);
}

function atMember<Read>(
  json: Buffer,
  at: number,
  read: (keyStart: number, keyEnd: number, start: number) => Read,
): Read | -1 {
  const keyEnd = json[at] === QUOTE ? endOfString(json, at) : -1;
  const colon = keyEnd < 0 ? -1 : skipSpace(json, keyEnd);
  return json[colon] === COLON ? read(at + 1, keyEnd - 1, skipSpace(json, colon + 1)) : -1;
}

/** Index of the first part of a list or object; where there is none, what `behind` understands. */
function firstPart(json: Buffer, at: number, open: number, close: number): number {
  if (json[at] !== open) return -1;
  const index = skipSpace(json, at + 1);
  return json[index] === close ? ~(index + 1) : index;
}

/** Index of the part that follows the one whose value ends before `end`; likewise. */
function nextPart(json: Buffer, end: number, close: number): number {
  if (end < 0) return -1;
  const index = skipSpace(json, end);
  if (json[index] === close) return ~(index + 1);
  return json[index] === COMMA ? skipSpace(json, index + 1) : -1;
}

/** The index behind a list or object that has no more parts, of which `~` is the sign; -1 where it is none. */
function behind(noPart: number): number {
  return noPart === -1 ? -1 : ~noPart;
}

export function isObjectAt(json: Buffer, at: number): boolean {
  return json[at] === OPEN_OBJECT;
}

/** Names of members that are looked for, by their length. */
export interface Names {
  readonly list: readonly string[];
  readonly byLength: readonly (readonly { readonly bytes: Buffer; readonly index: number }[] | undefined)[];
}

export function namesOf(list: readonly string[]): Names {
  const byLength: { bytes: Buffer; index: number }[][] = [];
  for (const [index, name] of list.entries()) {
    const bytes = Buffer.from(name);
    byLength[bytes.length] = [...(byLength[bytes.length] ?? []), { bytes, index }];
  }
  return { list, byLength };
}

/** Where the value of a member is, and its elements where it is a list. */
export interface Place extends ByteSpan {
  readonly elements: readonly ByteSpan[];
}

/** An object of which some members were looked for. */
export interface Found {
  /** Index behind the object. */
  readonly end: number;
  /** Undefined when there is no such member. The last one counts, as for any parser. */
  place(name: string): Place | undefined;
  /** The parsed value of a member; undefined when there is none. @throws SyntaxError */
  value(name: string): unknown;
}

const NO_ELEMENTS: readonly ByteSpan[] = [];

/** Looks for members of the object that begins at `at`; undefined when it is no whole object. */
export function look(json: Buffer, at: number, names: Names): Found | undefined {
  const places: (Place | undefined)[] = [];
  const end = eachMember(json, at, (keyStart, keyEnd, start) => {
    const index = indexOfKey(json, keyStart, keyEnd, names);
    if (index < 0) return endOfValue(json, start);
    const list: ByteSpan[] | undefined = json[start] === OPEN_LIST ? [] : undefined;
    const end = list === undefined ? endOfValue(json, start) : readElements(json, start, list);
    places[index] = { start, end, elements: list ?? NO_ELEMENTS };
    return end;
  });
  if (end < 0) return undefined;
  const place = (name: string) => places[names.list.indexOf(name)];
  return {
    end,
    place,
    value(name) {
      const found = place(name);
      return found === undefined ? undefined : parseSpan(json, found);
    },
  };
}

function readElements(json: Buffer, at: number, into: ByteSpan[]): number {
  return eachElement(json, at, (start) => {
    const end = endOfValue(json, start);
    into.push({ start, end });
    return end;
  });
}

function indexOfKey(json: Buffer, start: number, end: number, { byLength }: Names): number {
  for (const { bytes, index } of byLength[end - start] ?? []) {
    let same = 0;
    while (same < bytes.length && bytes[same] === json[start + same]) same++;
    if (same === bytes.length) return index;
  }
  return -1;
}

/** The value of a part of the text. @throws SyntaxError */
export function parseSpan(json: Buffer, { start, end }: ByteSpan): unknown {
  const isPlain = json[start] === QUOTE && !hasEscapes(json, start, end);
  return isPlain ? json.toString("utf8", start + 1, end - 1) : JSON.parse(json.toString("utf8", start, end));
}

/** Byte by byte: what is read is short, and a buffer of its own for `indexOf` costs more than looking. */
function hasEscapes(json: Buffer, start: number, end: number): boolean {
  for (let index = start; index < end; index++) if (json[index] === BACKSLASH) return true;
  return false;
}

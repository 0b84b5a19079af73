import { isObject } from "../model/alert.ts";
import { SourceError } from "../model/failure.ts";

/** One answer of an OData list: what its elements were read as, and what stands around them. */
export interface Page<Element> {
  readonly elements: readonly Element[];
  readonly nextLink: string | undefined;
  /** How many there are in all, where it was asked for. */
  readonly count: number | undefined;
}

/**
 * Cuts a page into its alerts without writing them anew: each keeps the very text the service sent, so that
 * 64-bit numbers, key order and escapes survive. Every element is parsed once, which also proves the page whole,
 * and only what was read of it is kept: a page of parsed alerts would be several times as large as its text.
 *
 * @param read makes of an element what is needed of it.
 * @throws SourceError (transient) when the text is not the JSON of a list: HTML of a gateway, a cut answer.
 */
export function readPage<Element>(
  body: string,
  read: (value: unknown, raw: string) => Element,
): Page<Element> {
  const span = findValueArray(body);
  if (span === undefined) throw notAPage(body);
  try {
    const around: unknown = JSON.parse(`${body.slice(0, span.start)}[]${body.slice(span.end)}`);
    const { "@odata.nextLink": nextLink, "@odata.count": count } = isObject(around) ? around : {};
    return {
      elements: span.elements.map((raw) => read(JSON.parse(raw), raw)),
      nextLink: typeof nextLink === "string" && nextLink !== "" ? nextLink : undefined,
      count: typeof count === "number" ? count : undefined,
    };
  } catch (cause) {
    // The text of a JSON error quotes the alert, so it is not passed on.
    throw notAPage(body, cause instanceof SyntaxError ? undefined : cause);
  }
}

function notAPage(body: string, cause?: unknown): SourceError {
  const looks =
    body.trim() === "" ? "an empty answer" : /^\s*</.test(body) ? "HTML" : "no complete JSON list";
  return new SourceError("transient", `The service answered with ${looks} instead of a page of alerts.`, {
    cause,
  });
}

interface ValueArray {
  readonly start: number;
  readonly end: number;
  readonly elements: readonly string[];
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const BACKSLASH = 0x5c;

/** Finds the top-level `"value": [ … ]` and the text of each of its elements; undefined when it is no whole list. */
function findValueArray(body: string): ValueArray | undefined {
  const start = findMember(body, "value");
  if (start < 0 || body.charCodeAt(start) !== OPEN_LIST) return undefined;
  const elements: string[] = [];
  let at = skipSpace(body, start + 1);
  while (body.charCodeAt(at) !== CLOSE_LIST) {
    const end = endOfValue(body, at);
    if (end <= at) return undefined;
    elements.push(body.slice(at, end).trimEnd());
    at = skipSpace(body, end);
    if (body.charCodeAt(at) === COMMA) at = skipSpace(body, at + 1);
    else if (body.charCodeAt(at) !== CLOSE_LIST) return undefined;
  }
  return { start, end: at + 1, elements };
}

/** Where the value of a member of the outermost object begins; -1 when there is none. */
function findMember(body: string, name: string): number {
  let at = skipSpace(body, 0);
  if (body.charCodeAt(at) !== OPEN_OBJECT) return -1;
  for (at = skipSpace(body, at + 1); body.charCodeAt(at) === QUOTE; at = skipSpace(body, at + 1)) {
    const end = endOfValue(body, at);
    const colon = end < 0 ? -1 : body.indexOf(":", end);
    if (colon < 0) return -1;
    const value = skipSpace(body, colon + 1);
    if (body.slice(at + 1, end - 1) === name) return value;
    at = endOfValue(body, value);
    if (at < 0) return -1;
    at = skipSpace(body, at);
  }
  return -1;
}

/**
 * Index behind the JSON value that begins at `at`: `at` itself when there is none, -1 when it is cut off. Scalars
 * may carry space behind them.
 */
function endOfValue(body: string, at: number): number {
  const first = body.charCodeAt(at);
  if (first === OPEN_OBJECT || first === OPEN_LIST) return endOfNested(body, at);
  if (first === QUOTE) {
    const end = endOfString(body, at);
    return end < 0 ? -1 : end + 1;
  }
  for (let end = at; end < body.length; end++) {
    const sign = body.charCodeAt(end);
    if (sign === COMMA || sign === CLOSE_LIST || sign === CLOSE_OBJECT) return end;
  }
  return -1;
}

/** Counts brackets, and jumps from quote to quote, which is where nearly all the text is. */
function endOfNested(body: string, start: number): number {
  let depth = 0;
  for (let at = start; at < body.length; at++) {
    const sign = body.charCodeAt(at);
    if (sign === QUOTE) {
      at = endOfString(body, at);
      if (at < 0) return -1;
    } else {
      depth += nesting(sign);
      if (depth === 0) return at + 1;
    }
  }
  return -1;
}

function nesting(sign: number): 1 | 0 | -1 {
  if (sign === OPEN_OBJECT || sign === OPEN_LIST) return 1;
  return sign === CLOSE_OBJECT || sign === CLOSE_LIST ? -1 : 0;
}

/** Index of the quote that closes the string opened at `at`; -1 when it is cut off. */
function endOfString(body: string, at: number): number {
  for (let end = body.indexOf('"', at + 1); end >= 0; end = body.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (body.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  return -1;
}

function skipSpace(body: string, at: number): number {
  let next = at;
  while (next < body.length && body.charCodeAt(next) <= 0x20) next++;
  return next;
}

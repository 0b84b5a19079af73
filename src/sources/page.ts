import { isObject } from "../model/alert.ts";
import { SourceError } from "../model/failure.ts";

/** One answer of an OData list: the elements of `value` with their own text, and what stands around them. */
export interface Page {
  readonly elements: readonly { readonly raw: string; readonly value: unknown }[];
  readonly nextLink: string | undefined;
}

/**
 * Cuts a page into its alerts without writing them anew: each keeps the very text the service sent, so that
 * 64-bit numbers, key order and escapes survive. Every element is parsed once, which also proves the page whole.
 *
 * @throws SourceError (transient) when the text is not the JSON of a list: HTML of a gateway, a cut answer.
 */
export function readPage(body: string): Page {
  const span = findValueArray(body);
  if (span === undefined) throw notAPage(body);
  try {
    const around: unknown = JSON.parse(`${body.slice(0, span.start)}[]${body.slice(span.end)}`);
    const nextLink = isObject(around) ? around["@odata.nextLink"] : undefined;
    return {
      elements: span.elements.map((raw) => ({ raw, value: JSON.parse(raw) as unknown })),
      nextLink: typeof nextLink === "string" && nextLink !== "" ? nextLink : undefined,
    };
  } catch (cause) {
    // The text of a JSON error quotes the alert, so it is not passed on.
    throw notAPage(body, cause instanceof SyntaxError ? undefined : cause);
  }
}

function notAPage(body: string, cause?: unknown): SourceError {
  const looks = body.trim() === "" ? "an empty answer" : /^\s*</.test(body) ? "HTML" : "no complete JSON list";
  return new SourceError("transient", `The service answered with ${looks} instead of a page of alerts.`, { cause });
}

interface ValueArray {
  readonly start: number;
  readonly end: number;
  readonly elements: readonly string[];
}

/** Finds the top-level `"value": [ … ]` and the text of each of its elements. */
function findValueArray(body: string): ValueArray | undefined {
  const elements: string[] = [];
  let depth = 0;
  let start = -1;
  let elementStart = -1;
  let lastString = "";
  const takeElement = (end: number) => {
    const raw = body.slice(elementStart, end).trim();
    if (raw !== "") elements.push(raw);
  };
  for (let at = 0; at < body.length; at++) {
    switch (body.charCodeAt(at)) {
      case 0x22: {
        const end = endOfString(body, at);
        if (end < 0) return undefined;
        if (depth === 1) lastString = body.slice(at + 1, end);
        at = end;
        break;
      }
      case 0x7b: // {
        depth++;
        break;
      case 0x5b: // [
        depth++;
        if (depth === 2 && start < 0 && lastString === "value") {
          start = at;
          elementStart = at + 1;
        }
        break;
      case 0x2c: // ,
        if (start >= 0 && depth === 2) {
          takeElement(at);
          elementStart = at + 1;
        }
        break;
      case 0x7d: // }
      case 0x5d: // ]
        depth--;
        if (start >= 0 && depth === 1) {
          takeElement(at);
          return { start, end: at + 1, elements };
        }
        break;
      default:
    }
  }
  return undefined;
}

/** Index of the quote that closes the string opened at `at`; -1 when it is cut off. */
function endOfString(body: string, at: number): number {
  for (let end = body.indexOf('"', at + 1); end >= 0; end = body.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (body.charCodeAt(end - 1 - backslashes) === 0x5c) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  return -1;
}

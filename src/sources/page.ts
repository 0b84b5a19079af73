import { isUtf8 } from "node:buffer";
import { SourceError } from "../model/failure.ts";
import { eachElement, endOfValue, look, namesOf, skipSpace } from "../model/json-bytes.ts";

/** One answer of an OData list: what its elements were read as, and what stands around them. */
export interface Page<Element> {
  readonly elements: readonly Element[];
  readonly nextLink: string | undefined;
  /** How many there are in all, where it was asked for. */
  readonly count: number | undefined;
}

const AROUND = namesOf(["value", "@odata.nextLink", "@odata.count"]);

/**
 * Cuts a page into its elements in the bytes it came in, without decoding, parsing and writing them anew: each keeps what
 * the service sent, so that 64-bit numbers, key order and escapes survive, and what nobody reads costs next to nothing.
 *
 * @param read makes of the element that begins at an index what is needed of it.
 * @throws SourceError (transient) when the text is not the JSON of a list: HTML of a gateway, a cut answer.
 */
export function readPage<Element>(
  answer: Buffer,
  read: (json: Buffer, at: number) => { readonly end: number; readonly element: Element },
): Page<Element> {
  // Receivers refuse what is no UTF-8; decoding puts signs in its place that are.
  const body = isUtf8(answer) ? answer : Buffer.from(String(answer));
  try {
    const page = readList(body, read);
    if (page !== undefined) return page;
  } catch (cause) {
    // The text of a JSON error quotes the alert, so it is not passed on.
    if (!(cause instanceof SyntaxError)) throw notAPage(body, cause);
  }
  throw notAPage(body);
}

function readList<Element>(
  body: Buffer,
  read: (json: Buffer, at: number) => { readonly end: number; readonly element: Element },
): Page<Element> | undefined {
  let elements: Element[] | undefined;
  const around = look(body, skipSpace(body, 0), AROUND, (name, start) => {
    if (name !== "value") return endOfValue(body, start);
    const list: Element[] = [];
    elements = list;
    return eachElement(body, start, (at) => {
      const { end, element } = read(body, at);
      list.push(element);
      return end;
    });
  });
  if (around === undefined || elements === undefined || skipSpace(body, around.end) < body.length)
    return undefined;
  const [nextLink, count] = [around.value("@odata.nextLink"), around.value("@odata.count")];
  return {
    elements,
    nextLink: typeof nextLink === "string" && nextLink !== "" ? nextLink : undefined,
    count: typeof count === "number" ? count : undefined,
  };
}

function notAPage(body: Buffer, cause?: unknown): SourceError {
  const text = String(body.subarray(0, 1000)).trim();
  const looks = text === "" ? "an empty answer" : text.startsWith("<") ? "HTML" : "no complete JSON list";
  return new SourceError("transient", `The service answered with ${looks} instead of a page of alerts.`, {
    cause,
  });
}

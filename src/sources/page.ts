import { isUtf8 } from "node:buffer";
import { SourceError } from "../model/failure.ts";
import {
  type ByteSpan,
  elementsOf,
  endOfValue,
  membersOf,
  parseSpan,
  skipSpace,
} from "../model/json-bytes.ts";
import { ownTurn } from "../model/turns.ts";

/** One answer of an OData list: what its elements were read as, and what stands around them. */
export interface Page<Element> {
  readonly elements: readonly Element[];
  readonly nextLink: string | undefined;
  /** How many there are in all, where it was asked for. */
  readonly count: number | undefined;
}

type Read<Element> = (json: Buffer, at: number) => { readonly end: number; readonly element: Element };

/** So much of a page is gone through at a turn of the event loop: a few milliseconds. */
const PORTION_BYTES = 500_000;

/**
 * Cuts a page into its elements in the bytes it came in, without decoding, parsing and writing them anew: each keeps what
 * the service sent, so that 64-bit numbers, key order and escapes survive, and what nobody reads costs next to nothing.
 * What else the process does has its turn in between.
 *
 * @param read makes of the element that begins at an index what is needed of it.
 * @throws SourceError (transient) when the text is not the JSON of a list: HTML of a gateway, a cut answer.
 */
export async function readPage<Element>(answer: Buffer, read: Read<Element>): Promise<Page<Element>> {
  // Receivers refuse what is no UTF-8; decoding puts signs in its place that are.
  const body = isUtf8(answer) ? answer : Buffer.from(String(answer));
  try {
    const page = await readList(body, read);
    if (page !== undefined) return page;
  } catch (cause) {
    // The text of a JSON error quotes the alert, so it is not passed on.
    if (!(cause instanceof SyntaxError)) throw notAPage(body, cause);
  }
  throw notAPage(body);
}

async function readList<Element>(body: Buffer, read: Read<Element>): Promise<Page<Element> | undefined> {
  let elements: Element[] | undefined;
  const spans = new Map<string, ByteSpan>();
  const members = membersOf(body, skipSpace(body, 0));
  let step = members.next(-1);
  while (step.done !== true) {
    const { key, start } = step.value;
    const list = key === "value" ? await readElements(body, start, read) : undefined;
    elements = list?.elements ?? elements;
    const end = list?.end ?? endOfValue(body, start);
    spans.set(key, { start, end });
    step = members.next(end);
  }
  if (step.value < 0 || elements === undefined || skipSpace(body, step.value) < body.length) return undefined;
  const [nextLink, count] = ["@odata.nextLink", "@odata.count"].map((key) => parsed(body, spans.get(key)));
  return {
    elements,
    nextLink: typeof nextLink === "string" && nextLink !== "" ? nextLink : undefined,
    count: typeof count === "number" ? count : undefined,
  };
}

/** @returns what is in the list, and the index behind it; -1 when it is none. */
async function readElements<Element>(
  body: Buffer,
  at: number,
  read: Read<Element>,
): Promise<{ readonly elements: Element[]; readonly end: number }> {
  const elements: Element[] = [];
  const list = elementsOf(body, at);
  let pauseAt = at + PORTION_BYTES;
  let step = list.next(-1);
  while (step.done !== true) {
    const { end, element } = read(body, step.value);
    elements.push(element);
    if (end > pauseAt) {
      await ownTurn();
      pauseAt = end + PORTION_BYTES;
    }
    step = list.next(end);
  }
  return { elements, end: step.value };
}

function parsed(body: Buffer, span: ByteSpan | undefined): unknown {
  return span === undefined ? undefined : parseSpan(body, span);
}

function notAPage(body: Buffer, cause?: unknown): SourceError {
  const text = String(body.subarray(0, 1000)).trim();
  const looks = text === "" ? "an empty answer" : text.startsWith("<") ? "HTML" : "no complete JSON list";
  return new SourceError("transient", `The service answered with ${looks} instead of a page of alerts.`, {
    cause,
  });
}

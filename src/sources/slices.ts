import { type Alert, type AlertShape, isUnreadable, readAlert, type Unreadable } from "../model/alert.ts";
import { SourceError } from "../model/failure.ts";
import type { Ticks } from "../model/ticks.ts";
import type { Span } from "../model/window.ts";
import type { Page } from "./page.ts";
import type { Slice } from "./source.ts";

/** How a list of one API is asked for. */
export interface List {
  readonly shape: AlertShape;
  /** The most elements one page can hold; a page this long may have been cut. */
  readonly pageSize: number;
  /** The first page of a span. */
  first(span: Span, signal: AbortSignal): Promise<Page>;
  /** A further page, by the link that the API gave. */
  next(link: string, signal: AbortSignal): Promise<Page>;
  /** The page behind the first `skip` elements, for an API that gives no link; undefined when it has no such thing. */
  skip?(span: Span, skip: number, signal: AbortSignal): Promise<Page>;
}

/** A page filled less than this makes the next slice twice as wide. */
const WIDEN_BELOW = 0.4;
/** A service that fails on a large part may answer a smaller one; more tries in one round would only add load. */
const SMALLER_TRIES = 3;
/** More pages than this within one tick are not believed. */
const MAX_PAGES = 1000;

/**
 * Reads a span so that no answer is ever paged through while the alerts move underneath: a part that does not fit
 * one page is halved in time, until it fits or spans a single tick. Only such a tick is paged. The width that
 * fitted is kept for the next part and grows again when pages run empty.
 */
export async function* readSlices(list: List, span: Span, signal: AbortSignal): AsyncGenerator<Slice> {
  let from = span.from;
  let width = span.to - span.from;
  let failures = 0;
  while (from < span.to) {
    const part = { from, to: earlier(from + width, span.to) };
    width = part.to - part.from;
    const elements = await readPart(list, part, signal, () => ++failures);
    if (elements === "too-much") {
      width = width > 1n ? width / 2n : 1n;
      continue;
    }
    failures = 0;
    yield { to: part.to, ...sort(elements, list.shape) };
    from = part.to;
    if (elements.length < list.pageSize * WIDEN_BELOW) width *= 2n;
  }
}

/** Everything in a part, or that it is more than one answer holds. */
async function readPart(
  list: List,
  part: Span,
  signal: AbortSignal,
  countFailure: () => number,
): Promise<Page["elements"] | "too-much"> {
  const divisible = part.to - part.from > 1n;
  let page: Page;
  try {
    page = await list.first(part, signal);
  } catch (cause) {
    if (divisible && isTooMuch(cause, countFailure())) return "too-much";
    throw cause;
  }
  if (page.elements.length < list.pageSize && page.nextLink === undefined) return page.elements;
  // An empty page with a link has nothing to divide; the link must be followed to see what there is.
  if (divisible && page.elements.length > 0) return "too-much";
  return await readOn(list, part, page, signal);
}

/** Follows a page that cannot be halved: by the link where there is one, else by skipping what was read. */
async function readOn(list: List, span: Span, first: Page, signal: AbortSignal): Promise<Page["elements"]> {
  const elements = [...first.elements];
  const seen = new Set<string>();
  let page = first;
  for (let pages = 1; ; pages++) {
    const { nextLink } = page;
    if (nextLink !== undefined) {
      if (seen.has(nextLink) || pages > MAX_PAGES) {
        throw new SourceError(
          "transient",
          "The service repeats its next link; the window is read again later.",
          {
            code: "repeated-next-link",
          },
        );
      }
      seen.add(nextLink);
      page = await list.next(nextLink, signal);
    } else if (list.skip !== undefined && page.elements.length >= list.pageSize) {
      page = await list.skip(span, elements.length, signal);
    } else {
      return elements;
    }
    elements.push(...page.elements);
  }
}

function earlier(a: Ticks, b: Ticks): Ticks {
  return a < b ? a : b;
}

/** A large answer can be what breaks the service, and it can break our own limit: ask for less before giving up. */
function isTooMuch(cause: unknown, failures: number): boolean {
  if (!(cause instanceof SourceError)) return false;
  if (cause.code === "EANSWERTOOLARGE") return true;
  return (cause.status === 500 || cause.status === 504) && failures <= SMALLER_TRIES;
}

function sort(elements: Page["elements"], shape: AlertShape): { alerts: Alert[]; unreadable: Unreadable[] } {
  const alerts: Alert[] = [];
  const unreadable: Unreadable[] = [];
  for (const { value, raw } of elements) {
    const read = readAlert(value, raw, shape);
    if (isUnreadable(read)) unreadable.push(read);
    else alerts.push(read);
  }
  // Oldest update first; within one tick by id, so that the same page always gives the same batches.
  alerts.sort(
    (a, b) => (a.updatedMs ?? 0) - (b.updatedMs ?? 0) || compare(a.version, b.version) || compare(a.id, b.id),
  );
  return { alerts, unreadable };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

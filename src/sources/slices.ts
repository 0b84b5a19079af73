import { type Alert, type AlertShape, isUnreadable, readAlert, type Unreadable } from "../model/alert.ts";
import { SourceError } from "../model/failure.ts";
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
    const to = from + width < span.to ? from + width : span.to;
    const part = { from, to };
    let page: Page;
    try {
      page = await list.first(part, signal);
    } catch (cause) {
      if (to - from <= 1n || !isTooMuch(cause, ++failures)) throw cause;
      width = halve(to - from);
      continue;
    }
    failures = 0;
    const whole = page.elements.length < list.pageSize && page.nextLink === undefined;
    if (!whole && to - from > 1n && page.elements.length > 0) {
      width = halve(to - from);
      continue;
    }
    const elements = whole ? page.elements : await readOn(list, part, page, signal);
    yield { to, ...sort(elements, list.shape) };
    from = to;
    if (elements.length < list.pageSize * WIDEN_BELOW) width = (to - part.from) * 2n;
    else width = to - part.from;
  }
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
        throw new SourceError("transient", "The service repeats its next link; the window is read again later.", {
          code: "repeated-next-link",
        });
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

function halve(width: bigint): bigint {
  return width > 1n ? width / 2n : 1n;
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
  alerts.sort((a, b) => (a.updatedMs ?? 0) - (b.updatedMs ?? 0) || compare(a.version, b.version) || compare(a.id, b.id));
  return { alerts, unreadable };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

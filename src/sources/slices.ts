import { type Alert, isUnreadable, type Unreadable } from "../model/alert.ts";
import { SourceError } from "../model/failure.ts";
import { formatTicks, parseTicks, type Ticks } from "../model/ticks.ts";
import type { Span } from "../model/window.ts";
import type { Room, Visit } from "../net/room.ts";
import type { Page } from "./page.ts";
import type { ReadHow, Slice, TimeOf } from "./source.ts";
import { Trouble } from "./trouble.ts";

/** A page of alerts, with the records that are none. */
type AlertPage = Page<Alert | Unreadable>;
type Elements = AlertPage["elements"];

/** What goes with every page that is asked for in one read. */
export interface Asking {
  readonly signal: AbortSignal;
  /** Keeps the pages for as long as a slice of them is in use. Without it each is its own. */
  readonly visit?: Visit;
}

/** How a list of one API is asked for. */
export interface List {
  /** The most elements one page can hold; a page this long may have been cut. */
  readonly pageSize: number;
  /** Where its pages are received. */
  readonly room: Room;
  /** The time that spans speak of; the last update where nothing is said. */
  readonly by?: TimeOf;
  /** The first page of a span; `within` narrows it further, by conditions of `divisions`. */
  first(span: Span, asking: Asking, within?: readonly string[]): Promise<AlertPage>;
  /** A further page, by the link that the API gave. */
  next(link: string, asking: Asking): Promise<AlertPage>;
  /** The page behind the first `skip` elements, for an API that gives no link; undefined when it has no such thing. */
  skip?(span: Span, skip: number, asking: Asking): Promise<AlertPage>;
  /** Conditions that divide an instant, for an API that does not page to the end of a long list. */
  readonly divisions?: readonly (readonly string[])[];
}

/** More than one answer holds, and how wide a part may be that does fit. */
interface TooMuch {
  readonly fits: Ticks;
}

/** How full, in hundredths, a page shall be that is asked for by the density of another. */
const FILLED = 80n;
/** A guess narrows half of a part no more than this. */
const MOST_NARROWED = 16n;
/** A page filled less than this makes the next slice twice as wide. */
const WIDEN_BELOW = 0.4;
/** More pages than this within one tick are not believed. */
const MAX_PAGES = 1000;
/** An alert this far from the tick that was asked for shows that the filter is not honoured: one second. */
const STRAY_TICKS = 10_000_000n;

/**
 * Reads a span so that no answer is ever paged through while the alerts move underneath: a part that does not fit
 * one page is narrowed, by half or to what the page shows to be dense, until it fits or spans a single tick. Only such a
 * tick is paged, and where the API does not page to its end, divided by what else it filters. The width that fitted is
 * kept for the next part and grows again when pages run empty.
 *
 * @param how.stepOver leaves a tick out that fails for good; see `Trouble`.
 */
export async function* readSlices(
  list: List,
  span: Span,
  signal: AbortSignal,
  { passOver = [], stepOver = false }: Omit<ReadHow, "by"> = {},
): AsyncGenerator<Slice> {
  const visit = list.room.visit();
  const asking = { signal, visit };
  const trouble = new Trouble((part) => list.first(part, asking), stepOver);
  let from = span.from;
  let width = span.to - span.from;
  try {
    while (from < span.to) {
      // The slice before this one was worked at.
      visit.leave();
      const passed = passOver.find((hole) => hole.from <= from && from < hole.to);
      if (passed !== undefined) {
        from = earlier(passed.to, span.to);
        yield emptyTo(from);
        continue;
      }
      const part = { from, to: beforeNext(passOver, from, earlier(from + width, span.to)) };
      const read = await readOrJudge(list, part, asking, trouble);
      if ("fits" in read) {
        width = read.fits;
        continue;
      }
      from = part.to;
      trouble.readUpTo(from);
      if (read instanceof SourceError) {
        yield { ...emptyTo(from), failed: read };
        width = span.to - from;
        continue;
      }
      yield { to: from, ...sort(read) };
      width = trouble.widthFrom(from) ?? (read.length < list.pageSize * WIDEN_BELOW ? width * 2n : width);
    }
  } finally {
    visit.leave();
  }
}

/** Everything in a part; or that it is more than one answer holds; or why it is to be left out. */
async function readOrJudge(
  list: List,
  part: Span,
  asking: Asking,
  trouble: Trouble,
): Promise<Elements | TooMuch | SourceError> {
  try {
    return await readPart(list, part, asking);
  } catch (cause) {
    if ((await trouble.judge(part, cause)) === "less") return { fits: halfOf(part) };
  }
  try {
    return await readPart(list, part, asking);
  } catch (cause) {
    return trouble.leaveOut(cause);
  }
}

/** Everything in a part, or that it is more than one answer holds. */
async function readPart(list: List, part: Span, asking: Asking): Promise<Elements | TooMuch> {
  const page = await list.first(part, asking);
  if (page.elements.length < list.pageSize && page.nextLink === undefined) return page.elements;
  if (part.to - part.from <= 1n) {
    refuseStrays(page.elements, part, list.by ?? "updated");
    return await readTick(list, part, page, [], asking);
  }
  // An empty page with a link has nothing to divide; the link must be followed to see what there is.
  if (page.elements.length > 0) return { fits: narrower(part, page.elements, list.by) };
  const read = await readOn(list, part, page, asking);
  return read.isWhole ? read.elements : { fits: halfOf(part) };
}

/** A service that gives the whole list whatever it is asked for would be read again for every tick of the span. */
function refuseStrays(elements: Elements, tick: Span, by: TimeOf): void {
  for (const element of elements) {
    // Without an update time of its own an alert cannot tell whether it belongs here.
    if (isUnreadable(element) || (by === "updated" && element.updatedText === element.createdText)) continue;
    const time = parseTicks(by === "created" ? element.createdText : element.updatedText);
    if (time === undefined) continue;
    if (time > tick.from - STRAY_TICKS && time < tick.to + STRAY_TICKS) continue;
    throw new SourceError(
      "transient",
      "The service gives alerts of other times than it is asked for; the window is read again later.",
      { code: "filter-not-honoured" },
    );
  }
}

/**
 * Everything in one tick from its first page on. An API that ends its pages early (Graph: `$skip` of 500) is asked
 * again for each word of the next division, and the union is taken.
 */
async function readTick(
  list: List,
  tick: Span,
  first: AlertPage,
  within: readonly string[],
  asking: Asking,
): Promise<Elements> {
  const read = await readOn(list, tick, first, asking);
  if (read.isWhole) return read.elements;
  const words = list.divisions?.[within.length];
  if (words === undefined) throw outOfReach(tick);
  const elements = [...read.elements];
  for (const word of words) {
    const narrower = [...within, word];
    const page = await list.first(tick, asking, narrower);
    elements.push(...(await readTick(list, tick, page, narrower, asking)));
  }
  const union = withoutRepetitions(elements);
  // An alert with a word that we do not know would be in none of the parts.
  if (first.count !== undefined && union.length < first.count) throw outOfReach(tick);
  return union;
}

function outOfReach(tick: Span): SourceError {
  return new SourceError(
    "transient",
    `More alerts than the service gives out share the update time ${formatTicks(tick.from)}; it is read again later.`,
    { code: "instant-out-of-reach" },
  );
}

/** Follows a page that cannot be halved, to the end or to where the API refuses to go on. */
async function readOn(
  list: List,
  span: Span,
  first: AlertPage,
  asking: Asking,
): Promise<{ readonly elements: Elements; readonly isWhole: boolean }> {
  const elements = [...first.elements];
  const followed = new Set<string>();
  let page: AlertPage | undefined = first;
  try {
    for (;;) {
      page = await nextPage(list, span, page, elements.length, followed, asking);
      if (page === undefined) return { elements, isWhole: true };
      elements.push(...page.elements);
    }
  } catch (cause) {
    if (cause instanceof SourceError && cause.status === 400) return { elements, isWhole: false };
    throw cause;
  }
}

/** The page behind this one, by the link where there is one, else by skipping what was read. */
async function nextPage(
  list: List,
  span: Span,
  { nextLink, elements }: AlertPage,
  read: number,
  followed: Set<string>,
  asking: Asking,
): Promise<AlertPage | undefined> {
  if (nextLink === undefined) {
    return list.skip !== undefined && elements.length >= list.pageSize
      ? await list.skip(span, read, asking)
      : undefined;
  }
  if (followed.has(nextLink) || followed.size >= MAX_PAGES) {
    throw new SourceError("transient", "The service repeats its next link; the window is read again later.", {
      code: "repeated-next-link",
    });
  }
  followed.add(nextLink);
  return await list.next(nextLink, asking);
}

function earlier(a: Ticks, b: Ticks): Ticks {
  return a < b ? a : b;
}

/** Where the next of the parts begins that are not asked for, if before `to`. */
function beforeNext(passOver: readonly Span[], from: Ticks, to: Ticks): Ticks {
  return passOver.reduce((end, hole) => (hole.from > from ? earlier(end, hole.from) : end), to);
}

/**
 * How wide a part is that is as dense as a full page and fills most of one. Only a guess, since a service need not list in
 * the order of time and a page need not be where the part begins; what it leads to is read and judged like any part. So
 * it is no wider than half, and no narrower than what would cost more to widen again than it saves.
 */
function narrower(part: Span, elements: Elements, by: TimeOf = "updated"): Ticks {
  const half = halfOf(part);
  const times = elements.flatMap((element) => {
    const time = isUnreadable(element)
      ? undefined
      : parseTicks(by === "created" ? element.createdText : element.updatedText);
    return time === undefined ? [] : [time];
  });
  const [first = 0n, last = 0n] = [times[0], times.at(-1)];
  const dense = ((first < last ? last - first : first - last) * FILLED) / 100n;
  const least = half / MOST_NARROWED;
  const width = dense > least ? dense : least;
  return width > 0n ? earlier(width, half) : 1n;
}

function halfOf({ from, to }: Span): Ticks {
  return to - from > 1n ? (to - from) / 2n : 1n;
}

function emptyTo(to: Ticks): Slice {
  return { to, alerts: [], unreadable: [] };
}

function withoutRepetitions(elements: Elements): Elements {
  const named = elements.map((element): [string, Alert | Unreadable] => [
    isUnreadable(element) ? element.id : `${element.id}\n${element.version}`,
    element,
  ]);
  return [...new Map(named).values()];
}

function sort(elements: Elements): { alerts: Alert[]; unreadable: Unreadable[] } {
  const alerts: Alert[] = [];
  const unreadable: Unreadable[] = [];
  for (const element of elements) {
    if (isUnreadable(element)) unreadable.push(element);
    else alerts.push(element);
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

import { type Alert, alertReader, isUnreadable } from "../../src/model/alert.ts";
import { formatTicks, type Ticks } from "../../src/model/ticks.ts";
import type { Span } from "../../src/model/window.ts";
import { Room } from "../../src/net/room.ts";
import type { Random } from "../../src/simulate/random.ts";
import type { Page } from "../../src/sources/page.ts";
import type { List } from "../../src/sources/slices.ts";

const readElement = alertReader({
  updated: "lastUpdateDateTime",
  created: "createdDateTime",
  tenantId: "tenantId",
  material: [],
});
const CREATED = "2026-05-04T00:00:00Z";

/** One state of one alert, and from which moment to which the source showed it. */
export interface Version {
  readonly id: string;
  readonly ticks: Ticks;
  readonly alert: Alert;
  readonly appeared: number;
  vanished: number | undefined;
}

interface Requests {
  request(isFirst: boolean, span: Span): Promise<void>;
  answer(): Promise<void> | void;
}

/** What a source shows, and has ever shown. Each change is a moment. */
export interface MemorySource {
  readonly history: readonly Version[];
  /** What it shows now, in the order in which it came. */
  shown(): readonly Version[];
  moment(): number;
  /** Shows an alert, or a new state of one in place of the old. */
  show(id: string, ticks: Ticks): void;
  remove(id: string): void;
  /**
   * The list as readers ask for it.
   *
   * @param on.request may wait, change the source, or throw; then the answer is made.
   * @param on.answer may wait while the answer is on its way.
   */
  list(pageSize: number, on: Requests): List;
}

/** @param random decides how times are written: the same tick has several texts. */
export function createMemorySource(random: Random): MemorySource {
  const history: Version[] = [];
  const visible = new Map<string, Version>();
  let moment = 0;

  function remove(id: string): void {
    const version = visible.get(id);
    if (version === undefined) return;
    moment += 1;
    version.vanished = moment;
    visible.delete(id);
  }

  return {
    history,
    shown: () => [...visible.values()],
    moment: () => moment,
    show(id, ticks) {
      moment += 1;
      const old = visible.get(id);
      if (old !== undefined) old.vanished = moment;
      const version = {
        id,
        ticks,
        alert: anAlert(id, textOf(ticks, random)),
        appeared: moment,
        vanished: undefined,
      };
      history.push(version);
      visible.delete(id);
      visible.set(id, version);
    },
    remove,
    list: (pageSize, on) => ({
      pageSize,
      room: new Room(1),
      async first(span) {
        await on.request(true, span);
        const page = pageAfter(inOrder(visible, span), undefined, span, pageSize);
        await on.answer();
        return page;
      },
      async next(link) {
        const [from = "", to = "", behind] = link.split("|");
        const span = { from: BigInt(from), to: BigInt(to) };
        await on.request(false, span);
        const page = pageAfter(inOrder(visible, span), behind, span, pageSize);
        await on.answer();
        return page;
      },
    }),
  };
}

function inOrder(visible: ReadonlyMap<string, Version>, { from, to }: Span): Version[] {
  return [...visible.values()]
    .filter(({ ticks }) => ticks >= from && ticks < to)
    .sort((a, b) => compare(a.ticks, b.ticks) || compare(a.id, b.id));
}

/** A page with a link that names the element behind which the next one begins. */
function pageAfter(
  versions: readonly Version[],
  behind: string | undefined,
  { from, to }: Span,
  pageSize: number,
): Page<Alert> {
  const start = behind === undefined ? 0 : versions.findIndex((version) => nameOf(version) > behind);
  const rest = start < 0 ? [] : versions.slice(start);
  const page = rest.slice(0, pageSize);
  const last = page.at(-1);
  const isLast = rest.length <= pageSize || last === undefined;
  return {
    elements: page.map(({ alert }) => alert),
    nextLink: isLast ? undefined : `${from}|${to}|${nameOf(last)}`,
    count: undefined,
  };
}

function nameOf({ ticks, id }: Version): string {
  return `${String(ticks).padStart(20, "0")} ${id}`;
}

/** As few of the seven digits as the tick needs, or some noughts more. */
function textOf(ticks: Ticks, random: Random): string {
  const text = formatTicks(ticks);
  if (random.chance(0.7)) return text;
  const [whole = "", fraction = ""] = text.slice(0, -1).split(".");
  return `${whole}.${fraction.padEnd(random.whole(Math.max(1, fraction.length), 7), "0")}Z`;
}

/** Read as a real answer is. */
function anAlert(id: string, updatedText: string): Alert {
  const element = { id, createdDateTime: CREATED, lastUpdateDateTime: updatedText };
  const alert = readElement(Buffer.from(JSON.stringify(element)), 0).element;
  if (isUnreadable(alert)) throw new Error("An invented alert cannot be read.");
  return alert;
}

function compare<T>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

import { duration, grouped, plural } from "../model/words.ts";
import type { PlaceStatus, SinkStatus, Snapshot } from "../pipeline/snapshot.ts";
import { type Level, routeState, STATES, type State, worstOf } from "../pipeline/states.ts";
import type { LetterLine } from "./dead-letters.ts";
import { type Html, html, NOTHING } from "./html.ts";
import { mark, nextTry, number, since, stateMark } from "./marks.ts";
import { cell, head, row, rowHead } from "./table.ts";

type LedgerRow = Snapshot["ledger"][number];

/** Everything of one tenant. */
interface Line {
  readonly tenant: string;
  readonly level: Level;
  readonly places: readonly PlaceStatus[];
  readonly routes: readonly RouteLine[];
}

interface RouteLine {
  readonly sink: string;
  readonly state: State;
  readonly row: LedgerRow | undefined;
  readonly deadLetters: number;
}

const WRONG = "What is wrong";
const ORDER: readonly Level[] = ["trouble", "attention", "well"];

/** The last column is there only while something is wrong. */
export function tenantsHead({ sinks, tenants }: Snapshot): Html {
  const isWrong = tenants.some(({ state }) => STATES[state].level !== "well");
  return head(
    [
      { title: "Tenant" },
      { title: "Reading" },
      { title: "Read up to", kind: "number", below: "ago" },
      ...sinks.map(({ sink }) => ({ title: sink, kind: "number" as const, below: "delivered" })),
      ...(isWrong ? [{ title: WRONG }] : []),
    ],
    "tenants-head",
  );
}

/** The rows of the matrix by their ids: those in trouble first, each kind in the order of the configuration. */
export function tenantRows(snapshot: Snapshot, letters: readonly LetterLine[]): ReadonlyMap<string, string> {
  const nowMs = Date.parse(snapshot.at);
  const lines = linesOf(snapshot, letters);
  const isWrong = lines.some(({ places }) => places.some(({ state }) => STATES[state].level !== "well"));
  return new Map(
    ORDER.flatMap((level) => lines.filter((line) => line.level === level)).map((line) => [
      `tenant-${line.tenant}`,
      lineRow(line, isWrong, nowMs).html,
    ]),
  );
}

function linesOf({ tenants, sinks, ledger, windows }: Snapshot, letters: readonly LetterLine[]): Line[] {
  const places = new Map<string, PlaceStatus[]>();
  for (const place of tenants) places.set(place.tenant, [...(places.get(place.tenant) ?? []), place]);
  const rows = new Map(ledger.map((each) => [`${each.tenant} ${each.sink}`, each]));
  const gaps = new Set(
    windows
      .filter(({ window }) => window.kind === "gap")
      .flatMap(({ tenant, sinks: names }) => names.map((sink) => `${tenant} ${sink}`)),
  );
  const lying = new Map<string, number>();
  for (const { tenant, sink } of letters)
    lying.set(`${tenant} ${sink}`, (lying.get(`${tenant} ${sink}`) ?? 0) + 1);

  const routeLine = (tenant: string, { sink, state }: SinkStatus): RouteLine => {
    const key = `${tenant} ${sink}`;
    const found = rows.get(key);
    return {
      sink,
      row: found,
      state: routeState(found, state, gaps.has(key)),
      deadLetters: lying.get(key) ?? 0,
    };
  };
  return [...places].map(([tenant, own]) => {
    const routes = sinks.map((sink) => routeLine(tenant, sink));
    const level = worstOf([
      ...own.map(({ state }) => STATES[state].level),
      ...routes.map(({ state, deadLetters }) => (deadLetters > 0 ? "attention" : STATES[state].level)),
    ]);
    return { tenant, level, places: own, routes };
  });
}

function lineRow({ tenant, level, places, routes }: Line, isWrong: boolean, nowMs: number): Html {
  const several = places.length > 1;
  const each = (content: (place: PlaceStatus) => Html) =>
    places.map((place) => html`<span class="line">${content(place)}</span>`);
  return row(
    [
      rowHead(tenant),
      cell(
        "Reading",
        html`${each((place) => html`${stateMark(place.state)}${several ? html` <span class="soft">${place.source}</span>` : NOTHING}`)}`,
      ),
      cell(
        "Read up to",
        html`${each(({ cursor }) => (cursor === null ? html`–` : since(cursor, nowMs)))}`,
        "number",
      ),
      ...routes.map((route) => cell(route.sink, routeCell(route), "number")),
      ...(isWrong ? [cell(WRONG, html`${places.map((place) => wrongWith(place, nowMs))}`)] : []),
    ],
    html` id="tenant-${tenant}" class="${level}" data-name="${tenant}"`,
  );
}

function routeCell({ state, row: found, deadLetters }: RouteLine): Html {
  if (found === undefined)
    return html`<span class="soft" title="${STATES["nothing yet"].means}">nothing yet</span>`;
  const news = [
    ...(found.waiting === 0
      ? []
      : [
          state === "on its way"
            ? html`<span class="soft">${number(found.waiting)} on the way</span>`
            : mark("attention", `${grouped(found.waiting)} waiting`),
        ]),
    ...(state === "gap" ? [stateMark("gap")] : []),
    ...(deadLetters === 0 ? [] : [mark("attention", plural(deadLetters, "dead letter"))]),
  ];
  return html`${news.map((said) => html`<span class="news">${said}</span> `)}${number(found.delivered)}`;
}

function wrongWith(
  { state, source, outcome, error, failures, nextPoll, lastNew, usualHours }: PlaceStatus,
  nowMs: number,
): Html {
  if (STATES[state].level === "well") return NOTHING;
  if (state === "quiet") {
    const silent = lastNew === null ? "for long" : `for ${duration((nowMs - Date.parse(lastNew)) / 1000)}`;
    return html`<span class="words">${source} has been silent ${silent}; ${plural(usualHours ?? 0, "such hour")} usually bring something.</span>`;
  }
  if (error === null) return html`<span class="words">${STATES[state].means}</span>`;
  const code = error.code === null ? "" : ` (${error.code})`;
  const next = nextPoll === null ? NOTHING : html` ${nextTry(nextPoll, nowMs)}`;
  return html`<span class="words">${outcome ?? ""}${code}, ${plural(failures, "failed round")}: ${error.message}${next}</span>`;
}

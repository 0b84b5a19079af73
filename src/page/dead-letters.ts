import { listed, plural } from "../model/words.ts";
import type { Snapshot } from "../pipeline/snapshot.ts";
import { type Html, html, NOTHING } from "./html.ts";
import { mark, number, since } from "./marks.ts";
import { type Column, cell, none, part, row, rowHead, table } from "./table.ts";

/** As much of a dead letter as is shown. */
export interface LetterLine {
  readonly id: string;
  readonly tenant: string;
  readonly sink: string;
  readonly reason: string;
  /** The receiver's own words. */
  readonly message: string;
  readonly at: string;
  /** Whether it was bound for a sink, so that it can be sent there again. */
  readonly canRetry: boolean;
}

const COLUMNS: readonly Column[] = [
  { title: "Reason" },
  { title: "Sink" },
  { title: "In the receiver's words" },
  { title: "Tenants" },
  { title: "Letters", kind: "number" },
  { title: "Newest", kind: "number" },
  { title: "Send again" },
];
const NAMED = 3;

/** One row for all that were refused by the same sink in the same words. */
export function deadLettersPart({ sinks, setAside, at }: Snapshot, letters: readonly LetterLine[]): Html {
  const total = sinks.reduce((sum, sink) => sum + sink.deadLetters, setAside);
  const title = "Dead letters";
  if (total === 0) return part("dead-letters", title, none("Nothing was refused for good."));
  const groups = new Map<string, LetterLine[]>();
  for (const letter of letters) {
    const key = [letter.sink, letter.reason, letter.message].join("\n");
    groups.set(key, [...(groups.get(key) ?? []), letter]);
  }
  const nowMs = Date.parse(at);
  const rows = [...groups.values()].flatMap((group) => groupRow(group, nowMs));
  const more =
    total > letters.length
      ? html`<p class="more">These are the newest ${letters.length} of ${plural(total, "dead letter")}: <code>alertferry dead-letters list</code> has all.</p>`
      : NOTHING;
  return part(
    "dead-letters",
    title,
    html`${table(title, COLUMNS, rows)}${more}<p id="retry-says" class="says" role="status"></p>`,
  );
}

function groupRow(group: readonly LetterLine[], nowMs: number): Html[] {
  const [newest] = group;
  if (newest === undefined) return [];
  const tenants = [...new Set(group.map(({ tenant }) => tenant))];
  const more = tenants.length - NAMED;
  return [
    row([
      rowHead(mark("attention", newest.reason)),
      cell("Sink", newest.sink),
      cell("Words", html`<span class="words">${newest.message}</span>`),
      cell("Tenants", listed(more > 0 ? [...tenants.slice(0, NAMED), `${more} more`] : tenants)),
      cell("Letters", number(group.length), "number"),
      cell("Newest", since(newest.at, nowMs), "number"),
      cell("Send again", newest.canRetry ? retryButton(group) : "–"),
    ]),
  ];
}

function retryButton(group: readonly LetterLine[]): Html {
  const [{ sink = "" } = {}] = group;
  const ids = group.map(({ id }) => id).join(" ");
  const label = `Retry ${plural(group.length, "dead letter")} of ${sink}`;
  return html`<button type="button" id="retry-${group[0]?.id ?? ""}" class="retry" data-ids="${ids}" aria-label="${label}">Retry</button>`;
}

import { grouped, listed, plural } from "../model/words.ts";
import type { Snapshot, WindowStatus } from "../pipeline/snapshot.ts";
import { type Html, html } from "./html.ts";
import { mark, number } from "./marks.ts";
import { type Column, cell, none, part, row, rowHead, table } from "./table.ts";

const COLUMNS: readonly Column[] = [
  { title: "Kind" },
  { title: "Tenant" },
  { title: "For" },
  { title: "Span of update time" },
  { title: "Read", kind: "number" },
  { title: "Queued", kind: "number" },
];
/** More are counted only. */
const SHOWN = 12;

/** Gaps and holes first, then what else takes longer than a round. */
export function windowsPart({ windows }: Snapshot): Html {
  const title = "Gaps, holes, replays and backfills";
  if (windows.length === 0)
    return part("windows", title, none("No gap or hole is open, and nothing is being read again."));
  const sorted = [...windows].sort((a, b) => rank(a) - rank(b));
  const rows = sorted.slice(0, SHOWN).map(windowRow);
  const more =
    sorted.length > SHOWN
      ? html`<p class="more">And ${plural(sorted.length - SHOWN, "more window")}.</p>`
      : html``;
  return part("windows", title, html`${table(title, COLUMNS, rows)}${more}`);
}

function rank({ window }: WindowStatus): number {
  return isMissing(window) ? 0 : 1;
}

/** What is not there yet, other than what is read for the first time or once more. */
function isMissing({ kind }: WindowStatus["window"]): boolean {
  return kind === "gap" || kind === "hole";
}

function windowRow({ window, tenant, source, sinks, progress, queued }: WindowStatus): Html {
  const share = Math.round(progress * 100);
  return row([
    rowHead(isMissing(window) ? mark("attention", window.kind) : window.kind),
    cell("Tenant", html`${tenant} <span class="soft">${source}</span>`),
    cell("For", listed(sinks)),
    cell(
      "Span",
      html`<span class="span"><time datetime="${window.from}">${minute(window.from)}</time> to <time datetime="${window.to}">${minute(window.to)}</time></span>`,
    ),
    cell(
      "Read",
      html`<progress max="100" value="${share}" aria-label="Read"></progress> <span class="number">${grouped(share)} %</span>`,
      "number",
    ),
    cell("Queued", number(queued), "number"),
  ]);
}

/** `2026-05-04 12:30 UTC` of a time with seven decimals. */
function minute(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)}`;
}

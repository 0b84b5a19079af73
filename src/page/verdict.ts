import type { Snapshot } from "../pipeline/snapshot.ts";
import type { Level } from "../pipeline/states.ts";
import { type Html, html, NOTHING } from "./html.ts";
import { mark, number } from "./marks.ts";

const WORDS: Readonly<Record<Level, string>> = {
  well: "All well",
  attention: "Worth a look",
  trouble: "Trouble",
};

/** The one sentence, and the ledger that it comes from. */
export function verdictPart({ verdict: { level, sentence }, totals }: Snapshot): Html {
  const term = (name: string, count: number, sign: string) =>
    html`<div><dt>${name}</dt><dd>${number(count)}</dd></div>${sign === "" ? NOTHING : html`<span class="sign" aria-hidden="true">${sign}</span>`}`;
  return html`<section id="verdict" class="verdict ${level}" aria-labelledby="sentence">
<p class="word">${mark(level, WORDS[level])}</p>
<h2 id="sentence">${sentence}</h2>
<dl class="ledger">${term("queued", totals.enqueued, totals.balances ? "=" : "≠")}${term("delivered", totals.delivered, "+")}${term("dead-lettered", totals.dead, "+")}${term("waiting", totals.waiting, "")}</dl>
</section>`;
}

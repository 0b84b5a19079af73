import { HISTORY_HOURS } from "../pipeline/history.ts";
import type { Snapshot } from "../pipeline/snapshot.ts";
import { type Html, html, NOTHING } from "./html.ts";
import { mark } from "./marks.ts";
import { changeOf, type Parts } from "./parts.ts";

/** Shown first. */
const HOURS = 6;

export interface DocumentFacts {
  readonly version: string;
  /** Whether there is a session that can end. */
  readonly canSignOut: boolean;
}

/**
 * The whole page as it is at this moment; the script keeps it up to date. All addresses are relative, so that they hold
 * behind a proxy that serves us under a path of its own.
 */
export function drawDocument(
  parts: Parts,
  { sinks }: Snapshot,
  { version, canSignOut }: DocumentFacts,
): string {
  const { sections, rows } = changeOf(parts);
  const section = (id: string): Html => ({ html: sections[id] ?? "" });
  const page = html`${documentHead}
<link rel="stylesheet" href="assets/uplot/uPlot.min.css">
<script src="assets/uplot/uPlot.iife.min.js" defer></script>
<script src="assets/page/browser/status.js" type="module"></script>
</head>
<body data-at="${parts.at}" data-level="${parts.level}">
<header>
<h1>alertferry</h1>
<p id="connection" class="connection">not live: this is how it was at <time datetime="${parts.at}">${parts.at.slice(11, 19)} UTC</time></p>
${canSignOut ? html`<form method="post" action="logout"><button>Sign out</button></form>` : NOTHING}
</header>
<main>
${section("verdict")}
${charts(sinks.map(({ sink }) => sink))}
${section("sinks")}
<div class="rest">
${section("dead-letters")}
${section("windows")}
${section("credentials")}
</div>
<section id="tenants" aria-labelledby="tenants-title">
<div class="bar">
<h2 id="tenants-title">Tenants</h2>
<label for="filter">Filter</label><input id="filter" type="search" autocomplete="off" spellcheck="false" placeholder="name of a tenant">
<label class="only"><input id="only" type="checkbox"> only what is not well</label>
<p id="shown" class="soft"></p>
</div>
<div class="scroll" role="region" aria-label="All tenants, to be scrolled" tabindex="0">
<table role="table" aria-label="Tenants and sinks">
${section("tenants-head")}
<tbody id="tenant-rows" role="rowgroup">
${Object.values(rows).map((text) => ({ html: text }))}
</tbody>
</table>
</div>
</section>
</main>
<footer><p>alertferry ${version}. All numbers come from Redis, and are the same on every replica and in <code>alertferry status</code>.</p></footer>
<p id="news" class="unseen" role="status"></p>
</body>
</html>
`;
  return page.html;
}

const documentHead = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>alertferry</title>
<link rel="icon" href="assets/page/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="assets/page/status.css">`;

/** What is shown while there is nothing to tell from; it asks again by itself. */
export function drawUnavailable(): string {
  const page = html`${documentHead}
<meta http-equiv="refresh" content="5">
</head>
<body>
<header><h1>alertferry</h1></header>
<main>
<section class="verdict trouble" aria-labelledby="sentence">
<p class="word">${mark("trouble", "Trouble")}</p>
<h2 id="sentence">Redis does not answer, so nothing can be said of what is delivered.</h2>
<p class="soft">The daemon waits for it and goes on by itself. This page looks again every five seconds.</p>
</section>
</main>
</body>
</html>
`;
  return page.html;
}

function charts(sinks: readonly string[]): Html {
  const hours = HISTORY_HOURS.map(
    (count) =>
      html`<label><input type="radio" name="hours" value="${count}"${count === HOURS ? html` checked` : NOTHING}> ${count} h</label>`,
  );
  return html`<section id="charts" aria-labelledby="charts-title">
<div class="bar">
<h2 id="charts-title">Throughput and delay</h2>
<fieldset><legend class="unseen">How far back</legend>${hours}</fieldset>
<label for="of">of</label><select id="of"><option value="">all sinks</option>${sinks.map((sink) => html`<option>${sink}</option>`)}</select>
</div>
<div class="figures">
<figure id="throughput"><figcaption><b>Delivered</b> alerts a minute <output></output></figcaption><div class="chart" role="img" aria-label="Delivered, alerts a minute"></div></figure>
<figure id="delay"><figcaption><b>Delay</b> from readable to accepted: <span class="key p50">median</span> <span class="key p95">95 %</span> <output></output></figcaption><div class="chart" role="img" aria-label="Delay"></div></figure>
</div>
</section>`;
}

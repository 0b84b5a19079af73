import { age } from "../../model/words.ts";
import { drawCharts } from "./charts.ts";
import { type Change, listen } from "./live.ts";

/** Keeps the page as the daemon drew it up to date. Nothing of what it says is made up here. */

const TITLES: Readonly<Record<string, string>> = { well: "●", attention: "▲", trouble: "■" };

/** How far the clock of the daemon's machine is ahead of this one, ms. */
let aheadMs = Date.parse(document.body.dataset["at"] ?? "") - Date.now() || 0;
let lostAtMs: number | undefined;

function element<T extends HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`The page has no ${id}.`);
  return found as T;
}

/** Parses markup that cannot stand alone, such as a row. */
function parsed(markup: string): Element | null {
  const template = document.createElement("template");
  template.innerHTML = markup;
  return template.content.firstElementChild;
}

/** Puts what is drawn anew into the place of what has its id. What had the focus has it afterwards. */
function replace(id: string, markup: string): void {
  const before = document.getElementById(id);
  const after = parsed(markup);
  if (before === null || after === null) return;
  before.replaceWith(after);
}

function keepingFocus(work: () => void): void {
  const { id } = document.activeElement ?? {};
  work();
  if (id === undefined || id === "" || document.activeElement?.id === id) return;
  document.getElementById(id)?.focus({ preventScroll: true });
}

function apply({ at, level, says, sections, rows, order }: Change): void {
  aheadMs = Date.parse(at) - Date.now();
  // What was said of a retry stays while the letters change.
  const retrySays = document.getElementById("retry-says")?.textContent ?? "";
  keepingFocus(() => {
    for (const [id, markup] of Object.entries(sections)) replace(id, markup);
    for (const [id, markup] of Object.entries(rows)) replace(id, markup);
    if (order !== undefined) {
      const here = order.map((id) => document.getElementById(id) ?? parsed(rows[id] ?? ""));
      element("tenant-rows").replaceChildren(...here.filter((row) => row !== null));
    }
  });
  const said = document.getElementById("retry-says");
  if (said !== null && said.textContent === "") said.textContent = retrySays;
  tellLevel(level, says);
  filter();
  tick();
}

/** Read out when it changes, not with each alert. */
function tellLevel(level: string, says: string): void {
  document.title = `${TITLES[level] ?? ""} alertferry`;
  if (document.body.dataset["level"] === level) return;
  document.body.dataset["level"] = level;
  element("news").textContent = says;
}

function tick(): void {
  const nowMs = Date.now() + aheadMs;
  for (const time of document.querySelectorAll<HTMLTimeElement>("time[data-age]"))
    time.textContent = age((nowMs - Date.parse(time.dateTime)) / 1000);
  for (const time of document.querySelectorAll<HTMLTimeElement>("time[data-until]"))
    time.textContent = age((Date.parse(time.dateTime) - nowMs) / 1000);
}

function filter(): void {
  const wanted = element<HTMLInputElement>("filter").value.trim().toLowerCase();
  const onlyUnwell = element<HTMLInputElement>("only").checked;
  const rows = [...document.querySelectorAll<HTMLElement>("#tenant-rows > tr")];
  for (const row of rows) {
    const isNamed = (row.dataset["name"] ?? "").toLowerCase().includes(wanted);
    row.hidden = !isNamed || (onlyUnwell && row.classList.contains("well"));
  }
  const shown = rows.filter(({ hidden }) => !hidden).length;
  const unwell = rows.filter(({ classList }) => !classList.contains("well")).length;
  const text = `${shown === rows.length ? rows.length : `${shown} of ${rows.length}`} shown, ${unwell === 0 ? "all well" : `${unwell} not well`}`;
  if (element("shown").textContent !== text) element("shown").textContent = text;
}

function showConnection(state: "live" | "away" | "signIn"): void {
  const line = element("connection");
  const clock = new Date(lostAtMs ?? Date.now()).toLocaleTimeString("en-GB");
  line.className = `connection ${state}`;
  if (state === "live") line.textContent = `live, ${clock}`;
  else if (state === "away") line.textContent = `disconnected since ${clock}, trying again`;
  else line.innerHTML = `the session has ended: <a href="login">sign in</a>`;
}

async function retry(button: HTMLButtonElement): Promise<void> {
  const ids = (button.dataset["ids"] ?? "").split(" ");
  button.disabled = true;
  const says = await askRetry(ids).catch(() => "The daemon cannot be reached.");
  element("retry-says").textContent = says;
  button.disabled = false;
}

async function askRetry(ids: readonly string[]): Promise<string> {
  const answer = await fetch("api/dead-letters/retry", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ids }),
  });
  const reply = (await answer.json()) as { readonly retried?: number; readonly error?: string };
  if (answer.ok) return `${reply.retried ?? 0} of ${ids.length} put back on the way.`;
  return reply.error ?? `The daemon refuses (${answer.status}).`;
}

document.addEventListener("click", ({ target }) => {
  const button = target instanceof Element ? target.closest<HTMLButtonElement>("button.retry") : null;
  if (button !== null) void retry(button);
});
for (const id of ["filter", "only"]) element(id).addEventListener("input", filter);
filter();
drawCharts();
setInterval(tick, 1000);
listen({
  changed(change) {
    lostAtMs = undefined;
    apply(change);
    showConnection("live");
  },
  lost(why) {
    lostAtMs ??= Date.now();
    showConnection(why);
  },
});

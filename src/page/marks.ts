import { age, grouped } from "../model/words.ts";
import { type Level, STATES, type State } from "../pipeline/states.ts";
import { type Html, html, NOTHING } from "./html.ts";

/** Told apart by shape as well, for who cannot tell the colours. */
const SHAPES: Readonly<Record<Level, string>> = { well: "●", attention: "▲", trouble: "■" };

/** A state in its colour, its shape and its word. */
export function mark(level: Level, word: string, means = ""): Html {
  const title = means === "" ? NOTHING : html` title="${means}"`;
  return html`<span class="mark ${level}"${title}><span aria-hidden="true">${SHAPES[level]}</span> ${word}</span>`;
}

export function stateMark(state: State): Html {
  const { level, means } = STATES[state];
  return mark(level, state, means);
}

/** How long ago it was. The page counts on by itself, so that nothing has to be sent for it. */
export function since(iso: string, nowMs: number): Html {
  return html`<time datetime="${iso}" data-age>${age((nowMs - Date.parse(iso)) / 1000)}</time>`;
}

/** When it is tried again, likewise. */
export function nextTry(iso: string, nowMs: number): Html {
  const inS = (Date.parse(iso) - nowMs) / 1000;
  return html`Next try in <time datetime="${iso}" data-until>${age(inS)}</time>.`;
}

export function number(count: number): Html {
  return html`<span class="number">${grouped(count)}</span>`;
}

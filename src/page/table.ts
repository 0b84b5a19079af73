import { type Html, html, NOTHING } from "./html.ts";

/**
 * A cell, with the title of its column for narrow screens, where the titles above the columns make no sense. Each part of
 * a table names its role, since browsers take the meaning from a table that is laid out in another way.
 */
export function cell(title: string, content: Html | string | number, kind: "text" | "number" = "text"): Html {
  return html`<td role="cell" class="${kind}" data-title="${title}"><span class="value">${content}</span></td>`;
}

export function rowHead(content: Html | string): Html {
  return html`<th role="rowheader" scope="row">${content}</th>`;
}

export function row(cells: readonly Html[], attributes: Html = NOTHING): Html {
  return html`<tr role="row"${attributes}>${cells}</tr>`;
}

export interface Column {
  readonly title: string;
  readonly kind?: "text" | "number";
  /** What is counted in it, below the title. */
  readonly below?: string;
}

export function head(columns: readonly Column[], id?: string): Html {
  const cells = columns.map(
    ({ title, kind = "text", below }) =>
      html`<th role="columnheader" scope="col" class="${kind}">${title}${below === undefined ? NOTHING : html` <small>${below}</small>`}</th>`,
  );
  return html`<thead role="rowgroup"${id === undefined ? NOTHING : html` id="${id}"`}><tr role="row">${cells}</tr></thead>`;
}

export function table(label: string, columns: readonly Column[], rows: readonly Html[]): Html {
  return html`<table role="table" aria-label="${label}">${head(columns)}<tbody role="rowgroup">${rows}</tbody></table>`;
}

/** A part of the page with its heading. */
export function part(id: string, title: string, content: Html): Html {
  return html`<section id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${title}</h2>
${content}
</section>`;
}

/** What stands where there is nothing to list. */
export function none(sentence: string): Html {
  return html`<p class="none">${sentence}</p>`;
}

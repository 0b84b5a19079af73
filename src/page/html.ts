import { escapeHtml } from "../model/html.ts";

/** Text that may stand in a page as it is. */
export interface Html {
  readonly html: string;
}

type Part = Html | string | number | readonly Part[];

/** Markup whose holes are escaped, except where they hold markup themselves. */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Html {
  const written = texts.map((text, index) => {
    const part = parts[index];
    return part === undefined ? text : text + write(part);
  });
  return { html: written.join("") };
}

export const NOTHING: Html = { html: "" };

function write(part: Part): string {
  if (typeof part === "string") return escapeHtml(part);
  if (typeof part === "number") return String(part);
  return "html" in part ? part.html : part.map(write).join("");
}

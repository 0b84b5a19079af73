/** Markdown for the generated pages. */

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(" | ")} |`;
  return [line(head), `|${head.map(() => "---").join("|")}|`, ...rows.map(line)].join("\n");
}

/** A table's cell is one line, and a bar would end it. */
function cell(text: string): string {
  return text.replace(/\s*\n\s*/g, " ").replaceAll("|", "\\|");
}

export function code(text: string): string {
  return `\`${text}\``;
}

/** Blocks apart by one empty line, with one line end at the very end. */
export function page(blocks: readonly string[]): string {
  return `${blocks.join("\n\n")}\n`;
}

/** First lines of every generated page. */
export function generatedNote(from: string): string {
  return `<!-- Generated from ${from} by \`npm run generate\`. Do not edit. -->`;
}

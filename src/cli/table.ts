export { bytes, duration, plural } from "../model/words.ts";

/** Rows as columns for people: each as wide as its widest cell. Text is put left, numbers right. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => String(row[column] ?? "").length)),
  );
  const line = (cells: readonly (string | number)[]) =>
    cells
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return typeof cell === "number" ? String(cell).padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd();
  return [line(head), ...rows.map(line)];
}

/** `[#########           ]  45 %` */
export function bar(share: number): string {
  const width = 30;
  const done = Math.round(Math.min(1, Math.max(0, share)) * width);
  return `[${"#".repeat(done)}${" ".repeat(width - done)}] ${String(Math.round(share * 100)).padStart(3)} %`;
}

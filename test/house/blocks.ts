import { readFileSync } from "node:fs";

/** A fenced block of a paper. */
export interface Block {
  readonly paper: string;
  /** 1-based, of its first fence. */
  readonly line: number;
  readonly language: string;
  readonly text: string;
}

/** The fenced blocks of a paper, without the indent that a list gives them. */
export function blocksOf(paper: string): Block[] {
  const blocks: Block[] = [];
  let open:
    | { readonly line: number; readonly indent: string; readonly language: string; readonly lines: string[] }
    | undefined;
  for (const [index, line] of readFileSync(paper, "utf8").split("\n").entries()) {
    const fence = /^( *)```(\S*)/.exec(line);
    if (open === undefined) {
      if (fence !== null)
        open = { line: index + 1, indent: fence[1] ?? "", language: fence[2] ?? "", lines: [] };
      continue;
    }
    if (fence === null) open.lines.push(line.startsWith(open.indent) ? line.slice(open.indent.length) : line);
    else {
      blocks.push({ paper, line: open.line, language: open.language, text: `${open.lines.join("\n")}\n` });
      open = undefined;
    }
  }
  if (open !== undefined) throw new Error(`${paper}:${open.line}: this block has no end.`);
  return blocks;
}

/** The commands of a shell block: continued lines joined, comments and prompts away, pipes and lists taken apart. */
export function commandsOf(script: string): string[][] {
  return script
    .replace(/\\\n\s*/g, " ")
    .split("\n")
    .map((line) =>
      line
        .replace(/(^|\s)#.*$/, "")
        .replace(/^\$ /, "")
        .trim(),
    )
    .filter((line) => line !== "")
    .flatMap((line) => line.split(/\s*(?:&&|\|\||;|\|)\s*/))
    .map(wordsOf)
    .filter((words) => words.length > 0);
}

/** As a shell parts them; quotes hold a word together, redirections and assignments in front are left out. */
export function wordsOf(command: string): string[] {
  const words = [...command.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)].map(([word]) =>
    word.replaceAll(/["']/g, ""),
  );
  const first = words.findIndex((word) => !/^[A-Z_][A-Z0-9_]*=/.test(word));
  return words.slice(Math.max(0, first)).filter((word) => !/^[0-9]?[<>]/.test(word));
}

/** Anchors of a page: its headings as GitHub names them, and those that it sets itself. */
export function anchorsOf(page: string): ReadonlySet<string> {
  const text = readFileSync(page, "utf8").replace(/```[\s\S]*?```/g, "");
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
  return new Set([...headings, ...[...text.matchAll(/ id="([^"]+)"/g)].map(([, id = ""]) => id)]);
}

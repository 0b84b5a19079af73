import { readFileSync } from "node:fs";
import { resolve } from "node:path";

/** `${env:NAME}`, `${env:NAME:-fallback}` and `${file:path}` inside a value; `$${` stands for a plain `${`. */
const PATTERN = /\$\$\{|\$\{([^}]*)\}|\$\{/g;
const ENV = /^env:([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/;
const FILE = /^file:(.+)$/;

const MALFORMED =
  "must refer to ${env:NAME}, ${env:NAME:-fallback} or ${file:/path}; write $${ for a plain ${";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where the references of one file lead. */
export interface ReferenceScope {
  readonly env: Environment;
  /** What relative paths start from: the folder of the file that holds the reference. */
  readonly folder: string;
}

interface Replaced {
  readonly text: string;
  /** `whole`: the value is one reference and nothing else. */
  readonly reference: "none" | "part" | "whole";
  /** Sentences without any value, so that no secret is in them. */
  readonly problems: readonly string[];
  /** Absolute paths of the files that were asked for, found or not. */
  readonly files: readonly string[];
}

/** What a reference stands for is taken as it is: references inside it are not replaced again. */
export function replaceReferences(text: string, scope: ReferenceScope): Replaced {
  if (!text.includes("${")) return { text, reference: "none", problems: [], files: [] };
  const problems: string[] = [];
  const files: string[] = [];
  let reference: Replaced["reference"] = "none";
  const replaced = text.replace(PATTERN, (match: string, inner: string | undefined) => {
    if (match === "$${") return "${";
    reference = match.length === text.length ? "whole" : "part";
    const found = lookUp(inner, scope, files);
    if (typeof found === "string") return found;
    problems.push(found.problem);
    return "";
  });
  return { text: replaced, reference, problems, files };
}

function lookUp(
  inner: string | undefined,
  scope: ReferenceScope,
  files: string[],
): string | { problem: string } {
  const [, variable, fallback] = ENV.exec(inner ?? "") ?? [];
  if (fallback?.includes("${")) return { problem: "a fallback cannot hold another reference" };
  if (variable !== undefined) {
    // As in a shell, an empty variable counts as unset where there is a fallback.
    const value = fallback === undefined ? scope.env[variable] : scope.env[variable] || fallback;
    return value ?? { problem: `the environment variable ${variable} is not set` };
  }
  const path = FILE.exec(inner ?? "")?.[1];
  if (path === undefined) return { problem: MALFORMED };
  const absolute = resolve(scope.folder, path);
  files.push(absolute);
  try {
    return readFileSync(absolute, "utf8").replace(/\r?\n$/, "");
  } catch (cause) {
    return { problem: `the file ${path} ${whyUnreadable(cause)}` };
  }
}

/** `does not exist`: continues a sentence that names the file. */
export function whyUnreadable(cause: unknown): string {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown";
  const why: Readonly<Record<string, string>> = {
    ENOENT: "does not exist",
    EACCES: "may not be read by this user",
    EISDIR: "is a folder, not a file",
    ENOTDIR: "is not a folder",
  };
  return why[code] ?? `cannot be read (${code})`;
}

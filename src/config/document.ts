import {
  type Alias,
  type Document,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  visit,
  type YAMLError,
} from "yaml";
import type { ConfigProblem } from "../model/failure.ts";
import { MAX_NESTING, parseBounded } from "./nesting.ts";
import { type ReferenceScope, replaceReferences } from "./references.ts";
import { shown } from "./shown.ts";

/**
 * YAML with a place for everything in it. A value keeps its place through the merge of `defaults` into a tenant,
 * so that a mistake is reported where it was written.
 */
export interface Place {
  readonly file: string;
  /** 1-based. Of the key, for a value in a mapping. */
  readonly line: number;
  /** `tenants[2].poll`; empty for the whole file. */
  readonly path: string;
}

export interface ScalarNode {
  readonly kind: "scalar";
  readonly place: Place;
  /** Undefined for an empty value and for one whose reference leads nowhere. */
  readonly value: string | number | boolean | undefined;
  readonly reference: "none" | "part" | "whole";
}

export interface MappingNode {
  readonly kind: "mapping";
  readonly place: Place;
  readonly entries: ReadonlyMap<string, Node>;
}

interface SequenceNode {
  readonly kind: "sequence";
  readonly place: Place;
  readonly items: readonly Node[];
}

export type Node = ScalarNode | MappingNode | SequenceNode;

interface ReadDocument {
  /** Undefined when the file is no YAML or holds nothing; a problem then says so. */
  readonly root: Node | undefined;
  readonly problems: readonly ConfigProblem[];
  /** Files that references named. */
  readonly files: readonly string[];
}

/** The yaml library's own messages quote the text around the mistake, which may be a secret. */
const SYNTAX: Readonly<Partial<Record<YAMLError["code"], string>>> = {
  BAD_INDENT: "the indentation does not fit the lines above",
  TAB_AS_INDENT: "a tab cannot indent; use spaces",
  MISSING_CHAR: "a comma or colon is missing",
  MULTIPLE_DOCS: "only one document a file is read; remove the line ---",
  BAD_DQ_ESCAPE: "unknown escape in double quotes; use single quotes, or \\\\ for a backslash",
  BAD_SCALAR_START: "a value cannot begin with this character; put it in quotes",
  BLOCK_AS_IMPLICIT_KEY:
    "a key with a value can have no keys below it; a value with a colon must be in quotes",
  MULTILINE_IMPLICIT_KEY: "a colon is missing, or the space behind it",
  NON_STRING_KEY: "a key must be plain text",
  TAG_RESOLVE_FAILED: "unknown !tag; put a value that begins with ! in quotes",
};

/** The library files an unclosed bracket under indentation. */
const UNCLOSED = /^(Missing closing|Flow (map|sequence))/;

/** `{ port: ${env:PORT} }`: to YAML the second brace opens another mapping. */
function isBareReference(mistake: YAMLError, text: string): boolean {
  return text.startsWith("${", mistake.pos[0] - 1);
}

/** Undefined where the library only knows that something is wrong. */
function describeSyntax(mistake: YAMLError, text: string): string | undefined {
  if (isBareReference(mistake, text))
    return 'inside { } and [ ] a reference must be in quotes: "${env:NAME}"';
  return UNCLOSED.test(mistake.message) ? "this quote, [ or { is not closed" : SYNTAX[mistake.code];
}

/** What is not closed is noticed far below, at worst at the end of the file; it is mended where it begins. */
function offsetOfMistake(mistake: YAMLError, document: Document.Parsed): number {
  const [noticed] = mistake.pos;
  let offset = noticed;
  if (!UNCLOSED.test(mistake.message)) return offset;
  visit(document, (_key, node) => {
    const opens = (isScalar(node) && node.type?.startsWith("QUOTE")) || (isCollection(node) && node.flow);
    // The last one that is met is the innermost.
    if (opens && node.range && node.range[0] < noticed && noticed <= node.range[2]) offset = node.range[0];
  });
  return offset;
}

/** Aliases of aliases grow without bound; no honest configuration repeats this much. */
const MAX_ALIASED_NODES = 100_000;

/** @param file the name that problems give. */
export function readDocument(file: string, text: string, scope: ReferenceScope): ReadDocument {
  const lines = new LineCounter();
  const lineAt = (offset: number) => Math.max(1, lines.linePos(offset).line);
  // Keys that occur twice are found below, where their path is known.
  const options = { lineCounter: lines, prettyErrors: false, uniqueKeys: false, stringKeys: true } as const;
  const document = parseBounded(text, options);
  if (typeof document === "number") {
    const message = `not valid YAML: nested more than ${MAX_NESTING} deep`;
    return { root: undefined, problems: [{ file, line: document, path: "", message }], files: [] };
  }
  // What follows a mistake in the syntax is guesswork, so nothing else is reported beside it.
  const mistakes = describeMistakes(document, text).map(({ offset, message }) => ({
    file,
    line: lineAt(offset),
    path: "",
    message: `not valid YAML: ${message}`,
  }));
  if (mistakes.length > 0) return { root: undefined, problems: mistakes, files: [] };
  if (document.contents === null) {
    const problem = { file, line: undefined, path: "", message: "the file is empty" };
    return { root: undefined, problems: [problem], files: [] };
  }
  const builder = createBuilder(file, document, lineAt, scope);
  const root = builder.build(document.contents, "");
  return { root: builder.isTooLarge() ? undefined : root, problems: builder.problems, files: builder.files };
}

function describeMistakes(document: Document.Parsed, text: string): { offset: number; message: string }[] {
  const found: { offset: number; message: string }[] = [];
  for (const mistake of [...document.errors, ...document.warnings]) {
    const offset = offsetOfMistake(mistake, document);
    const message = describeSyntax(mistake, text);
    if (message !== undefined) found.push({ offset, message });
    // After another mistake it is most often that one's echo.
    else if (found.length === 0)
      found.push({ offset, message: "a quote, bracket or dash is out of place here" });
  }
  return found;
}

function createBuilder(
  file: string,
  document: Document.Parsed,
  lineAt: (offset: number) => number,
  scope: ReferenceScope,
) {
  const problems: ConfigProblem[] = [];
  const files: string[] = [];
  /** Anchors whose content is being built. */
  const open = new Set<unknown>();
  const sources = aliasSources(document);
  let aliased = 0;

  function build(node: unknown, path: string, keyLine?: number): Node {
    const place = { file, line: keyLine ?? lineAt(offsetOf(node)), path };
    if (open.size > 0) countAliased(place);
    if (isTooLarge()) return scalar(place, undefined);
    return buildAt(node, place);
  }

  function buildAt(node: unknown, place: Place): Node {
    if (isAlias(node)) return buildAlias(node, place);
    if (isScalar(node)) return buildScalar(node.value, place);
    if (isMap(node)) return buildMapping(node.items, place);
    if (!isSeq(node)) return scalar(place, undefined);
    return {
      kind: "sequence",
      place,
      items: node.items.map((item, at) => build(item, joinPath(place.path, at))),
    };
  }

  function buildMapping(pairs: readonly Pair[], place: Place): MappingNode {
    const entries = new Map<string, Node>();
    for (const { key, value } of pairs) {
      const name = isScalar(key) ? String(key.value) : "";
      const below = { file, line: lineAt(offsetOf(key)), path: joinPath(place.path, name) };
      const first = entries.get(name);
      if (first === undefined) {
        entries.set(name, build(value, below.path, below.line));
        continue;
      }
      const message = `the key \`${shown(name)}\` stands here already, in line ${first.place.line}`;
      problems.push({ ...below, message });
    }
    return { kind: "mapping", place, entries };
  }

  function countAliased(place: Place): void {
    if (++aliased === MAX_ALIASED_NODES) {
      problems.push({ ...place, message: "the aliases in this file make it far too large" });
    }
  }

  function isTooLarge(): boolean {
    return aliased >= MAX_ALIASED_NODES;
  }

  function buildAlias(alias: Alias, place: Place): Node {
    const source = sources.get(alias);
    if (source === undefined || open.has(source)) {
      const message =
        source === undefined
          ? "this *alias has no &anchor above it"
          : "an alias cannot stand inside its own anchor";
      problems.push({ ...place, message });
      return scalar(place, undefined);
    }
    open.add(source);
    const built = build(source, place.path, place.line);
    open.delete(source);
    return built;
  }

  function buildScalar(value: unknown, place: Place): Node {
    if (typeof value !== "string") {
      return scalar(place, typeof value === "number" || typeof value === "boolean" ? value : undefined);
    }
    const replaced = replaceReferences(value, scope);
    files.push(...replaced.files);
    for (const message of replaced.problems) problems.push({ ...place, message });
    return {
      ...scalar(place, replaced.problems.length > 0 ? undefined : replaced.text),
      reference: replaced.reference,
    };
  }

  return { build, problems, files, isTooLarge };
}

/** What each alias stands for: the last node above it with its name. */
function aliasSources(document: Document.Parsed): ReadonlyMap<Alias, unknown> {
  const anchors = new Map<string, unknown>();
  const sources = new Map<Alias, unknown>();
  visit(document, {
    Alias: (_key, alias) => void sources.set(alias, anchors.get(alias.source)),
    Value: (_key, node) => void (node.anchor === undefined || anchors.set(node.anchor, node)),
  });
  return sources;
}

function scalar(place: Place, value: ScalarNode["value"]): ScalarNode {
  return { kind: "scalar", place, value, reference: "none" };
}

function offsetOf(node: unknown): number {
  return isNode(node) ? (node.range?.[0] ?? 0) : 0;
}

/** `tenants[2]` and `poll` → `tenants[2].poll` */
export function joinPath(path: string, key: string | number): string {
  if (typeof key === "number") return `${path}[${key}]`;
  const name = shown(key);
  const plain = /^[\w-]+$/.test(name);
  if (!plain) return `${path}[${JSON.stringify(name)}]`;
  return path === "" ? name : `${path}.${name}`;
}

/** The place of what the keys lead to; where it is missing, of the mapping that lacks it. */
export function placeOf(node: Node, keys: readonly PropertyKey[]): Place {
  let at = node;
  for (const [index, key] of keys.entries()) {
    const next = childOf(at, key);
    if (next === undefined) {
      const rest = keys.slice(index).map((part) => (typeof part === "number" ? part : String(part)));
      return { ...at.place, path: rest.reduce<string>(joinPath, at.place.path) };
    }
    at = next;
  }
  return at.place;
}

export function childOf(node: Node | undefined, key: PropertyKey): Node | undefined {
  if (node?.kind === "mapping") return node.entries.get(String(key));
  return node?.kind === "sequence" ? node.items[Number(key)] : undefined;
}

import type { Rendered } from "./format.ts";
import { cutBytes } from "./text.ts";

/**
 * One thing that may be given up to fit a limit.
 *
 * @param excess how many bytes are too many; a text is cut by no more than that.
 * @returns the document with less in it, or undefined when there was nothing to give up here.
 */
export interface Step<Document> {
  /** What is shortened, as a reader of the text knows it: the key, or the path in dots. */
  readonly name: string;
  readonly apply: (document: Document, excess: number) => Document | undefined;
}

/** Documents of one format. They are never changed, each step makes a new one. */
export interface Shrinkable<Document> {
  readonly steps: readonly Step<Document>[];
  /** The whole text, with a mark that names what was shortened where anything was. */
  readonly write: (document: Document, shortened: readonly string[]) => string;
  /** Names more closely what a step gave up. */
  readonly detail?: (document: Document, name: string) => readonly string[];
}

/**
 * Writes a document within a limit: gives up one thing after the other, the least important and largest first, until
 * it fits. Each step only removes, and the steps of a format end with one after which its smallest text remains.
 *
 * @param already what was cut before, because the format itself bounds its fields.
 */
export function shrinkToFit<Document>(
  document: Document,
  { steps, write, detail = (_, name) => [name] }: Shrinkable<Document>,
  maxBytes: number,
  already: readonly string[] = [],
): Rendered {
  const names = [...already];
  let current = document;
  let text = write(current, names);
  let excess = excessOf(text, maxBytes);
  for (const step of steps) {
    if (excess <= 0) break;
    // Naming it takes room too.
    const next = step.apply(current, excess + step.name.length + (names.length === 0 ? MARK_BYTES : 3));
    if (next === undefined) continue;
    current = next;
    if (!names.includes(step.name)) names.push(step.name);
    const told = names.flatMap((name) => detail(current, name));
    text = write(current, boundedNames(told, maxBytes));
    excess = excessOf(text, maxBytes);
  }
  return { text, shortened: names.length > 0 };
}

/** About what the mark takes besides the names in it. */
const MARK_BYTES = 32;

/** No UTF-16 unit takes more than three bytes, which mostly spares the counting. */
function excessOf(text: string, maxBytes: number): number {
  return text.length * 3 <= maxBytes ? 0 : Buffer.byteLength(text) - maxBytes;
}

/** The list of what was shortened may itself not take the room that is short. */
function boundedNames(names: readonly string[], maxBytes: number): readonly string[] {
  let room = Math.max(24, Math.min(maxBytes / 20, 400));
  const told = names.filter((name) => {
    room -= name.length + 3;
    return room >= 0;
  });
  return told.length === names.length ? told : [...told, `+${names.length - told.length}`];
}

/** Cuts a text by as much as is too much, but leaves `floor` bytes of it; undefined when it is no longer than that. */
export function cutBy(text: string, excess: number, floor: number): string | undefined {
  const size = Buffer.byteLength(text);
  return size <= floor ? undefined : cutBytes(text, Math.max(floor, size - excess));
}

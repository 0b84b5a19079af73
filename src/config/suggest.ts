import { shown } from "./shown.ts";

/** `; did you mean `interval`?`, or the names that are allowed when none of them is near. */
export function suggestion(word: string, allowed: readonly string[]): string {
  const near = nearest(word, allowed);
  if (near !== undefined) return `; did you mean \`${shown(near)}\`?`;
  return allowed.length === 0 ? "" : `; allowed: ${allowed.map((name) => `\`${shown(name)}\``).join(", ")}`;
}

/** A word this long inside another one is no accident: `certificate` and `client-certificate`. */
const TELLING_LENGTH = 4;

/** The allowed word that was probably meant: the same but for case and punctuation, or a few letters away. */
export function nearest(word: string, allowed: readonly string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/[^a-z0-9]/g, "");
  let best: string | undefined;
  let least = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of allowed) {
    const apart = apartness(plain(word), plain(candidate));
    if (apart < least) [best, least] = [candidate, apart];
  }
  return best;
}

function apartness(a: string, b: string): number {
  const isPart = Math.min(a.length, b.length) >= TELLING_LENGTH && (a.includes(b) || b.includes(a));
  return Math.min(distance(a, b), isPart ? 1 : Number.POSITIVE_INFINITY);
}

/** Letters to insert, remove, replace or swap with their neighbour (optimal string alignment distance). */
function distance(a: string, b: string): number {
  const far = Number.POSITIVE_INFINITY;
  let beforeLast: readonly number[] = [];
  let last: readonly number[] = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const inserted = (row[j - 1] ?? far) + 1;
      const removed = (last[j] ?? far) + 1;
      const replaced = (last[j - 1] ?? far) + Number(a[i - 1] !== b[j - 1]);
      const swapped = areSwapped(a, i, b, j) ? (beforeLast[j - 2] ?? far) + 1 : far;
      row.push(Math.min(inserted, removed, replaced, swapped));
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length] ?? far;
}

/** Whether the two letters before `i` and before `j` are the same the other way round. */
function areSwapped(a: string, i: number, b: string, j: number): boolean {
  return i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
}

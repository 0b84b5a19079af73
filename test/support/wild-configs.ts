import type { Random } from "../../src/simulate/random.ts";

/** Mistakes as hands, editors, templates and mischief make them, in a configuration that was right. */

const VALUES: readonly string[] = [
  "",
  "~",
  "null",
  "true",
  "[]",
  "{}",
  "[[]]",
  "{ a: { b: 1 } }",
  "0",
  "-1",
  "1e999",
  ".nan",
  "0x1f",
  "1_000",
  "99999999999999999999999999",
  "2026-05-04",
  "!!binary aGk=",
  "!!set { a }",
  "!custom x",
  "&a [*a]",
  "*nothing",
  "'",
  '"',
  "|",
  ">-",
  "@a",
  "`a",
  "%a",
  "a: b",
  "- a",
  "? a",
  "#",
  "---",
  "...",
  "\t",
  "\\",
  "\u0000",
  "\u2028",
  "${env:",
  "${env:NO_SUCH}",
  "${env:NO_SUCH:-a}",
  "${file:/}",
  "${file:}",
  "${nothing}",
  "$${",
  "${env:A${env:B}}",
  "9999d",
  "-5s",
  "1e3s",
  "0.0001ms",
  "9".repeat(400),
  "a".repeat(5000),
  "https://u:p@[::1]:99999/",
  "file:///etc",
];
const KEYS: readonly string[] = [
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "prototype",
  "<<",
  "?",
  "",
  "'quoted key'",
  "[a, b]",
  "type",
  "auth",
  "sinks",
  "tenants",
  "defaults",
  "queue",
  "http",
  "token",
  "poll",
  "tokens",
  "Sinks",
  "ten-ants",
];

type Mutate = (lines: string[], random: Random, at: number) => string[];

const MUTATIONS: readonly Mutate[] = [
  (lines, _, at) => lines.toSpliced(at, 1),
  (lines, random, at) => lines.toSpliced(at, random.whole(1, 8)),
  (lines, _, at) => lines.toSpliced(at, 0, lines[at] ?? ""),
  (lines, random, at) => swapped(lines, at, random.whole(0, lines.length - 1)),
  (lines, random, at) => lines.toSpliced(at, 1, `${" ".repeat(random.whole(1, 4))}${lines[at]}`),
  (lines, _, at) => lines.toSpliced(at, 1, (lines[at] ?? "").replace(/^ {2}/, "")),
  (lines, _, at) => lines.toSpliced(at, 1, (lines[at] ?? "").replace(/^ +/, "\t")),
  (lines, random, at) => edited(lines, at, (line) => line.replace(/: .*$/, `: ${oneOf(random, VALUES)}`)),
  (lines, random, at) => edited(lines, at, (line) => line.replace(/: .*$/, `: ${oneOf(random, VALUES)}`)),
  (lines, random, at) => edited(lines, at, (line) => line.replace(/[\w-]+:/, `${oneOf(random, KEYS)}:`)),
  (lines, random, at) => lines.toSpliced(at, 0, `${oneOf(random, KEYS)}: ${oneOf(random, VALUES)}`),
  (lines, random, at) => edited(lines, at, (line) => flipped(line, random)),
  (lines, random, at) => edited(lines, at, (line) => flipped(line, random)),
  (lines, random, at) => edited(lines, at, (line) => line.slice(0, random.whole(0, line.length))),
  (lines, _, at) => edited(lines, at, (line) => line.replace(":", "")),
  (lines, _, at) => edited(lines, at, (line) => line.replace(/: .*$/, ":")),
  (lines, random, at) => withValueOf(lines, at, random.whole(0, lines.length - 1)),
  (lines, random, at) => withValueOf(lines, at, random.whole(0, lines.length - 1)),
];

/** What costs a parser that is not on its guard its time, memory or stack. */
const BOMBS: readonly ((random: Random) => string)[] = [
  (random) => nested(random, "[", "]"),
  (random) => nested(random, "{ a: ", "}"),
  (random) =>
    `a:\n${Array.from({ length: random.whole(50, 500) }, (_, depth) => `${" ".repeat(depth + 1)}a:`).join("\n")}`,
  (random) =>
    `a: &a0 [x, x]\n${Array.from({ length: random.whole(5, 30) }, (_, n) => `b${n}: &a${n + 1} [*a${n}, *a${n}]`).join("\n")}`,
  (random) => `a: &a { b: *a }\nc: ${"*a, ".repeat(random.whole(1, 100))}`,
  (random) => `? ${"- ".repeat(random.whole(2, 500))}a`,
  (random) => `a: "${"\\".repeat(random.whole(1, 5000))}"`,
  (random) => `${"a".repeat(random.whole(1000, 50_000))}: b`,
  (random) => "---\n".repeat(random.whole(2, 50)),
  (random) => "%YAML 1.1\n---\n".repeat(random.whole(1, 3)),
  (random) => Array.from({ length: random.whole(100, 1000) }, (_, n) => `k${n}: v`).join("\n"),
];

/** A text that was made of the right one, with a mistake or several. */
export function wildConfig(right: string, random: Random): string {
  let lines = right.split("\n");
  for (let turns = random.chance(0.5) ? 1 : random.whole(2, 6); turns > 0; turns -= 1)
    lines = oneOf(random, MUTATIONS)(lines, random, random.whole(0, lines.length - 1));
  if (random.chance(0.01))
    lines = lines.toSpliced(random.whole(0, lines.length), 0, oneOf(random, BOMBS)(random));
  const text = lines.join(random.chance(0.02) ? "\r\n" : "\n");
  return random.chance(0.02) ? text.slice(0, random.whole(0, text.length)) : text;
}

function oneOf<T>(random: Random, list: readonly T[]): T {
  const found = list[random.whole(0, list.length - 1)];
  if (found === undefined) throw new Error("There is nothing to choose from.");
  return found;
}

function edited(lines: string[], at: number, edit: (line: string) => string): string[] {
  return lines.toSpliced(at, 1, edit(lines[at] ?? ""));
}

function swapped(lines: string[], at: number, other: number): string[] {
  return lines.with(at, lines[other] ?? "").with(other, lines[at] ?? "");
}

/** Puts the value of one line behind the key of another, where it means something else. */
function withValueOf(lines: string[], at: number, other: number): string[] {
  const value = /: .*$/.exec(lines[other] ?? "")?.[0] ?? ":";
  return edited(lines, at, (line) => line.replace(/(: .*|:)$/, () => value));
}

function flipped(line: string, random: Random): string {
  const at = random.whole(0, Math.max(0, line.length - 1));
  const bit = 1 << random.whole(0, 7);
  const byte = String.fromCharCode(line.charCodeAt(at) ^ bit);
  return `${line.slice(0, at)}${byte}${line.slice(at + 1)}`;
}

function nested(random: Random, open: string, close: string): string {
  const depth = random.whole(2, random.chance(0.2) ? 3000 : 200);
  return `a: ${open.repeat(depth)}${close.repeat(random.chance(0.8) ? depth : 0)}`;
}

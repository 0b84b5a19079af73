import type { Envelope, NonEmpty } from "../../src/model/envelope.ts";
import { anEnvelope, aRaw } from "./envelopes.ts";

/** Texts that break formats, frames and files where somebody forgot them. */
const HOSTILE_TEXTS: NonEmpty<string> = [
  "line one\nline two\r\nline three\rline four",
  "<13>1 2026-01-01T00:00:00Z other host - - - a second message",
  "\n<13>Jan  1 00:00:00 other a second message",
  "999999 <13>1 - - - - - - a count",
  "CEF:0|a|b|c|d|e|10|src=1.2.3.4 msg=a\\=b",
  "pipes | and \\| and = and \\= and \\ at the end \\",
  "\u0000\u0001\u001b[31m\u007f\u0085\u009b",
  "half \ud800 a \udc00 character",
  "\u202eright to left\u202c \u200b\ufeff\u2028\u2029",
  "Grüße, 日本語, \u{1f600}\u{1f468}\u200d\u{1f469}\u200d\u{1f467}, עברית, a\u0301",
  "\t tabs \t and   spaces \t",
  '"quotes" \'and\' {"json":["in it"]} <b>&amp;</b> ${env:HOME} %s %n $(id)',
  "ü".repeat(20_000),
];

const HUGE = "x".repeat(1_000_000);

/** Alerts of which every tenth is hostile, each another way, and every one different from all others. */
export function someHostile(count: number): NonEmpty<Envelope> {
  const [first, ...others] = Array.from({ length: count }, (_, index) => {
    const seq = index + 1;
    const text =
      index % 2000 === 0
        ? HUGE
        : index % 10 === 0
          ? HOSTILE_TEXTS[(index / 10) % HOSTILE_TEXTS.length]
          : undefined;
    const hostile = text === undefined ? {} : { title: text, description: text, category: text };
    return anEnvelope({ seq, raw: aRaw({ id: `da00000000-${seq}`, ...hostile }), device: text ?? "ws-001" });
  });
  if (first === undefined) throw new Error("There are no alerts.");
  return [first, ...others];
}

/**
 * Finds a text that may need more than a look: with control characters, separators of lines, or surrogates, be they
 * paired or not. Put as all the others, and without Unicode classes, since nearly every text is asked and has none.
 */
const ODD = /[^ -~\u00a0-\u2027\u202a-\ud7ff\ue000-\uffff]/;

/** Half a surrogate pair: a text with one has no UTF-8. */
const LONE_SURROGATE = /\p{Cs}/gu;

/** All control characters but the three that text is laid out with. */
const CONTROL = /(?![\t\n\r])\p{Cc}/gu;

/** Every way to begin a new line that some receiver knows: CR LF, CR, LF, NEL, LINE and PARAGRAPH SEPARATOR. */
const LINE_BREAK = /\r\n|[\r\n\u0085\u2028\u2029]/g;

/** Says in a text that there was more of it. */
const CUT_MARK = "…";
const CUT_MARK_BYTES = 3;

/**
 * A text as every format takes it from an alert: well-formed (half a character becomes U+FFFD), without control
 * characters but TAB, LF and CR, and without space around it. Marks of writing direction stay: they belong to what was
 * seen, and no receiver ends a message or a field at one.
 */
export function clean(text: string): string {
  if (!ODD.test(text)) return text.trim();
  return text
    .replace(LONE_SURROGATE, "\ufffd")
    .replace(/\u0085/g, "\n")
    .replace(CONTROL, "")
    .trim();
}

/** The text in one line: every line break as `lineBreak`, every TAB as a space, no other control character. */
export function oneLine(text: string, lineBreak: string | ((sign: string) => string)): string {
  if (!ODD.test(text)) return text;
  const replacement = typeof lineBreak === "string" ? () => lineBreak : lineBreak;
  return text
    .replace(LONE_SURROGATE, "\ufffd")
    .replace(LINE_BREAK, replacement)
    .replace(/\t/g, " ")
    .replace(CONTROL, "");
}

/** JSON in one line of visible text: what JSON itself leaves bare (DEL, C1, U+2028, U+2029) is escaped too. */
export function jsonLine(value: unknown): string {
  return escapeControls(JSON.stringify(value));
}

/** Escapes what may stand bare in the strings of a JSON text although some receivers take it for a line's end. */
function escapeControls(json: string): string {
  if (!ODD.test(json)) return json;
  return json
    .replace(LONE_SURROGATE, "\ufffd")
    .replace(/[\p{Cc}\u2028\u2029]/gu, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/**
 * The beginning of a text in at most `maxBytes` of UTF-8, never with half a character, and with a mark where something
 * is missing. Below the mark's own length nothing is left.
 */
export function cutBytes(text: string, maxBytes: number): string {
  // No UTF-16 unit takes less than a byte or more than three.
  if (text.length * 3 <= maxBytes || Buffer.byteLength(text) <= maxBytes) return text;
  if (maxBytes < CUT_MARK_BYTES) return "";
  const bytes = Buffer.from(text.slice(0, maxBytes));
  let end = maxBytes - CUT_MARK_BYTES;
  while (end > 0 && isContinuation(bytes[end])) end--;
  return `${bytes.toString("utf8", 0, end)}${CUT_MARK}`;
}

/** The beginning of a text in at most `max` characters (code points), with a mark where something is missing. */
export function cutCharacters(text: string, max: number): string {
  if (text.length <= max) return text;
  let units = 0;
  let before = 0;
  for (let characters = 0; characters < max; characters++) {
    if (units >= text.length) return text;
    before = units;
    units += (text.codePointAt(units) ?? 0) > 0xffff ? 2 : 1;
  }
  return units >= text.length ? text : `${text.slice(0, before)}${CUT_MARK}`;
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

import { clean, cutBytes } from "./text.ts";

/** What one pass leaves of a JSON text. */
interface Bounds {
  /** Bytes of a string; four times as many for the members of the outermost object, which name and describe. */
  readonly text: number;
  /** Elements of a list. */
  readonly list: number;
  /** Members of an object. */
  readonly members: number;
  /** What is nested deeper becomes empty. */
  readonly depth: number;
}

export interface ShortenedJson {
  readonly json: string;
  /** The members of the outermost object in which something is missing. */
  readonly touched: ReadonlySet<string>;
}

/** From one pass to the next; a smaller step would fit more closely and take longer. */
const STRICTER = 0.6;

/**
 * Shortens a JSON object to a number of bytes: its longest strings and lists first, and the more the less room there
 * is. It stays JSON of the same shape, and what is kept stays as it was written: nothing is parsed and written anew,
 * so no number changes. Each pass works on what the one before left, so that together they take little longer than
 * the first.
 *
 * @param json valid JSON.
 */
export function shortenJson(json: string, maxBytes: number): ShortenedJson {
  const touched = new Set<string>();
  let shorter = json;
  for (let text = maxBytes / 2; text >= 4; text *= STRICTER) {
    shorter = new Pass(shorter, boundsFor(text), touched).run();
    if (Buffer.byteLength(shorter) <= maxBytes) return { json: shorter, touched };
  }
  return { json: "{}", touched: new Set() };
}

/** Lists go before texts, since they are what makes an alert large; no alert has as many members as are kept at first. */
function boundsFor(text: number): Bounds {
  return {
    text,
    list: text >= 32 ? Math.ceil(text / 32) : 0,
    members: text >= 16 ? 256 : Math.ceil(text * 2),
    depth: text >= 64 ? 24 : text >= 32 ? 3 : 1,
  };
}

/** No 64-bit number and no double takes more characters; a longer one becomes null where there is no room for it. */
const LONGEST_NUMBER = 32;

/** A member with a longer name is left out. */
const LONGEST_NAME = 256;

/** One way through a JSON text, from its first character to its last, writing a copy within bounds. */
class Pass {
  readonly #json: string;
  readonly #bounds: Bounds;
  readonly #touched: Set<string>;
  readonly #out: string[] = [];
  #at = 0;
  /** Of the outermost object, the member we are in; still escaped. */
  #member = "";

  constructor(json: string, bounds: Bounds, touched: Set<string>) {
    this.#json = json;
    this.#bounds = bounds;
    this.#touched = touched;
  }

  run(): string {
    this.#value(0);
    return this.#out.join("");
  }

  #value(depth: number): void {
    const first = this.#next();
    if (first === "{") this.#container(depth, "}");
    else if (first === "[") this.#container(depth, "]");
    else this.#out.push(this.#bounded(this.#scalar(), depth));
  }

  #container(depth: number, close: "}" | "]"): void {
    const isObject = close === "}";
    const fitting = isObject ? this.#bounds.members : this.#bounds.list;
    const most = depth < this.#bounds.depth ? fitting : 0;
    this.#out.push(isObject ? "{" : "[");
    this.#at++;
    let kept = 0;
    while (this.#next() !== close) {
      if (this.#json[this.#at] === ",") this.#at++;
      else if (this.#element(depth, isObject, kept, most)) kept++;
    }
    this.#at++;
    this.#out.push(close);
  }

  /** Copies one element or member, or steps over it. */
  #element(depth: number, isObject: boolean, kept: number, most: number): boolean {
    const name = isObject ? this.#name(depth) : "";
    if (kept >= most || name.length > LONGEST_NAME) {
      this.#skip();
      this.#touch();
      return false;
    }
    this.#out.push(kept === 0 ? "" : ",", name);
    this.#value(depth + 1);
    return true;
  }

  /** The name of a member with its colon, as it is written. */
  #name(depth: number): string {
    const name = this.#scalar();
    if (depth === 0) this.#member = name;
    this.#next();
    this.#at++;
    return `${name}:`;
  }

  #touch(): void {
    if (this.#member !== "") this.#touched.add(cutBytes(clean(String(JSON.parse(this.#member))), 40));
  }

  #bounded(scalar: string, depth: number): string {
    const most = depth === 1 ? this.#bounds.text * 4 : this.#bounds.text;
    if (scalar.length * 3 <= most || Buffer.byteLength(scalar) <= most) return scalar;
    // A number without its end would be another one.
    if (!scalar.startsWith('"')) return scalar.length > LONGEST_NUMBER ? this.#replaced("null") : scalar;
    return this.#replaced(cutString(scalar, most));
  }

  #replaced(text: string): string {
    this.#touch();
    return text;
  }

  /** Steps over space; the character that follows. */
  #next(): string {
    while (" \n\r\t".includes(this.#json[this.#at] ?? "end")) this.#at++;
    const sign = this.#json[this.#at];
    if (sign === undefined) throw new SyntaxError("The JSON ends too early.");
    return sign;
  }

  /** A string, a number or a word, as it is written. */
  #scalar(): string {
    const start = this.#at;
    if (this.#next() === '"') this.#at = endOfString(this.#json, start);
    else while (!",:]} \n\r\t".includes(this.#json[this.#at] ?? ",")) this.#at++;
    if (this.#at === start) throw new SyntaxError("A value is missing.");
    return this.#json.slice(start, this.#at);
  }

  /** Steps over a value. */
  #skip(): void {
    let open = 0;
    do {
      const sign = this.#next();
      if ("{[".includes(sign)) open++;
      else if ("}]".includes(sign)) open--;
      if ("{[]},:".includes(sign)) this.#at++;
      else this.#scalar();
    } while (open > 0);
  }
}

/** Index behind the quote that ends the string that begins at `start`. */
function endOfString(json: string, start: number): number {
  for (let quote = json.indexOf('"', start + 1); quote >= 0; quote = json.indexOf('"', quote + 1)) {
    let backslashes = 0;
    while (json[quote - 1 - backslashes] === "\\") backslashes++;
    if (backslashes % 2 === 0) return quote + 1;
  }
  throw new SyntaxError("A string has no end.");
}

/** An escape, two of them that are one character, or a character. */
const UNIT = /\\u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|\\u[\da-fA-F]{4}|\\.|[^\\]/suy;

/** The beginning of a JSON string in `maxBytes`, a mark and its quotes among them, cut between two characters. */
function cutString(string: string, maxBytes: number): string {
  const room = maxBytes - '"…"'.length - 2;
  let size = 0;
  let end = 1;
  for (;;) {
    UNIT.lastIndex = end;
    const [unit] = UNIT.exec(string) ?? [""];
    size += Buffer.byteLength(unit);
    if (unit === "" || size > room) return `${string.slice(0, end)}…"`;
    end += unit.length;
  }
}

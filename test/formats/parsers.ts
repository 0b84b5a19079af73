/** What a reader that follows the standard finds in a line. */
export interface ReadCef {
  readonly header: readonly string[];
  readonly pairs: ReadonlyMap<string, string>;
}

/**
 * Reads CEF as the implementation standard describes it, and refuses what it forbids: seven header fields between
 * bars; `\|` and `\\` there; `\=`, `\\`, `\n` and `\r` in values; a key is letters and digits, stands once, and its
 * value lasts until one space before the next key.
 */
export function parseCef(line: string): ReadCef {
  mustBeOneLine(line);
  const header: string[] = [];
  let at = 0;
  for (let field = 0; field < 7; field++) {
    const match = /((?:[^\\|]|\\[\\|])*)\|/suy;
    match.lastIndex = at;
    const found = match.exec(line);
    if (found === null) throw new Error(`Header field ${field} has no end.`);
    header.push((found[1] ?? "").replace(/\\([\\|])/g, "$1"));
    at = match.lastIndex;
  }
  if (header[0] !== "CEF:0") throw new Error("It does not begin with CEF:0.");
  return { header, pairs: parseExtension(line.slice(at)) };
}

function parseExtension(text: string): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  // A bare equals sign is never part of a value, so each one ends a key.
  const keys = [...text.matchAll(/(^| )([A-Za-z0-9]+)=/g)].filter(
    ({ index }) => index === 0 || text[index] === " ",
  );
  if (text !== "" && keys[0]?.index !== 0) throw new Error("The extension does not begin with a key.");
  keys.forEach((found, index) => {
    const [whole, , key = ""] = found;
    if (pairs.has(key)) throw new Error(`The key ${key} stands twice.`);
    pairs.set(key, unescapeValue(text.slice(found.index + whole.length, keys[index + 1]?.index)));
  });
  return pairs;
}

function unescapeValue(value: string): string {
  if (/^ | $/.test(value)) throw new Error("A value has space around it.");
  if (!/^(?:[^\\=]|\\[\\=nr])*$/su.test(value)) throw new Error("A value has a sign that is not escaped.");
  return value.replace(/\\(.)/g, (_, sign: string) => (sign === "n" ? "\n" : sign === "r" ? "\r" : sign));
}

/** Reads LEEF 2.0 as IBM's guide describes it: five header fields, a delimiter in hexadecimal, no escapes. */
export function parseLeef(line: string): ReadCef {
  mustBeOneLine(line);
  const [version = "", vendor = "", product = "", release = "", eventId = "", delimiter = ""] = line.split(
    "|",
    6,
  );
  if (version !== "LEEF:2.0") throw new Error("It does not begin with LEEF:2.0.");
  const header = [version, vendor, product, release, eventId];
  const code = /^x([0-9A-F]{2})$/.exec(delimiter)?.[1];
  if (code === undefined) throw new Error("The delimiter is not told.");
  const attributes = line.slice([...header, delimiter].join("|").length + 1);
  const pairs = new Map<string, string>();
  for (const pair of attributes.split(String.fromCharCode(Number.parseInt(code, 16)))) {
    const equals = pair.indexOf("=");
    const key = pair.slice(0, equals);
    if (!/^[A-Za-z0-9]+$/.test(key))
      throw new Error(`There is no key in ${JSON.stringify(pair.slice(0, 40))}.`);
    if (pairs.has(key)) throw new Error(`The key ${key} stands twice.`);
    pairs.set(key, pair.slice(equals + 1));
  }
  return { header, pairs };
}

/** What no transport can mistake for the end of a message. */
function mustBeOneLine(line: string): void {
  if (/[\p{Cc}\p{Cs}\u2028\u2029]/u.test(line))
    throw new Error("It has a control character, or half a character.");
}

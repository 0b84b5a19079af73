import { cutBy, type Step } from "./shrink.ts";
import { cutCharacters } from "./text.ts";

/** A line of the CEF or LEEF family before it is written: what varies in its header, and `key=value` pairs. */
export interface KeyedLine {
  /** By the names that the format has for them; unescaped, as the values of the pairs are. */
  readonly header: Readonly<Record<string, string>>;
  /** In the order in which they are written. Empty texts are not in it. */
  readonly fields: ReadonlyMap<string, string>;
}

/** The pairs that have a value. */
export function fieldsOf(
  pairs: readonly (readonly [string, string | number | undefined])[],
): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const [key, value] of pairs) if (value !== undefined && value !== "") fields.set(key, String(value));
  return fields;
}

/** Cuts one value, but leaves `floor` bytes of it. */
export function cutField(key: string, floor: number): Step<KeyedLine> {
  return {
    name: key,
    apply(line, excess) {
      const text = line.fields.get(key);
      const shorter = text === undefined ? undefined : cutBy(text, excess, floor);
      return shorter === undefined ? undefined : { ...line, fields: new Map(line.fields).set(key, shorter) };
    },
  };
}

/** Leaves out an id that is longer than ids are; cut, it would name something else. */
export function dropLong(key: string, longest: number): Step<KeyedLine> {
  const { name, apply } = dropFields(key);
  return {
    name,
    apply: (line, excess) =>
      (line.fields.get(key)?.length ?? 0) > longest ? apply(line, excess) : undefined,
  };
}

/** Leaves out pairs that only make sense together. */
export function dropFields(key: string, ...others: readonly string[]): Step<KeyedLine> {
  return {
    name: key,
    apply(line) {
      if (!line.fields.has(key)) return undefined;
      const fields = new Map(line.fields);
      for (const each of [key, ...others]) fields.delete(each);
      return { ...line, fields };
    },
  };
}

export function cutHeader(name: string, floor: number): Step<KeyedLine> {
  return {
    name,
    apply(line, excess) {
      const shorter = cutBy(line.header[name] ?? "", excess, floor);
      return shorter === undefined ? undefined : { ...line, header: { ...line.header, [name]: shorter } };
    },
  };
}

/** Cuts what is longer than the format allows, and tells the names of it. Lengths are in characters. */
export function withinLengths(
  { header, fields }: KeyedLine,
  lengths: ReadonlyMap<string, number>,
): { readonly line: KeyedLine; readonly shortened: readonly string[] } {
  const shortened: string[] = [];
  const within = ([name, text]: readonly [string, string]): [string, string] => {
    const max = lengths.get(name);
    const cut = max === undefined ? text : cutCharacters(text, max);
    if (cut !== text) shortened.push(name);
    return [name, cut];
  };
  const line = {
    header: Object.fromEntries(Object.entries(header).map(within)),
    fields: new Map([...fields].map(within)),
  };
  return { line, shortened };
}

/** One record of a CSV file, with the line it begins in. */
export interface CsvRecord {
  readonly line: number;
  readonly fields: readonly string[];
}

/** A field in quotes, in which two quotes stand for one, or one without; then a comma, a line's end or the file's. */
const FIELD = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/y;

/** Reads the records of a CSV file, RFC 4180. Empty lines are left out. @throws Error that names the line. */
export function readCsv(text: string): CsvRecord[] {
  const source = text.replace(/^\uFEFF/, "");
  const records: CsvRecord[] = [];
  let line = 1;
  let begins = 1;
  let fields: string[] = [];
  for (let at = 0; at < source.length || fields.length > 0; ) {
    FIELD.lastIndex = at;
    const found = FIELD.exec(source);
    if (found === null) throw new Error(`line ${line}: a quote is not closed, or stands inside a field`);
    const [whole, quoted, plain = "", end] = found;
    fields.push(quoted === undefined ? plain.trim() : quoted.replaceAll('""', '"'));
    line += whole.split("\n").length - 1;
    at = FIELD.lastIndex;
    if (end === ",") continue;
    if (fields.some((field) => field !== "")) records.push({ line: begins, fields });
    fields = [];
    begins = line;
  }
  return records;
}

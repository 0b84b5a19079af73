/** The protocol of Redis, versions 2 and 3, as far as it is needed to cut a stream of it into whole values. */

const CRLF = "\r\n";
/** Types whose number counts bytes that follow, and types whose number counts values that follow. */
const TEXTS = "$=!";
const VALUES_EACH: Readonly<Record<string, number>> = { "*": 1, "~": 1, ">": 1, "%": 2, "|": 2 };

/** Index behind the value that begins at `at`; -1 while it is not all there. */
function endOfValue(bytes: Buffer, at: number): number {
  let next = at;
  for (let open = 1; open > 0; open--) {
    const lineEnd = bytes.indexOf(CRLF, next);
    if (lineEnd < 0) return -1;
    const type = bytes.toString("latin1", next, next + 1);
    const count = Number(bytes.toString("latin1", next + 1, lineEnd));
    next = lineEnd + CRLF.length;
    if (TEXTS.includes(type) && count >= 0) next += count + CRLF.length;
    if (next > bytes.length) return -1;
    open += Math.max(0, count) * (VALUES_EACH[type] ?? 0);
    // Attributes stand before the value that they belong to.
    if (type === "|") open += 1;
  }
  return next;
}

/** Cuts what comes in chunks, which may end anywhere, into whole values. */
export function createCutter(): (chunk: Buffer) => readonly Buffer[] {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const values: Buffer[] = [];
    let at = 0;
    while (at < rest.length) {
      const end = endOfValue(rest, at);
      if (end < 0) break;
      values.push(rest.subarray(at, end));
      at = end;
    }
    rest = rest.subarray(at);
    return values;
  };
}

/** The words of a command; those of an inline command (`PING`) too. */
export function wordsOf(command: Buffer): readonly Buffer[] {
  if (command[0] !== 0x2a) return [command.subarray(0, -CRLF.length)];
  const words: Buffer[] = [];
  let at = command.indexOf(CRLF) + CRLF.length;
  while (at < command.length) {
    const lineEnd = command.indexOf(CRLF, at);
    const start = lineEnd + CRLF.length;
    const end = start + Number(command.toString("latin1", at + 1, lineEnd));
    words.push(command.subarray(start, end));
    at = end + CRLF.length;
  }
  return words;
}

/** A message that Redis sends of its own accord, which answers no command. */
export function isPush(value: Buffer): boolean {
  return value[0] === 0x3e;
}

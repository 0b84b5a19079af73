import { ACTORS } from "../model/diagnosis.ts";

/** A finished line of the log, read again. */
type Line = Readonly<Record<string, unknown>>;

/** Select Graphic Rendition, ECMA-48 section 8.3.117. */
const COLOURS = { dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;
type Colour = keyof typeof COLOURS;

const OF_LEVEL: Readonly<Record<string, Colour>> = {
  info: "green",
  warn: "yellow",
  error: "red",
  fatal: "red",
};

/** These stand where a reader looks for them; everything else follows as name and value. */
const PLACED = new Set([
  "time",
  "level",
  "event",
  "msg",
  "tenant",
  "source",
  "sink",
  "app",
  "error",
  "runbook",
]);
/** Under the sentence, behind time and level. */
const INDENT = " ".repeat(17);

/**
 * A line of the log for a person at a terminal, what is wrong and what to do on lines of their own:
 *
 * ```
 * 14:37:39  error  The sink is in trouble and rests; its alerts wait in the queue.  splunk  retry in 500 ms
 *                  503, code 9: Splunk answered 503.
 *                  docs/runbook.md#sink-opened
 * ```
 */
export function prettyLine(json: string, isColoured: boolean): string {
  const line = JSON.parse(json) as Line;
  const paint = (colour: Colour, text: string) =>
    isColoured && text !== "" ? `\u001b[${COLOURS[colour]}m${text}\u001b[0m` : text;
  const level = wordOf(line["level"]);
  const head = [
    `${paint("dim", clockOf(wordOf(line["time"])))}  ${paint(OF_LEVEL[level] ?? "dim", level.padEnd(5))}  ${wordOf(line["msg"])}`,
    paint(
      "cyan",
      ["tenant", "source", "sink", "app"]
        .map((name) => wordOf(line[name]))
        .filter(Boolean)
        .join(" "),
    ),
    paint("dim", factsOf(line)),
  ];
  const below = [
    ...troubleOf(line["error"]),
    ...(line["runbook"] === undefined ? [] : [paint("dim", anchorIn(line))]),
  ];
  return `${[head.filter(Boolean).join("  "), ...below.map((text) => `${INDENT}${text}`)].join("\n")}\n`;
}

function anchorIn(line: Line): string {
  return `docs/runbook.md#${wordOf(line["runbook"]).replace(/^runbook#/, "")}`;
}

/** Local time: whoever sits at a terminal compares it with a clock on the wall. */
function clockOf(iso: string): string {
  return new Date(iso).toTimeString().slice(0, 8);
}

function factsOf(line: Line): string {
  return Object.entries(line)
    .filter(([name]) => !PLACED.has(name))
    .map(([name, value]) => factOf(name, value))
    .filter(Boolean)
    .join(", ");
}

function factOf(name: string, value: unknown): string {
  if (name === "durationMs") return `took ${spanOf(Number(value))}`;
  if (name === "retryInMs") return `again in ${spanOf(Number(value))}`;
  if (name === "repeated") return `${value} times more`;
  if (isRecord(value) && name === "window")
    return `${wordOf(value["kind"])} ${wordOf(value["from"])} to ${wordOf(value["to"])}`;
  if (isRecord(value)) return Object.keys(value).length === 0 ? "" : `${name} ${JSON.stringify(value)}`;
  return Array.isArray(value) ? `${name} ${value.join(" ")}` : `${name} ${value}`;
}

/** `820 ms`, `61.2 s`, `3 min 20 s` */
function spanOf(ms: number): string {
  if (ms < 1000) return `${ms} ms`;
  if (ms < 100_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** The other side's words, and who can mend it. */
function troubleOf(error: unknown): string[] {
  if (!isRecord(error)) return [];
  const { status, code, message, requestId, actor, remedy } = error;
  const marks = [status, code]
    .filter((mark) => mark !== undefined && !wordOf(message).includes(`${mark}`))
    .join(" ");
  const told = [marks === "" ? wordOf(message) : `${marks}: ${wordOf(message)}`];
  if (requestId !== undefined) told.push(`request ${wordOf(requestId)}`);
  if (remedy !== undefined) told.push(`${actorIn(actor)}: ${wordOf(remedy)}`);
  return told.flatMap((text) => text.split("\n"));
}

function actorIn(actor: unknown): string {
  return Object.entries(ACTORS).find(([name]) => name === actor)?.[1] ?? "";
}

function wordOf(value: unknown): string {
  return value === undefined ? "" : String(value);
}

function isRecord(value: unknown): value is Line {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

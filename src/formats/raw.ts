import type { JsonObject } from "../model/alert.ts";
import { carried } from "./carried.ts";
import type { Format } from "./format.ts";
import { changeAt, cutAt, dropAt } from "./json-document.ts";
import { type ShortenedJson, shortenJson } from "./shorten-json.ts";
import { type Step, shrinkToFit } from "./shrink.ts";
import { jsonLine } from "./text.ts";

/** The source's own JSON under `event`, with who, where and when around it. */
export const raw = {
  name: "raw",
  summary: "One line of JSON an alert, the source's object unchanged under `event`.",
  render(envelope, maxBytes) {
    const event = { json: inOneLine(String(envelope.raw)), touched: NONE };
    return shrinkToFit({ around: carried(envelope), event }, { steps: STEPS, write, detail }, maxBytes);
  },
} as const satisfies Format<"raw">;

interface Line {
  readonly around: JsonObject;
  readonly event: ShortenedJson;
}

const NONE: ReadonlySet<string> = new Set();

function write({ around, event }: Line, shortened: readonly string[]): string {
  const mark = shortened.length === 0 ? "" : `,"shortened":${jsonLine(shortened)}`;
  return `${jsonLine(around).slice(0, -1)},"event":${event.json}${mark}}`;
}

function detail({ event: { touched } }: Line, name: string): readonly string[] {
  if (name !== "event" || touched.size === 0) return [name];
  return [...touched].map((member) => `event.${member}`);
}

/**
 * JSON text without control characters: between its tokens they become spaces, within strings escapes, which changes
 * no value. U+2028 and U+2029, which end no line in JSON, stay as the source wrote them.
 */
function inOneLine(json: string): string {
  if (!/[\p{Cc}\p{Cs}]/u.test(json)) return json;
  return json
    .replace(/\p{Cs}/gu, "\ufffd")
    .replace(/[\t\r\n]+/g, " ")
    .replace(/\p{Cc}/gu, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** The event first, as often as the names of what it lost take room in their turn; then what stands around it. */
const STEPS: readonly Step<Line>[] = [
  shortenEvent(),
  shortenEvent(),
  shortenEvent(),
  around(changeAt("alertId", (id) => (String(id).length > 255 ? "-" : undefined))),
  around(cutAt("tenantName", 48)),
  around(cutAt("sourceApi", 24)),
  around(cutAt("tenant", 48)),
  around(dropAt("tenantName")),
  around(dropAt("alertId")),
  around(cutAt("tenantId", 36)),
];

function shortenEvent(): Step<Line> {
  return {
    name: "event",
    apply({ around, event }, excess) {
      if (event.json === "{}") return undefined;
      const { json, touched } = shortened(event.json, Buffer.byteLength(event.json) - excess);
      return { around, event: { json, touched: new Set([...event.touched, ...touched]) } };
    },
  };
}

/** What is no JSON cannot be shortened as such; that it was there is told by the mark. */
function shortened(json: string, maxBytes: number): ShortenedJson {
  try {
    return shortenJson(json, maxBytes);
  } catch {
    return { json: "{}", touched: NONE };
  }
}

function around({ name, apply }: Step<JsonObject>): Step<Line> {
  return {
    name,
    apply(line, excess) {
      const changed = apply(line.around, excess);
      return changed === undefined ? undefined : { ...line, around: changed };
    },
  };
}

import { isObject, type JsonObject } from "../model/alert.ts";
import { skipSpace } from "../model/json-bytes.ts";
import { readMembers } from "./json-text.ts";

/** One event of a request, with the JSON of `event` exactly as it came. */
export interface HecEvent {
  /** UTF-8 of `event`; a JSON string keeps its quotes. */
  readonly bytes: Buffer;
  /** Epoch seconds; undefined where the sender named none. */
  readonly time: number | undefined;
  readonly host: string | undefined;
  readonly source: string | undefined;
  readonly sourcetype: string | undefined;
  readonly index: string | undefined;
  readonly fields: JsonObject;
}

/** Why an event is refused, as a code of HEC. */
type EventFlaw = 6 | 7 | 12 | 13 | 15;

export interface EventRules {
  readonly maxEventBytes: number;
  /** Allowed indexes; undefined allows all. */
  readonly indexes: readonly string[] | undefined;
  readonly poison: ((event: HecEvent) => boolean) | undefined;
  /** Whether the JSON of `event` is checked to its last comma, or only for its brackets. */
  readonly checkWholeEvent: boolean;
}

export interface ReadEvents {
  /** All events before the first bad one. */
  readonly events: readonly HecEvent[];
  readonly flaw: { readonly code: EventFlaw; readonly number: number } | undefined;
}

/** Reads the concatenated objects of a request's body and stops at the first that is not acceptable. */
export function readEvents(body: Buffer, rules: EventRules): ReadEvents {
  const events: HecEvent[] = [];
  let at = skipSpace(body, 0);
  while (at < body.length) {
    const read = readEvent(body, at, rules);
    if (typeof read === "number") return { events, flaw: { code: read, number: events.length } };
    events.push(read.event);
    at = skipSpace(body, read.end);
  }
  return { events, flaw: undefined };
}

function readEvent(
  body: Buffer,
  at: number,
  rules: EventRules,
): EventFlaw | { event: HecEvent; end: number } {
  const object = readMembers(body, at);
  if (object === undefined) return 6;
  const span = object.members.find((member) => member.key === "event");
  if (span === undefined) return isObject(parse(body.toString("utf8", at, object.end))) ? 12 : 6;
  const envelope = parse(
    `${body.toString("utf8", at, span.start)}null${body.toString("utf8", span.end, object.end)}`,
  );
  if (!isObject(envelope)) return 6;
  const bytes = body.subarray(span.start, span.end);
  const flaw = eventFlaw(bytes, rules) ?? envelopeFlaw(envelope, rules);
  if (flaw !== undefined) return flaw;
  const event = toEvent(bytes, envelope);
  return rules.poison?.(event) === true ? 6 : { event, end: object.end };
}

function eventFlaw(bytes: Buffer, { maxEventBytes, checkWholeEvent }: EventRules): EventFlaw | undefined {
  if (bytes.length > maxEventBytes) return 6;
  const short = bytes.length < 1000 ? bytes.toString("utf8") : "";
  if (short === "null") return 12;
  if (/^"(\s|\\[nrt])*"$/.test(short)) return 13;
  // Whether it is JSON can be told without decoding what is not ASCII: that stands inside strings.
  return checkWholeEvent && parse(bytes.toString("latin1")) === undefined ? 6 : undefined;
}

function envelopeFlaw(envelope: JsonObject, rules: EventRules): EventFlaw | undefined {
  const { time, fields, index } = envelope;
  if (time !== undefined && Number.isNaN(Number(time))) return 6;
  if (typeof index === "string" && rules.indexes !== undefined && !rules.indexes.includes(index)) return 7;
  if (fields === undefined) return undefined;
  if (!isObject(fields)) return 6;
  return Object.values(fields).some(isNested) ? 15 : undefined;
}

/** Lists of plain values are taken as many values of one field; objects are not. */
function isNested(value: unknown): boolean {
  return Array.isArray(value) ? value.some((item) => typeof item === "object") : isObject(value);
}

function toEvent(bytes: Buffer, envelope: JsonObject): HecEvent {
  const { time, fields } = envelope;
  return {
    bytes,
    time: time === undefined ? undefined : Number(time),
    host: word(envelope["host"]),
    source: word(envelope["source"]),
    sourcetype: word(envelope["sourcetype"]),
    index: word(envelope["index"]),
    fields: isObject(fields) ? fields : {},
  };
}

function word(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

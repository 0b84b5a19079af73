import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { wholePiece } from "../../src/model/pieces.ts";
import { listen, readBody } from "../../src/simulate/listener.ts";

/**
 * An HTTP Event Collector that does as little as one can that still knows what it has got: it unpacks each request and
 * counts the event ids in it. In a process of its own; prints where it is, and answers each line of standard input.
 */
export type ReceiverCommand =
  /** Tells what has arrived since the last `clear`. */
  | { readonly do: "report"; readonly withTimes?: boolean }
  | { readonly do: "clear" }
  /** Answers 503 for so long. */
  | { readonly do: "fail"; readonly ms: number };

export interface ReceiverReport {
  readonly events: number;
  readonly distinct: number;
  readonly requests: number;
  readonly wireBytes: number;
  readonly lastMs: number;
  /** When every tenth of the events had been accepted, ms. */
  readonly tenths: readonly number[];
  /** Alert id → when it was accepted, ms. */
  readonly times: Readonly<Record<string, number>>;
}

const EVENT_ID = Buffer.from('"event_id":"');
const ALERT_ID = Buffer.from('"alert_id":"');
const QUOTE = 0x22;
const DIGEST = 64;
const unpack = promisify(gunzip);

let seen = new Set<string>();
let times = new Map<string, number>();
let accepted: { readonly atMs: number; readonly events: number }[] = [];
let wireBytes = 0;
let failsUntil = 0;

const listener = await listen(async (request, response) => {
  const body = await readBody(request, Number.POSITIVE_INFINITY);
  if (Date.now() < failsUntil) {
    response.writeHead(503, { "content-type": "application/json" }).end('{"text":"Server is busy","code":9}');
    return;
  }
  if (body !== undefined && request.method === "POST") {
    wireBytes += body.length;
    take(request.headers["content-encoding"] === "gzip" ? await unpacked(body) : body);
  }
  response.writeHead(200, { "content-type": "application/json" }).end('{"text":"Success","code":0}');
});
say({ origin: listener.origin });

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line) as ReceiverCommand;
  if (command.do === "clear") {
    seen = new Set();
    times = new Map();
    accepted = [];
    wireBytes = 0;
  }
  if (command.do === "fail") failsUntil = Date.now() + command.ms;
  say(command.do === "report" ? report(command.withTimes === true) : {});
}
await listener.stop();

/** In one piece, as long as the last four bytes say (RFC 1952, ISIZE): each further one is a call from another thread. */
async function unpacked(body: Buffer): Promise<Buffer> {
  return await unpack(body, { chunkSize: wholePiece(body.readUInt32LE(body.length - 4)) });
}

function take(body: Buffer): void {
  const atMs = Date.now();
  let events = 0;
  for (let at = body.indexOf(EVENT_ID); at >= 0; at = body.indexOf(EVENT_ID, at)) {
    const start = at + EVENT_ID.length;
    seen.add(body.toString("latin1", start, start + DIGEST));
    // It stands shortly before, in the same object.
    const named = body.lastIndexOf(ALERT_ID, at) + ALERT_ID.length;
    times.set(body.toString("latin1", named, body.indexOf(QUOTE, named)), atMs);
    events++;
    at = start + DIGEST;
  }
  accepted.push({ atMs, events });
}

function report(withTimes: boolean): ReceiverReport {
  const events = accepted.reduce((sum, part) => sum + part.events, 0);
  return {
    events,
    distinct: seen.size,
    requests: accepted.length,
    wireBytes,
    lastMs: accepted.at(-1)?.atMs ?? 0,
    tenths: tenthsOf(events),
    times: withTimes ? Object.fromEntries(times) : {},
  };
}

function tenthsOf(events: number): number[] {
  const tenths: number[] = [];
  let sum = 0;
  for (const part of accepted) {
    sum += part.events;
    while (tenths.length < 10 && sum >= (events * (tenths.length + 1)) / 10) tenths.push(part.atMs);
  }
  return tenths;
}

function say(what: object): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

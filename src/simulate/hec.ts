import type { IncomingMessage, ServerResponse } from "node:http";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { isObject } from "../model/alert.ts";
import { skipSpace } from "../model/json-bytes.ts";
import { type Acks, createAcks } from "./hec-acks.ts";
import { BAD_GATEWAY, HEC_CODES, type HecAnswer, playFault, TOO_LARGE, UNSUPPORTED } from "./hec-answers.ts";
import { type HecEvent, readEvents } from "./hec-events.ts";
import type { HecFault, HecOptions, HecReceiver, HecStage, HecToken, ReceivedEvent } from "./hec-receiver.ts";
import { listen, readBody, resetConnection } from "./listener.ts";
import { takeFault } from "./take-fault.ts";

interface State {
  readonly receiver: HecReceiver;
  readonly acks: Acks;
  readonly keep: "all" | "keys";
  readonly events: ReceivedEvent[];
  readonly keys: Map<string, number>;
  readonly counts: { requests: number; events: number; bytes: number; refused: number };
  readonly answers: Map<string, number>;
  readonly listeners: Set<(event: ReceivedEvent) => void>;
  readonly watchers: Set<(stage: HecStage) => void>;
}

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const unzip = promisify(gunzip);

export async function startHec(options: HecOptions): Promise<HecReceiver> {
  const events: ReceivedEvent[] = [];
  const keys = new Map<string, number>();
  const counts = { requests: 0, events: 0, bytes: 0, refused: 0 };
  const answers = new Map<string, number>();
  const listeners = new Set<(event: ReceivedEvent) => void>();
  const watchers = new Set<(stage: HecStage) => void>();
  const acks = createAcks();
  const listener = await listen((request, response) => answer(state, request, response), {
    tls: options.tls,
    port: options.port,
  });
  const receiver: HecReceiver = {
    listener,
    url: listener.origin,
    tokens: new Map(
      options.tokens.map((token) => [
        token.value,
        { useAck: false, disabled: false, indexes: undefined, ...token },
      ]),
    ),
    ack: { delayMs: 0, mode: "indexed", fault: undefined },
    fault: undefined,
    health: 17,
    maxContentBytes: options.maxContentBytes ?? 838_860_800,
    maxEventBytes: 5_242_880,
    poison: undefined,
    storesBeforeBad: false,
    events,
    keys,
    counts,
    answers,
    onEvent: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onStage: (watcher) => {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    clear: () => {
      events.length = 0;
      keys.clear();
      answers.clear();
      Object.assign(counts, { requests: 0, events: 0, bytes: 0, refused: 0 });
    },
  };
  const state: State = {
    receiver,
    acks,
    keep: options.keep ?? "all",
    events,
    keys,
    counts,
    answers,
    listeners,
    watchers,
  };
  return receiver;
}

/**
 * Has a request worked on, and tells how far it has come; `read` is for the work to tell. What was read of a client
 * that died is stored nevertheless, so a request is `gone` only when its work is done too.
 */
function follow(
  { watchers }: State,
  response: ServerResponse,
  { of, request }: Pick<HecStage, "of" | "request">,
  work: (isRead: () => void) => Promise<void>,
): Promise<void> {
  const tell = (stage: HecStage["stage"]) => () => {
    const status = response.headersSent ? response.statusCode : 0;
    for (const watcher of watchers) watcher({ stage, of, request, status });
  };
  response.once("finish", tell("answered"));
  const closed = new Promise<void>((resolve) => response.once("close", () => resolve()));
  const worked = work(tell("read"));
  void Promise.allSettled([closed, worked]).then(tell("gone"));
  return worked;
}

async function answer(state: State, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", state.receiver.url);
  const path = url.pathname.replace(/\/$/, "");
  const route = `${request.method} ${path.replace(/^\/services\/collector/, "")}`;
  switch (path.startsWith("/services/collector") ? route : "") {
    case "GET /health":
    case "GET /health/1.0":
      request.resume();
      return answerHealth(state, request, response);
    case "POST ":
    case "POST /event":
    case "POST /event/1.0": {
      const number = ++state.counts.requests;
      return follow(state, response, { of: "events", request: number }, (isRead) =>
        answerEvents(state, request, response, { url, number, isRead }),
      );
    }
    case "POST /ack":
      return follow(state, response, { of: "acks", request: 0 }, (isRead) =>
        answerAck(state, request, response, { url, isRead }),
      );
    default:
      request.resume();
      sendJson(response, 404, { text: "The requested URL was not found on this server.", code: 404 });
  }
}

function answerHealth({ receiver }: State, request: IncomingMessage, response: ServerResponse): void {
  const given = request.headers.authorization;
  const flaw = given === undefined ? undefined : tokenOf(receiver, request);
  const code = flaw === 1 ? 22 : typeof flaw === "number" ? 21 : receiver.health;
  const [status, text] = HEC_CODES[code] ?? [500, ""];
  sendJson(response, status, { text, code });
}

async function answerEvents(
  state: State,
  request: IncomingMessage,
  response: ServerResponse,
  { url, number, isRead }: { readonly url: URL; readonly number: number; readonly isRead: () => void },
): Promise<void> {
  const { receiver } = state;
  const fault = takeFault(receiver);
  if (fault?.kind === "reset-before-reading") return resetConnection(request);
  if (fault?.kind === "slow") await new Promise((resolve) => setTimeout(resolve, fault.delayMs).unref());
  const admitted = await admit(state, request, url);
  isRead();
  if (fault?.kind === "hang") return;
  if ("refused" in admitted) return send(state, response, admitted.refused);

  const answer = take(state, fault, admitted, number);
  if (fault?.kind === "store-and-reset") return resetConnection(request);
  if (fault?.kind !== "store-and-hang") send(state, response, answer);
}

/** Reads the events of an admitted request, stores what is acceptable and says what becomes of the request. */
function take(state: State, fault: HecFault | undefined, admitted: Admitted, number: number): HecAnswer {
  const { receiver } = state;
  const { body, token, channel } = admitted;
  const { events, flaw } = readEvents(body, {
    maxEventBytes: receiver.maxEventBytes,
    indexes: token.indexes,
    poison: receiver.poison,
    checkWholeEvent: state.keep === "all",
  });
  const store = (accepted: readonly HecEvent[]) => keep(state, accepted, token.value, channel, number);
  const played = playFault(fault, events, store);
  if (played !== undefined) return played;
  if (flaw !== undefined) {
    if (receiver.storesBeforeBad) store(events);
    return { code: flaw.code, more: { "invalid-event-number": flaw.number } };
  }
  if (receiver.ack.mode !== "lost" || !token.useAck) store(events);
  const code = fault?.kind === "warning" ? fault.code : 0;
  if (!token.useAck || channel === undefined) return { code };
  return { code, more: { ackId: state.acks.next(channel, receiver.ack, Date.now()) } };
}

interface Admitted {
  readonly body: Buffer;
  readonly token: HecToken;
  readonly channel: string | undefined;
}

/** What is checked before a single event is looked at, in Splunk's order. */
async function admit(
  state: State,
  request: IncomingMessage,
  url: URL,
): Promise<Admitted | { readonly refused: HecAnswer }> {
  const { receiver } = state;
  const body = await readPlainBody(request, receiver.maxContentBytes);
  if (body === "unsupported") return { refused: UNSUPPORTED };
  if (body === "too-large") return { refused: TOO_LARGE };
  const token = tokenOf(receiver, request, url);
  if (typeof token === "number") return { refused: { code: token } };
  const channel = channelOf(request, url);
  if (token.useAck && channel === undefined) return { refused: { code: 10 } };
  if (channel !== undefined && !GUID.test(channel)) return { refused: { code: 11 } };
  if (body === "malformed") return { refused: { code: 6 } };
  return skipSpace(body, 0) === body.length ? { refused: { code: 5 } } : { body, token, channel };
}

async function answerAck(
  state: State,
  request: IncomingMessage,
  response: ServerResponse,
  { url, isRead }: { readonly url: URL; readonly isRead: () => void },
): Promise<void> {
  const body = await readPlainBody(request, 10_000_000);
  isRead();
  const token = tokenOf(state.receiver, request, url);
  const channel = channelOf(request, url);
  const refuse = (code: number) => send(state, response, { code });
  if (typeof token === "number") return refuse(token);
  if (!token.useAck) return refuse(14);
  if (channel === undefined) return refuse(10);
  if (!GUID.test(channel)) return refuse(11);
  const ids = Buffer.isBuffer(body) ? ackIds(body) : undefined;
  if (ids === undefined) return refuse(6);
  const fault = takeFault(state.receiver.ack);
  if (fault?.kind === "busy") return refuse(9);
  if (fault?.kind === "bad-gateway") return send(state, response, BAD_GATEWAY);
  if (fault?.kind === "hang") return;
  const acks = state.acks.ask(channel, ids, Date.now());
  if (fault?.kind === "reset") return resetConnection(request);
  sendJson(response, 200, { acks });
}

function ackIds(body: Buffer): readonly number[] | undefined {
  try {
    const asked: unknown = JSON.parse(body.toString());
    const acks = isObject(asked) ? asked["acks"] : undefined;
    return Array.isArray(acks) ? acks.map(Number) : undefined;
  } catch {
    return undefined;
  }
}

function keep(
  state: State,
  accepted: readonly HecEvent[],
  token: string,
  channel: string | undefined,
  request: number,
): void {
  const receivedAt = Date.now();
  for (const event of accepted) {
    state.counts.events++;
    state.counts.bytes += event.bytes.length;
    const text = state.keep === "all" ? event.bytes.toString("utf8") : "";
    const received = { ...event, text, token, channel, receivedAt, request };
    const key = event.fields["event_id"];
    if (typeof key === "string") state.keys.set(key, (state.keys.get(key) ?? 0) + 1);
    if (state.keep === "all") state.events.push(received);
    for (const listener of state.listeners) listener(received);
  }
}

/** The token that the request proves, or the code that refuses it. */
function tokenOf(receiver: HecReceiver, request: IncomingMessage, url?: URL): HecToken | number {
  const given = request.headers.authorization;
  if (given === undefined) return url?.searchParams.has("token") === true ? 16 : 2;
  const value = /^Splunk (\S+)$/.exec(given)?.[1];
  if (value === undefined) return 3;
  const token = receiver.tokens.get(value);
  if (token === undefined) return 4;
  return token.disabled ? 1 : token;
}

function channelOf(request: IncomingMessage, url: URL): string | undefined {
  return (
    request.headers["x-splunk-request-channel"]?.toString() ?? url.searchParams.get("channel") ?? undefined
  );
}

async function readPlainBody(
  request: IncomingMessage,
  maxBytes: number,
): Promise<Buffer | "unsupported" | "too-large" | "malformed"> {
  const body = await readBody(request, maxBytes);
  if (body === undefined) return "too-large";
  const encoding = request.headers["content-encoding"]?.toLowerCase() ?? "identity";
  if (encoding === "identity") return body;
  if (encoding !== "gzip") return "unsupported";
  try {
    return await unzip(body, { maxOutputLength: maxBytes });
  } catch (error) {
    return error instanceof RangeError ? "too-large" : "malformed";
  }
}

function send({ answers, counts }: State, response: ServerResponse, answer: HecAnswer): void {
  const [status, text] =
    "html" in answer ? [answer.html, answer.title] : (HEC_CODES[answer.code] ?? [400, "Refused"]);
  const key = "html" in answer ? String(status) : `${status}/${answer.code}`;
  answers.set(key, (answers.get(key) ?? 0) + 1);
  if (status >= 300) counts.refused++;
  if ("html" in answer) {
    response.writeHead(status, { "content-type": "text/html; charset=UTF-8" });
    response.end(`<!doctype html><html><head><title>${text}</title></head><body></body></html>`);
    return;
  }
  const headers = answer.retryAfter === undefined ? {} : { "retry-after": answer.retryAfter };
  sendJson(response, status, { text, code: answer.code, ...answer.more }, headers);
}

function sendJson(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json; charset=UTF-8", ...headers });
  response.end(JSON.stringify(body));
}

import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { StartupError } from "../model/failure.ts";
import { createAccess } from "./access.ts";
import { type AnswerParts, answer } from "./answer.ts";
import { loginRoutes } from "./login.ts";
import { clientOf, createRate } from "./rates.ts";
import { type Route, refusal } from "./route.ts";
import { refuseUnreadable } from "./unreadable.ts";
import { isWhole, writeReply } from "./write.ts";

export interface ServerParts {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Asked for by every route whose access is `token` or `proof`. */
  readonly token: string | undefined;
  readonly routes: readonly Route[];
  readonly trouble?: Trouble;
}

/** What the log is told. */
interface Trouble {
  /** A page could not be made. `path` is without what was asked for, which may be a secret. */
  readonly failed: (request: { readonly requestId: string; readonly path: string }, cause: unknown) => void;
  /** Too many wrong tokens have come from a client. */
  readonly guessing: (client: string) => void;
}

export interface RunningServer {
  /** `http://127.0.0.1:8080` */
  readonly url: string;
  /** Takes no more requests, and ends what is being answered. */
  close(): Promise<void>;
}

/** Of one client: a page with all that it loads at once, and a program that asks without a pause. */
const REQUESTS = { perSecond: 200, burst: 1000 };
const MAX_CONNECTIONS = 1024;
const MAX_CONNECTIONS_OF_CLIENT = 256;
/** Of answers that never end, such as a page's live view. */
const MAX_STREAMS = 100;
const MAX_HEADERS = 100;
const LIMITS = {
  maxHeaderSize: 16_384,
  /** How long a request may take to arrive, and its headers alone. */
  requestTimeout: 10_000,
  headersTimeout: 5000,
  connectionsCheckingInterval: 1000,
  // Whether it is there is looked at where all is answered.
  requireHostHeader: false,
};

/** What a server has in hand. */
interface Hand {
  readonly answering: AnswerParts;
  readonly trouble: Trouble | undefined;
  /** Of the requests that are being answered, each to be ended when the server stops. */
  readonly calls: Set<AbortController>;
  /** The last response of each connection. */
  readonly responses: WeakMap<Duplex, ServerResponse>;
  streams: number;
}

/** Serves the routes over HTTP. @throws StartupError when the address cannot be had. */
export async function startServer({
  host,
  port,
  token,
  routes,
  trouble,
}: ServerParts): Promise<RunningServer> {
  const access = createAccess(token, (client) => trouble?.guessing(client), Date.now);
  const hand: Hand = {
    answering: {
      routes: [...(token === undefined ? [] : loginRoutes(access)), ...routes],
      access,
      rate: createRate(REQUESTS, Date.now),
      hasToken: token !== undefined,
    },
    trouble,
    calls: new Set(),
    responses: new WeakMap(),
    streams: 0,
  };
  const server = createServer(LIMITS);
  server.maxHeadersCount = MAX_HEADERS;
  server.maxConnections = MAX_CONNECTIONS;
  limitConnections(server);
  await listen(server, host, port);
  takeCalls(server, hand);
  const address = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${address.port}`,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        for (const call of hand.calls) call.abort();
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((done, fail) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const why = cause.code === "EADDRINUSE" ? "is in use" : `cannot be opened (${cause.code})`;
      fail(
        new StartupError(`Address ${host}, port ${port} ${why}; change http.host or http.port.`, { cause }),
      );
    });
    server.listen(port, host, () => done());
  });
}

/** Nobody may hold all connections, so that those who ask for our health find one. */
function limitConnections(server: Server): void {
  const held = new Map<string, number>();
  server.on("connection", (socket) => {
    const client = clientOf(socket.remoteAddress);
    const count = (held.get(client) ?? 0) + 1;
    held.set(client, count);
    socket.once("close", () => {
      const left = (held.get(client) ?? 0) - 1;
      if (left > 0) held.set(client, left);
      else held.delete(client);
    });
    if (count > MAX_CONNECTIONS_OF_CLIENT) socket.destroy();
  });
}

/** Every way in which Node hands over what came, so that none is answered by Node itself, without our headers. */
function takeCalls(server: Server, hand: Hand): void {
  const take = (request: IncomingMessage, response: ServerResponse) => {
    hand.responses.set(request.socket, response);
    const call = new AbortController();
    hand.calls.add(call);
    response.once("close", () => call.abort());
    respond(request, response, call.signal, hand)
      // What is lost with the connection can be told nobody.
      .catch(() => response.destroy())
      .finally(() => hand.calls.delete(call));
  };
  server.on("request", take);
  server.on("checkContinue", take);
  server.on("checkExpectation", take);
  server.on("connect", (_, socket) => {
    // Node has let go of it: an error that nobody listens for would end the process.
    socket.on("error", () => socket.destroy());
    refuseUnreadable(undefined, socket, undefined, randomUUID());
  });
  // A connection that could not be taken, for want of file handles; the next one may be.
  server.on("error", () => undefined);
  server.on("clientError", (error: NodeJS.ErrnoException, socket) =>
    refuseUnreadable(error.code, socket, hand.responses.get(socket), randomUUID()),
  );
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
  hand: Hand,
): Promise<void> {
  const requestId = requestIdOf(request);
  const client = clientOf(request.socket.remoteAddress);
  const reply = await answer({ request, response, client, signal }, hand.answering).catch(
    (cause: unknown) => {
      const path = request.url?.split("?", 1)[0] ?? "";
      if (request.errored === null && !signal.aborted) hand.trouble?.failed({ requestId, path }, cause);
      return refusal(
        500,
        `This page could not be made. The log says why at level debug, under ${requestId}.`,
      );
    },
  );
  // Who has gone is told nothing; and what was broken behind the headers has been answered already.
  if (response.destroyed || response.headersSent) return;
  if (isWhole(reply.body)) return await writeReply(response, reply, requestId, signal);
  if (hand.streams >= MAX_STREAMS) {
    const busy = refusal(503, "Too many others listen already.", { "retry-after": "30" });
    return await writeReply(response, busy, requestId, signal);
  }
  hand.streams += 1;
  await writeReply(response, reply, requestId, signal).finally(() => {
    hand.streams -= 1;
  });
}

/** An id that nobody can have made up alone. What a proxy gave stands before it, so that both logs can be matched. */
function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers["x-request-id"];
  const isSane = typeof given === "string" && /^[\w.-]{1,64}$/.test(given);
  return isSane ? `${given}/${randomUUID()}` : randomUUID();
}

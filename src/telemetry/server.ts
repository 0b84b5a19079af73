import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { StartupError } from "../model/failure.ts";
import type { PageReply } from "../model/page-reply.ts";

/** `ok`, or a sentence that says what is wrong. */
export type Checks = Readonly<Record<string, string>>;

export interface ServerParts {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Asked for by everything but health and metrics. */
  readonly token: string | undefined;
  readonly ready: () => Promise<Checks>;
  /** @param accept the header of whoever asks. */
  readonly metrics: (
    accept: string | undefined,
  ) => Promise<{ readonly contentType: string; readonly text: string }>;
  /**
   * The pages under `/onboard/`, which customers' browsers are sent to. `untrusted`: only with the token.
   */
  readonly onboard: (
    path: string,
    query: URLSearchParams,
    isTrusted: boolean,
  ) => Promise<PageReply | "untrusted" | undefined>;
  /** The pages under `/api/`, by their last word. */
  readonly api: Readonly<Record<string, () => Promise<unknown>>>;
}

export interface RunningServer {
  /** `http://127.0.0.1:8080` */
  readonly url: string;
  close(): Promise<void>;
}

/** Health, metrics and status over HTTP. @throws StartupError when the address cannot be had. */
export async function startServer(parts: ServerParts): Promise<RunningServer> {
  const server = createServer((request, response) => {
    answer(request, response, parts).catch(() =>
      send(response, 500, { error: "This page could not be made." }),
    );
  });
  server.requestTimeout = 10_000;
  await listen(server, parts);
  const { port } = server.address() as AddressInfo;
  const host = parts.host.includes(":") ? `[${parts.host}]` : parts.host;
  return {
    url: `http://${host}:${port}`,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, { host, port }: ServerParts): Promise<void> {
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

async function answer(request: IncomingMessage, response: ServerResponse, parts: ServerParts): Promise<void> {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return send(response, 405, { error: "Only GET is answered." });
  }
  const [path = "/", query] = (request.url ?? "/").split("?", 2);
  const open = openPages(parts, request)[path];
  if (open !== undefined) return await open(response);
  const isTrusted = parts.token === undefined || isAuthorized(request, parts.token);
  const reply = path.startsWith("/onboard/")
    ? await parts.onboard(path, new URLSearchParams(query), isTrusted)
    : undefined;
  if (reply !== undefined && reply !== "untrusted") return sendPage(response, reply);
  if (!isTrusted) {
    response.setHeader("www-authenticate", 'Bearer realm="alertferry"');
    return send(response, 401, { error: "This page asks for the token of http.token." });
  }
  const page = parts.api[path.slice("/api/".length)];
  if (page === undefined || !path.startsWith("/api/"))
    return send(response, 404, { error: "There is no such page." });
  send(response, 200, await page());
}

/** What orchestrators and Prometheus ask for, without a token. */
function openPages(
  parts: ServerParts,
  { headers }: IncomingMessage,
): Readonly<Record<string, (response: ServerResponse) => Promise<void>>> {
  return {
    // That it answers at all is the proof of life.
    "/livez": async (response) => send(response, 200, { status: "alive" }),
    "/readyz": async (response) => {
      const checks = await parts.ready();
      const ready = Object.values(checks).every((said) => said === "ok");
      send(response, ready ? 200 : 503, { status: ready ? "ready" : "not ready", checks });
    },
    "/metrics": async (response) => {
      const { contentType, text } = await parts.metrics(headers.accept);
      response.writeHead(200, { "content-type": contentType }).end(text);
    },
  };
}

/** Compares digests, so that neither length nor content shows in the time it takes. */
function isAuthorized(request: IncomingMessage, token: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(request.headers.authorization ?? ""), digest(`Bearer ${token}`));
}

function sendPage(response: ServerResponse, { status, headers, body }: PageReply): void {
  response.writeHead(status, {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...headers,
  });
  response.end(body);
}

function send(response: ServerResponse, status: number, body: unknown): void {
  if (response.headersSent) {
    response.end();
    return;
  }
  response.writeHead(status, {
    "content-type": "application/json; charset=utf-8",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  response.end(`${JSON.stringify(body)}\n`);
}

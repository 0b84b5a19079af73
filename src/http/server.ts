import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { StartupError } from "../model/failure.ts";
import type { PageReply } from "../model/page-reply.ts";
import { type Route, refusal, routesAt } from "./route.ts";
import { writeReply } from "./write.ts";

export interface ServerParts {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Asked for by every route whose access is `token`. */
  readonly token: string | undefined;
  readonly routes: readonly Route[];
}

export interface RunningServer {
  /** `http://127.0.0.1:8080` */
  readonly url: string;
  /** Takes no more requests, and ends what is being answered. */
  close(): Promise<void>;
}

/** Serves the routes over HTTP. @throws StartupError when the address cannot be had. */
export async function startServer(parts: ServerParts): Promise<RunningServer> {
  const stopping = new AbortController();
  const server = createServer((request, response) => {
    const gone = new AbortController();
    const leave = () => gone.abort();
    response.once("close", leave);
    stopping.signal.addEventListener("abort", leave);
    respond(request, response, parts, gone.signal)
      // The connection is lost, and with it whoever could be told.
      .catch(() => response.destroy())
      .finally(() => stopping.signal.removeEventListener("abort", leave));
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
        stopping.abort();
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

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  parts: ServerParts,
  signal: AbortSignal,
): Promise<void> {
  const reply = await answer(request, parts, signal).catch(() =>
    refusal(500, "This page could not be made."),
  );
  await writeReply(response, reply, signal);
}

async function answer(
  request: IncomingMessage,
  { routes, token }: ServerParts,
  signal: AbortSignal,
): Promise<PageReply> {
  const [path = "/", query] = (request.url ?? "/").split("?", 2);
  const isTrusted = token === undefined || isAuthorized(request, token);
  const found = routesAt(routes, path);
  if (found.size === 0) return isTrusted ? refusal(404, "There is no such page.") : untrusted();
  const route = found.get(request.method === "HEAD" ? "GET" : (request.method ?? ""));
  if (route === undefined) {
    const allowed = [...found.keys()].flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]));
    return refusal(405, `Only ${allowed.join(" and ")} is answered here.`, { allow: allowed.join(", ") });
  }
  if (route.access === "token" && !isTrusted) return untrusted();
  const reply = await route.answer({ path, query: new URLSearchParams(query), isTrusted, signal });
  if (reply === "untrusted") return untrusted();
  return reply ?? refusal(404, "There is no such page.");
}

function untrusted(): PageReply {
  return refusal(401, "This page asks for the token of http.token.", {
    "www-authenticate": 'Bearer realm="alertferry"',
  });
}

/** Compares digests, so that neither length nor content shows in the time it takes. */
function isAuthorized(request: IncomingMessage, token: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(request.headers.authorization ?? ""), digest(`Bearer ${token}`));
}

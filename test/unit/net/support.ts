import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import { inspect } from "node:util";
import { onTestFinished } from "vitest";
import {
  createHttpClient,
  type HttpAnswer,
  type HttpClient,
  type HttpSettings,
} from "../../../src/net/http.ts";
import { createAuthority } from "../../../src/simulate/certificates.ts";
import { type Listener, type ListenerOptions, listen } from "../../../src/simulate/listener.ts";

/** Made once: keys and certificates cost time. */
export const AUTHORITY = await createAuthority();
const CERTIFICATE = await AUTHORITY.issue({ name: "server", usage: "server" });

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A real server on a loopback port that ends with the test. */
export async function aServer(handle: Handler, options: ListenerOptions = {}): Promise<Listener> {
  const listener = await listen((from, to) => void handle(from, to), options);
  onTestFinished(() => listener.stop());
  return listener;
}

/** One that speaks HTTPS with a certificate of our own authority. */
export function aSecureServer(handle: Handler, tls: object = {}): Promise<Listener> {
  return aServer(handle, { tls: { ...CERTIFICATE, ...tls } });
}

export function aClient(settings: Partial<HttpSettings> = {}): HttpClient {
  const client = createHttpClient({
    timeoutMs: 10_000,
    maxAnswerBytes: 1_000_000,
    connections: 8,
    ...settings,
  });
  onTestFinished(() => client.close());
  return client;
}

export function get(
  client: HttpClient,
  url: string,
  headers: Readonly<Record<string, string>> = {},
  signal = new AbortController().signal,
): Promise<HttpAnswer> {
  return client.send({ method: "GET", url, headers, signal });
}

/** What an attempt was refused with. */
export async function failureOf(attempt: Promise<unknown>): Promise<Error> {
  const error = await attempt.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (error instanceof Error) return error;
  throw new Error(`The attempt was to fail, and came to ${inspect(error)}.`);
}

/** Everything that any logger could make of an error, causes and hidden properties included. */
export function everythingAbout(error: unknown): string {
  const told = [
    inspect(error, { depth: 20, showHidden: true, getters: true }),
    JSON.stringify(error),
    String(error),
  ];
  for (let at = error; at instanceof Error; at = at.cause) {
    told.push(at.message, at.stack ?? "", JSON.stringify(at, Object.getOwnPropertyNames(at)));
  }
  return told.join("\n");
}

/** A proxy that goes by what it is told and remembers what it was asked. */
export interface TinyProxy {
  /** With the credentials that it asks nobody for. */
  readonly url: string;
  /** `CONNECT host:port`, `GET http://host/path`, in their order. */
  readonly asked: string[];
  /** The headers of each of these. */
  readonly headers: IncomingMessage["headers"][];
  readonly open: ReadonlySet<Socket>;
  /** What a tunnel is refused with, or that it is not answered at all. */
  tunnels: "opened" | "ignored" | number;
}

/** @param secure whether clients speak TLS to the proxy itself. */
export async function aProxy(secure = false): Promise<TinyProxy> {
  const open = new Set<Socket>();
  const server = secure ? createTlsServer({ cert: CERTIFICATE.cert, key: CERTIFICATE.key }) : createServer();
  const remember = ({ method, url, headers }: IncomingMessage) => {
    proxy.asked.push(`${method} ${url}`);
    proxy.headers.push(headers);
  };
  server.on("connection", (socket: Socket) => {
    open.add(socket.once("close", () => open.delete(socket)).on("error", () => socket.destroy()));
  });
  server.on("request", (from: IncomingMessage, to: ServerResponse) => {
    remember(from);
    const onward = request(
      from.url ?? "",
      { method: from.method, headers: from.headers, agent: false },
      (answer) => {
        to.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(to);
      },
    );
    from.pipe(onward.on("error", () => to.destroy()));
  });
  server.on("connect", (from: IncomingMessage, socket: Socket) => {
    remember(from);
    socket.on("error", () => socket.destroy());
    if (proxy.tunnels === "ignored") return void socket.resume().once("end", () => socket.end());
    if (proxy.tunnels !== "opened")
      return void socket.end(`HTTP/1.1 ${proxy.tunnels} No\r\nContent-Length: 0\r\n\r\n`);
    const [host = "", port = ""] = (from.url ?? "").split(":");
    const onward = connect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      onward.pipe(socket).pipe(onward);
    });
    onward.on("error", () => socket.destroy());
    socket.once("close", () => onward.destroy());
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  onTestFinished(async () => {
    for (const socket of open) socket.destroy();
    await new Promise((closed) => server.close(closed));
  });
  const { port } = server.address() as AddressInfo;
  const proxy: TinyProxy = {
    url: `${secure ? "https" : "http"}://ferry:p%40ss%3Aword@127.0.0.1:${port}`,
    asked: [],
    headers: [],
    open,
    tunnels: "opened",
  };
  return proxy;
}

import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { TlsOptions } from "node:tls";

/** A server on a loopback port that can go away and come back under the same address. */
export interface Listener {
  /** `http://127.0.0.1:49152` */
  readonly origin: string;
  readonly port: number;
  /** How many connections are open: those of a client that died until all that it had sent is read. */
  connections(): Promise<number>;
  /** Refuses new connections and cuts the open ones, like a host that went down. */
  stop(): Promise<void>;
  /** Listens again on the same port. */
  start(): Promise<void>;
}

export interface ListenerOptions {
  /** PEM key and certificate; without them the listener speaks plain HTTP. `ca` asks clients for a certificate. */
  readonly tls?: { readonly key: string; readonly cert: string; readonly ca?: string } | undefined;
  /** 0 takes any free port. */
  readonly port?: number | undefined;
}

/** Starts a server whose handler may be asynchronous; what it throws becomes a 500 with the error's text. */
export async function listen(
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void> | void,
  options: ListenerOptions = {},
): Promise<Listener> {
  const answer: RequestListener = (request, response) => {
    const failed = (error: unknown) => {
      // A client that hung up is no defect of ours.
      if (response.headersSent || request.destroyed) response.destroy();
      else response.writeHead(500, { "content-type": "text/plain" }).end(String(error));
    };
    try {
      const done = handle(request, response);
      if (done !== undefined) done.catch(failed);
    } catch (error) {
      failed(error);
    }
  };
  const { tls } = options;
  const open = async (port: number): Promise<Server> => {
    const server: Server =
      tls === undefined ? createServer(answer) : createTlsServer(tlsOptions(tls), answer);
    // Answers that hang on purpose must not be cut by the server itself.
    server.requestTimeout = 0;
    // Longer than any client keeps a connection in reserve, so that no request meets a socket that is just closing.
    server.keepAliveTimeout = 120_000;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", resolve);
    });
    return server;
  };
  let server: Server | undefined = await open(options.port ?? 0);
  const { port } = server.address() as AddressInfo;
  return {
    origin: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    port,
    connections: () =>
      new Promise((resolve) => {
        if (server === undefined) return resolve(0);
        server.getConnections((_, count) => resolve(count));
      }),
    stop: async () => {
      const stopping = server;
      server = undefined;
      if (stopping === undefined) return;
      await new Promise<void>((resolve) => {
        stopping.close(() => resolve());
        stopping.closeAllConnections();
      });
    },
    start: async () => {
      server ??= await open(port);
    },
  };
}

function tlsOptions({ key, cert, ca }: NonNullable<ListenerOptions["tls"]>): TlsOptions {
  return ca === undefined ? { key, cert } : { key, cert, ca, requestCert: true, rejectUnauthorized: true };
}

/** Cuts the connection with a TCP reset, as a crashed host or a strict firewall does. */
export function resetConnection(request: IncomingMessage): void {
  const socket: Socket = request.socket;
  if (typeof socket.resetAndDestroy === "function" && !("encrypted" in socket)) socket.resetAndDestroy();
  else socket.destroy();
}

/** Reads a request's body. Rejects when it is cut off; resolves with undefined past the limit. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= maxBytes) chunks.push(chunk);
  }
  return size > maxBytes ? undefined : Buffer.concat(chunks, size);
}

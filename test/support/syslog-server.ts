import { readFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, TLSSocket } from "node:tls";
import type { TlsFiles } from "./tls-files.ts";

/** A syslog receiver over TCP or TLS whose behaviour a test chooses; it reads octet counting (RFC 6587 section 3.4.1). */
export interface SyslogReceiver {
  readonly port: number;
  readonly messages: readonly string[];
  /** Connections that brought at least one message. */
  readonly batches: () => number;
  /** What TLS clients named as the host they want, connection by connection. */
  readonly serverNames: readonly string[];
  behaviour:
    | "close after reading" // as receivers do
    | "never close"
    | "close at once"
    | "close after one message"
    | "reset after one message"
    | "reset at the end"
    | "close everything at the end" // as one that is being stopped, whether it has read the batch or not
    | "read nothing";
  /** What it says unasked to whoever connects. */
  greeting: string;
  /** It takes what comes and does not close, until the function given back is called. */
  hold(): () => void;
}

/** @param atPort default: a free one. */
export async function openSyslogReceiver(
  tls?: TlsFiles,
  atPort = 0,
): Promise<SyslogReceiver & { close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const messages: string[] = [];
  const serverNames: string[] = [];
  let batches = 0;
  let held: Socket[] | undefined;

  function serve(socket: Socket): void {
    sockets.add(socket);
    if (socket instanceof TLSSocket) serverNames.push(String(socket.servername));
    socket.on("close", () => sockets.delete(socket)).on("error", () => undefined);
    if (receiver.behaviour === "read nothing") return;
    if (receiver.behaviour === "close at once") return void socket.end();
    if (receiver.greeting !== "") return void socket.resume().write(receiver.greeting);
    let rest = Buffer.alloc(0);
    let count = 0;
    socket.on("data", (piece: Buffer) => {
      rest = Buffer.concat([rest, piece]);
      for (let message = next(); message !== undefined; message = next()) {
        count += 1;
        if (count === 1) batches += 1;
        messages.push(message);
        if (receiver.behaviour === "close after one message") return void socket.end();
        if (receiver.behaviour === "reset after one message") return void socket.resetAndDestroy();
      }
    });
    socket.on("end", () => {
      if (rest.length > 0) throw new Error(`${rest.length} bytes are no frame.`);
      if (held !== undefined) held.push(socket);
      else if (receiver.behaviour === "reset at the end") socket.resetAndDestroy();
      else if (receiver.behaviour === "close everything at the end") for (const each of sockets) each.end();
      else if (receiver.behaviour !== "never close") socket.end();
    });

    function next(): string | undefined {
      const head = /^([1-9]\d*) /.exec(rest.toString("latin1", 0, 12));
      if (head === null) return undefined;
      const start = head[0].length;
      const end = start + Number(head[1]);
      if (rest.length < end) return undefined;
      const message = rest.toString("utf8", start, end);
      rest = rest.subarray(end);
      return message;
    }
  }

  const options = { allowHalfOpen: true };
  const server: Server =
    tls === undefined
      ? createServer(options, serve)
      : createTlsServer(
          {
            ...options,
            ca: readFileSync(tls.ca),
            cert: readFileSync(tls.cert),
            key: readFileSync(tls.key),
            requestCert: true,
          },
          serve,
        );
  await new Promise<void>((listening) => server.listen(atPort, "127.0.0.1", listening));
  const receiver: SyslogReceiver & { close(): Promise<void> } = {
    port: (server.address() as AddressInfo).port,
    messages,
    serverNames,
    batches: () => batches,
    behaviour: "close after reading",
    greeting: "",
    hold() {
      held = [];
      return () => {
        for (const socket of held?.splice(0) ?? []) socket.end();
        held = undefined;
      };
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((closed) => server.close(closed));
    },
  };
  return receiver;
}

import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, createServer, type Server } from "node:net";
import type { Authority } from "../../src/simulate/certificates.ts";
import { afterTest } from "./processes.ts";

/** Peers that answer with what they were sent, in every notation that somebody might write it in. */

const escapesInLowerCase = (text: string) => text.replace(/%../g, (code) => code.toLowerCase());
const urlSafe = (text: string) => text.replaceAll("+", "-").replaceAll("/", "_");

/** A secret as somebody may write it; made by other means than the code that hides it. */
export function spellingsOf(secret: string): string[] {
  const percent = encodeURIComponent(secret);
  const behindUser = ["u:", "us:", "use:", ""].map((user) =>
    Buffer.from(`${user}${secret}`).toString("base64"),
  );
  return [
    secret,
    percent,
    escapesInLowerCase(percent),
    new URLSearchParams({ a: secret }).toString().slice(2),
    JSON.stringify(secret).slice(1, -1),
    Buffer.from(secret).toString("hex"),
    ...behindUser,
    ...behindUser.map(urlSafe),
  ];
}

/** What is in a text that tells the secret: a spelling, or what base64 makes of its middle wherever it begins. */
export function tracesOf(secret: string): string[] {
  const middles = [0, 1, 2].map((at) => {
    const length = secret.length - at - ((secret.length - at) % 3);
    return Buffer.from(secret.slice(at, at + length)).toString("base64");
  });
  return [...spellingsOf(secret), ...middles, ...middles.map(urlSafe)];
}

/** The secret in three spellings, since no more fit into the words of a refusal; others each time. */
function echoOf(secret: string, turn: number): string {
  const all = spellingsOf(secret);
  return [0, 1, 2].map((next) => all[(turn * 3 + next) % all.length]).join(" ");
}

export interface Echo {
  readonly origin: string;
  /** How often each path was asked. */
  readonly asked: ReadonlyMap<string, number>;
}

/** What a refusal is made of. */
type Answer = { readonly status: number; readonly body: object };

/**
 * An HTTPS server that refuses everything.
 *
 * @param secretFor what to quote in the answer to a request.
 * @param answerWith makes the answer from the quotation.
 */
export async function startEcho(
  authority: Authority,
  secretFor: (request: IncomingMessage, body: string) => string,
  answerWith: (url: URL, quotation: string) => Answer,
): Promise<Echo> {
  const { cert, key } = await authority.issue({ name: "echo", usage: "server" });
  const asked = new Map<string, number>();
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const parts: Buffer[] = [];
    request
      .on("data", (part: Buffer) => parts.push(part))
      .on("end", () => {
        const url = new URL(request.url ?? "/", `https://${request.headers.host}`);
        const path = url.pathname;
        const turn = asked.get(path) ?? 0;
        asked.set(path, turn + 1);
        const secret = secretFor(request, Buffer.concat(parts).toString());
        const { status, body } = answerWith(url, echoOf(secret, turn));
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
      });
  };
  return { origin: `https://127.0.0.1:${await listen(createHttpsServer({ cert, key }, answer))}`, asked };
}

/** A proxy that lets nobody through and says by which credentials. */
export async function startEchoProxy(): Promise<string> {
  const said = (request: IncomingMessage) => `${request.headers["proxy-authorization"]}`;
  const server = createHttpServer((request, response) => {
    response.writeHead(407).end(`{"error":{"type":"denied","reason":"${said(request)}"}}`);
  });
  server.on("connect", (request, socket) => {
    socket
      .on("error", () => undefined)
      .end(`HTTP/1.1 407 ${said(request)}\r\nX-Why: ${said(request)}\r\n\r\n${said(request)}`);
  });
  return `127.0.0.1:${await listen(server)}`;
}

/** A mail server that refuses the sign-in in the words of whoever asked. */
export async function startEchoMail(): Promise<number> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined).write("220 echo\r\n");
    socket.on("data", (piece: Buffer) => {
      for (const line of piece.toString().split("\r\n").filter(Boolean)) {
        const said = Buffer.from(line.split(" ").at(-1) ?? "", "base64")
          .toString()
          .split("\0")
          .at(-1);
        if (/^EHLO/i.test(line)) socket.write("250-echo\r\n250 AUTH PLAIN\r\n");
        else if (/^AUTH/i.test(line)) socket.write(`535 5.7.8 no: ${line} ${said}\r\n`);
        else socket.write("221 bye\r\n");
      }
    });
  });
  return await listen(server);
}

/** A Redis that answers every command with an error that quotes it. */
export async function startEchoRedis(): Promise<number> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (piece: Buffer) => {
      const commands = piece
        .toString()
        .split(/^\*\d+\r\n/m)
        .filter(Boolean);
      for (const command of commands) socket.write(`-ERR no: ${command.replaceAll("\r\n", " ")}\r\n`);
    });
  });
  return await listen(server);
}

async function listen(server: Server): Promise<number> {
  const sockets = new Set<{ destroy(): void }>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  afterTest(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((closed) => server.close(closed));
  });
  return (server.address() as AddressInfo).port;
}

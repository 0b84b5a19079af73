import { createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { gunzipSync } from "node:zlib";
import { onTestFinished } from "vitest";
import { eachElement, endOfValue } from "../../src/model/json-bytes.ts";
import {
  type Listener,
  type ListenerOptions,
  listen,
  readBody,
  resetConnection,
} from "../../src/simulate/listener.ts";

export const SECRET = `whsec_${Buffer.from("the-key-of-the-receiver-0001").toString("base64")}`;
export const OTHER_SECRET = `whsec_${Buffer.from("the-key-of-the-receiver-0002").toString("base64")}`;

export interface Delivered {
  readonly id: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** As it was signed. */
  readonly body: string;
}

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A receiver of Standard Webhooks that goes by the specification alone. */
export interface WebhookReceiver {
  readonly url: string;
  readonly listener: Listener;
  /** What was taken, oldest first. */
  readonly delivered: readonly Delivered[];
  /** Every request of any method, taken or not. */
  readonly requests: readonly string[];
  /** Connections that were ever opened. */
  readonly connections: () => number;
  /** An answer takes the place of the receiver's; `reset` breaks the connection, `hang` says nothing. */
  answer: ((visit: Delivered, number: number) => Answer | "reset" | "hang" | undefined) | undefined;
  /** Takes what comes and does not say so until the function given back is called. */
  hold(): () => void;
}

/** How far the clocks may be apart, in seconds. */
const TOLERANCE = 300;

export async function aWebhookReceiver(
  options: ListenerOptions & { readonly secret?: string } = {},
): Promise<WebhookReceiver> {
  const delivered: Delivered[] = [];
  const requests: string[] = [];
  const sockets = new Set<unknown>();
  let gate: Promise<void> | undefined;
  const listener = await listen(async (request, response) => {
    sockets.add(request.socket);
    requests.push(`${request.method} ${request.url}`);
    const bytes = (await readBody(request, Number.POSITIVE_INFINITY)) ?? Buffer.alloc(0);
    const { headers } = request;
    const body = (headers["content-encoding"] === "gzip" ? gunzipSync(bytes) : bytes).toString();
    const visit = { id: String(headers["webhook-id"]), path: request.url ?? "", headers, body };
    const said = receiver.answer?.(visit, requests.length);
    if (said === "hang") return;
    if (said === "reset") return resetConnection(request);
    if (said !== undefined) {
      response.writeHead(said.status, { "content-type": "application/json", ...said.headers });
      return void response.end(said.body ?? "");
    }
    if (request.method !== "POST") return void response.writeHead(405).end();
    if (!isSigned(visit, options.secret ?? SECRET)) {
      return void response.writeHead(401).end('{"message":"The signature is wrong."}');
    }
    delivered.push(visit);
    await gate;
    response.writeHead(204).end();
  }, options);
  onTestFinished(() => listener.stop());
  const receiver: WebhookReceiver = {
    url: `${listener.origin}/hooks/defender?key=in-the-path`,
    listener,
    delivered,
    requests,
    connections: () => sockets.size,
    answer: undefined,
    hold() {
      let release = () => {};
      gate = new Promise((go) => {
        release = go;
      });
      return release;
    },
  };
  return receiver;
}

/** Standard Webhooks, "Verifying signatures". */
export function isSigned({ id, headers, body }: Delivered, secret: string): boolean {
  const timestamp = String(headers["webhook-timestamp"]);
  if (!/^\d+$/.test(timestamp) || Math.abs(Date.now() / 1000 - Number(timestamp)) > TOLERANCE) return false;
  const key = Buffer.from(secret.replace("whsec_", ""), "base64");
  const expected = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest();
  return String(headers["webhook-signature"])
    .split(" ")
    .map((signature) => signature.split(","))
    .some(([version, value = ""]) => {
      const given = Buffer.from(value, "base64");
      return version === "v1" && given.length === expected.length && timingSafeEqual(given, expected);
    });
}

/** The texts of the elements of a JSON array, as they stand there. */
export function elementsOf(list: string): readonly string[] {
  const bytes = Buffer.from(list);
  const elements: string[] = [];
  const end = eachElement(bytes, 0, (start) => {
    const end = endOfValue(bytes, start);
    elements.push(bytes.toString("utf8", start, end));
    return end;
  });
  if (end < 0) throw new Error("That is no whole list.");
  return elements;
}

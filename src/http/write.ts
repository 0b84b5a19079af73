import { type ServerResponse, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { PageReply } from "../model/page-reply.ts";

/**
 * What every answer carries, unless its page says otherwise. Nothing comes from elsewhere and nothing goes there, no
 * script or style stands in a page itself, nobody may frame it. `same-origin` instead of no referrer at all, since a
 * browser that must not say where a form stands says `origin: null`.
 */
const HEADERS = {
  "cache-control": "no-store",
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; " +
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "same-origin",
  "x-content-type-options": "nosniff",
};

/** How long a piece of an answer may wait for its asker to take it. */
const SLOWEST_MS = 30_000;

/** Whether all of it is there already. */
export function isWhole(body: PageReply["body"]): body is string | Uint8Array {
  return typeof body === "string" || body instanceof Uint8Array;
}

function headersOf(reply: PageReply, requestId: string): Record<string, string | number> {
  const { headers, body } = reply;
  const length = isWhole(body) ? { "content-length": Buffer.byteLength(body) } : {};
  return { ...HEADERS, ...headers, "x-request-id": requestId, ...length };
}

function begin(response: ServerResponse, reply: PageReply, requestId: string): void {
  // What is still being sent is not read for the sake of the next request.
  if (!response.req.complete) response.setHeader("connection", "close");
  response.writeHead(reply.status, headersOf(reply, requestId));
}

/** Writes an answer that is whole already. */
export function writeAll(
  response: ServerResponse,
  reply: PageReply & { readonly body: string | Uint8Array },
  requestId: string,
): void {
  begin(response, reply, requestId);
  response.end(reply.body);
}

/** @param signal aborted when the asker has gone, or the server stops. */
export async function writeReply(
  response: ServerResponse,
  reply: PageReply,
  requestId: string,
  signal: AbortSignal,
): Promise<void> {
  const { body } = reply;
  if (isWhole(body)) {
    writeAll(response, { ...reply, body }, requestId);
    return await taken(response, "finish", signal);
  }
  begin(response, reply, requestId);
  response.flushHeaders();
  if (response.req.method !== "HEAD") await writePieces(response, body, signal);
  response.end();
}

/** Asks for the next piece only when the last one is on its way, so that a slow asker costs no memory. */
async function writePieces(
  response: ServerResponse,
  pieces: AsyncIterable<string>,
  signal: AbortSignal,
): Promise<void> {
  const iterator = pieces[Symbol.asyncIterator]();
  const gone = new Promise<undefined>((leave) => {
    if (signal.aborted) leave(undefined);
    else signal.addEventListener("abort", () => leave(undefined), { once: true });
  });
  try {
    while (!signal.aborted) {
      const next = await Promise.race([iterator.next(), gone]);
      if (next === undefined || next.done === true) return;
      if (!response.write(next.value)) await taken(response, "drain", signal);
    }
  } finally {
    // Not waited for: a generator that waits for something of its own comes to its end only after that.
    iterator.return?.().catch(() => undefined);
  }
}

/** Waits until the asker has taken what was written; who does not is left. */
async function taken(response: ServerResponse, sign: "finish" | "drain", signal: AbortSignal): Promise<void> {
  if (signal.aborted || response.writableFinished) return;
  await new Promise<void>((done) => {
    const timer = setTimeout(() => response.destroy(), SLOWEST_MS);
    const end = () => {
      clearTimeout(timer);
      response.off(sign, end);
      signal.removeEventListener("abort", end);
      done();
    };
    response.on(sign, end);
    signal.addEventListener("abort", end);
  });
}

/** Writes a whole answer where there is no request that could be read, and leaves. */
export function writeRaw(
  socket: Duplex,
  reply: PageReply & { readonly body: string },
  requestId: string,
): void {
  const lines = Object.entries({ ...headersOf(reply, requestId), connection: "close" });
  socket.end(
    [
      `HTTP/1.1 ${reply.status} ${STATUS_CODES[reply.status]}`,
      ...lines.map(([name, value]) => `${name}: ${value}`),
      "",
      reply.body,
    ].join("\r\n"),
  );
}

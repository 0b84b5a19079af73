import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { PageReply } from "../model/page-reply.ts";

/** What every answer carries, unless its page says otherwise. */
const HEADERS = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
};

/** @param signal aborted when the asker has gone, or the server stops. */
export async function writeReply(
  response: ServerResponse,
  { status, headers, body }: PageReply,
  signal: AbortSignal,
): Promise<void> {
  const all = { ...HEADERS, ...headers };
  if (typeof body === "string" || body instanceof Uint8Array) {
    response.writeHead(status, { ...all, "content-length": Buffer.byteLength(body) });
    response.end(body);
    return;
  }
  response.writeHead(status, all);
  response.flushHeaders();
  if (response.req.method !== "HEAD") await writePieces(response, body, signal);
  response.end();
}

/** Asks for the next piece only when the last one is on its way, so that a slow listener costs no memory. */
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
      if (!response.write(next.value)) await Promise.race([once(response, "drain"), gone]);
    }
  } finally {
    // Not waited for: a generator that waits for something of its own comes to its end only after that.
    iterator.return?.().catch(() => undefined);
  }
}

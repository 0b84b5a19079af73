import type { ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { refusal } from "./route.ts";
import { writeAll, writeRaw } from "./write.ts";

/** Node's own words for what cannot be read on. */
const WHY: Readonly<Record<string, readonly [status: number, says: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, "The request did not arrive in time."],
  HPE_HEADER_OVERFLOW: [431, "The headers are too long."],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, "The chunk extensions are too long."],
};

/**
 * Answers what is no request, and leaves, since nobody knows where the next one would begin.
 *
 * @param response of the request that the socket brought last.
 */
export function refuseUnreadable(
  code: string | undefined,
  socket: Duplex,
  response: ServerResponse | undefined,
  requestId: string,
): void {
  const [status, says] = WHY[code ?? ""] ?? [400, "This is no request that can be read."];
  const reply = refusal(status, says);
  if (response === undefined || response.writableFinished) {
    if (socket.writable) writeRaw(socket, reply, requestId);
    // What was written last is still on its way where only the writing has ended.
    else if (!socket.writableEnded) socket.destroy();
    return;
  }
  if (response.headersSent) return;
  // What is broken stands behind a request that was whole, which is answered first; or in the body of this one.
  if (response.req.complete) response.setHeader("connection", "close");
  else writeAll(response, reply, requestId);
}

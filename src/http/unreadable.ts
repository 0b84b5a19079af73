import type { ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { refusal } from "./route.ts";
import { writeRaw } from "./write.ts";

/** Node's own words for what cannot be read on. */
const WHY: Readonly<Record<string, readonly [status: number, says: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, "The request did not arrive in time."],
  HPE_HEADER_OVERFLOW: [431, "The headers are too long."],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, "The chunk extensions are too long."],
};

/**
 * Answers what is no request, and leaves, since nobody knows where the next one would begin.
 *
 * @param response of the request that the socket brought last; what it was is known even where its body is not.
 */
export function refuseUnreadable(
  code: string | undefined,
  socket: Duplex,
  response: ServerResponse | undefined,
  requestId: string,
): void {
  const [status, says] = WHY[code ?? ""] ?? [400, "This is no request that can be read."];
  const isFree = response === undefined || response.writableFinished;
  if (isFree && socket.writable) writeRaw(socket, refusal(status, says), requestId);
  else socket.destroy();
}

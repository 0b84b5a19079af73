import type { IncomingMessage, ServerResponse } from "node:http";
import type { PageReply } from "../model/page-reply.ts";
import { type Route, refusal } from "./route.ts";

/** Ids of a thousand dead letters, and room. */
const MAX_BODY_BYTES = 65_536;

const TYPES = { json: "application/json", form: "application/x-www-form-urlencoded" } as const;

/** What was sent along, or why it is not taken. */
export async function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  takes: NonNullable<Route["takes"]>,
): Promise<{ readonly sent: unknown } | PageReply> {
  const type = request.headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase();
  if (type !== TYPES[takes]) return refusal(415, `Only ${TYPES[takes]} is taken here.`);
  if (Number(request.headers["content-length"] ?? 0) > MAX_BODY_BYTES) return tooLarge();
  if (request.headers.expect !== undefined) response.writeContinue();
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) return tooLarge();
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString();
  if (takes === "form") return { sent: Object.fromEntries(new URLSearchParams(text)) };
  try {
    return { sent: JSON.parse(text) as unknown };
  } catch {
    return refusal(400, "What was sent is no JSON.");
  }
}

function tooLarge(): PageReply {
  return refusal(413, `At most ${MAX_BODY_BYTES} bytes are taken.`);
}

import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { PageReply } from "../model/page-reply.ts";
import { type Access, GUESS_EVERY_S, isFromOwnPage, type Standing } from "./access.ts";
import { readBody } from "./body.ts";
import type { Rate } from "./rates.ts";
import { type Route, refusal, routesAt } from "./route.ts";
import { MAX_TARGET_LENGTH, readTarget, type Target } from "./target.ts";

/** How long a page may take to be made. */
const PATIENCE_MS = 10_000;

export interface AnswerParts {
  readonly routes: readonly Route[];
  readonly access: Access;
  readonly rate: Rate;
  /** Whether there is a token that could be shown. */
  readonly hasToken: boolean;
}

/** One request, and where its answer goes. */
export interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly client: string;
  /** Aborted when the asker has gone, and when the server stops. */
  readonly signal: AbortSignal;
}

/** Makes the reply. What costs least comes first, so that nobody who is turned away costs a look into Redis. */
export async function answer(call: Call, parts: AnswerParts): Promise<PageReply> {
  const { request, client } = call;
  const target = targetOf(request);
  if ("status" in target) return target;
  const found = routesAt(parts.routes, target.path);
  const route = found.get(request.method === "HEAD" ? "GET" : (request.method ?? ""));
  if (route?.access === "health") return await make(route, call, target, "unknown", parts);
  const seconds = parts.rate.take(client);
  if (seconds > 0) return later(seconds, "Too many requests come from there.");
  const standing = await parts.access.judge(request.headers, client);
  if (standing === "held-back") return later(GUESS_EVERY_S, "Too many wrong tokens came from there.");
  if (found.size === 0) {
    return isTrusted(standing) ? notFound() : untrusted(request.headers, target.path, parts.hasToken);
  }
  if (route === undefined) return otherMethod(found);
  const turnedAway = turnAway(route, standing, request.headers, target.path, parts.hasToken);
  return turnedAway ?? (await make(route, call, target, standing, parts));
}

function targetOf({ url = "", headers, httpVersion }: IncomingMessage): Target | PageReply {
  if (url.length > MAX_TARGET_LENGTH) return refusal(414, "This address is too long.");
  // RFC 9112, section 3.2: a request of HTTP/1.1 without it must be refused.
  if (headers.host === undefined && httpVersion !== "1.0")
    return refusal(400, "The header `host` is missing.");
  if (headers.expect !== undefined && headers.expect.toLowerCase() !== "100-continue")
    return refusal(417, "Nothing but 100-continue can be expected.");
  return readTarget(url) ?? refusal(400, "This is no address of a page.");
}

function turnAway(
  { access, method }: Route,
  standing: Standing,
  headers: IncomingHttpHeaders,
  path: string,
  hasToken: boolean,
): PageReply | undefined {
  if (access !== "open" && !isTrusted(standing)) return untrusted(headers, path, hasToken);
  if (access === "proof" && standing === "unasked")
    return refusal(
      403,
      "This is done only where `http.token` is set; without it nobody can be told from another.",
    );
  if (method === "POST" && standing !== "token" && !isFromOwnPage(headers))
    return refusal(403, "This is done by a page of ours, or with the token as `Authorization: Bearer`.");
  return undefined;
}

async function make(
  route: Route,
  { request, response, client, signal }: Call,
  target: Target,
  standing: Standing,
  { hasToken }: AnswerParts,
): Promise<PageReply> {
  const { headers } = request;
  const taken =
    route.takes === undefined ? { sent: undefined } : await readBody(request, response, route.takes);
  if ("status" in taken) return taken;
  const ask = { ...target, body: taken.sent, headers, client, isTrusted: isTrusted(standing), signal };
  const reply = (await inTime(route.answer(ask))) ?? notFound();
  return reply === "untrusted" ? untrusted(headers, target.path, hasToken) : reply;
}

function isTrusted(standing: Standing): boolean {
  return standing === "token" || standing === "session" || standing === "unasked";
}

/** A person is led to where the token can be given, a program is told. */
function untrusted(headers: IncomingHttpHeaders, path: string, hasToken: boolean): PageReply {
  if (!hasToken) {
    return refusal(
      403,
      "Without `http.token` only addresses of this machine are answered, such as localhost.",
    );
  }
  if (headers.accept?.includes("text/html") === true) {
    // Relative, so that it holds behind a proxy that serves us under a path of its own.
    const up = "../".repeat(path.split("/").length - 2);
    return { status: 303, headers: { location: `${up}login` }, body: "" };
  }
  return refusal(401, "This page asks for the token of http.token.", {
    "www-authenticate": 'Bearer realm="alertferry"',
  });
}

function otherMethod(found: ReadonlyMap<string, Route>): PageReply {
  const allowed = [...found.keys()].flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]));
  return refusal(405, `Only ${allowed.join(" and ")} is answered here.`, { allow: allowed.join(", ") });
}

function notFound(): PageReply {
  return refusal(404, "There is no such page.");
}

function later(seconds: number, why: string): PageReply {
  return refusal(429, why, { "retry-after": String(seconds) });
}

async function inTime<T>(work: Promise<T>): Promise<T | PageReply> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<PageReply>((giveUp) => {
    const reply = refusal(503, "This page could not be made in time.", { "retry-after": "10" });
    timer = setTimeout(() => giveUp(reply), PATIENCE_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

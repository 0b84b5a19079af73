import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { promisify } from "node:util";
import { deflate, gzip } from "node:zlib";
import type { Refuse } from "./api-faults.ts";
import type { ApiName } from "./collections.ts";

/** A request and where its answer goes. */
export interface Exchange {
  readonly api: ApiName;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

const compress = { gzip: promisify(gzip), deflate: promisify(deflate) };
/** Speed matters more than size on the loopback. */
const FAST = { level: 1 };

/**
 * Sends JSON, compressed as the client accepts it; else as the pieces it is made of, since a copy of each page has V8 go
 * through all that the store holds every few pages.
 */
export async function sendPage(
  { api, request, response }: Exchange,
  pieces: readonly Buffer[],
  { compress: isWanted, cutOff }: { readonly compress: boolean; readonly cutOff: boolean },
): Promise<void> {
  const accepted = String(request.headers["accept-encoding"] ?? "");
  const preferred = api === "graph" ? (["gzip", "deflate"] as const) : (["deflate", "gzip"] as const);
  const encoding = isWanted ? preferred.find((candidate) => accepted.includes(candidate)) : undefined;
  const body = encoding === undefined ? pieces : [await compress[encoding](Buffer.concat(pieces), FAST)];
  response.writeHead(200, {
    ...commonHeaders(request, api),
    "content-type":
      "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8",
    ...(cutOff ? {} : { "content-length": String(body.reduce((sum, { length }) => sum + length, 0)) }),
    ...(encoding === undefined ? {} : { "content-encoding": encoding }),
    ...(prefersNewerMembers(request) ? { "preference-applied": "include-unknown-enum-members" } : {}),
  });
  if (!cutOff) {
    for (const piece of body) response.write(piece);
    response.end();
    return;
  }
  const bytes = Buffer.concat(body);
  response.write(bytes.subarray(0, Math.ceil(bytes.length / 2)), () => response.destroy());
}

/** Whether the client asked for the words of enumerations that came later. */
export function prefersNewerMembers(request: IncomingMessage): boolean {
  return String(request.headers["prefer"] ?? "").includes("include-unknown-enum-members");
}

/** Words of one API in the mouth of the other. */
const DEFENDER_CODES: Readonly<Record<string, string>> = {
  InvalidAuthenticationToken: "Unauthorized",
  Authorization_RequestDenied: "Forbidden",
  UnknownError: "InternalServerError",
};
const GRAPH_CODES: Readonly<Record<string, string>> = { Unauthorized: "InvalidAuthenticationToken" };

/** How this API words a refusal. */
export function refuser({ api, request, response }: Exchange): Refuse {
  return (status, code, message, headers = {}) => {
    const common = commonHeaders(request, api);
    const error =
      api === "graph"
        ? {
            code: GRAPH_CODES[code] ?? code,
            message,
            innerError: {
              date: new Date().toISOString().slice(0, 19),
              "request-id": common["request-id"],
              "client-request-id": common["client-request-id"],
            },
          }
        : { code: DEFENDER_CODES[code] ?? code, message, target: randomUUID() };
    response.writeHead(status, { ...common, "content-type": "application/json", ...headers });
    response.end(JSON.stringify({ error }));
  };
}

function commonHeaders(request: IncomingMessage, api: ApiName): Record<string, string> {
  const requestId = randomUUID();
  const standard = {
    "odata-version": "4.0",
    vary: "Accept-Encoding",
    "strict-transport-security": "max-age=31536000",
  };
  if (api === "defender") return standard;
  return {
    ...standard,
    "request-id": requestId,
    "client-request-id": String(request.headers["client-request-id"] ?? requestId),
    "x-ms-ags-diagnostic":
      '{"ServerInfo":{"DataCenter":"Example","Slice":"E","Ring":"3","ScaleUnit":"001","RoleInstance":"SIM0001"}}',
  };
}

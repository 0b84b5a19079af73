import type { IncomingMessage, ServerResponse } from "node:http";
import { resetConnection } from "./listener.ts";

/**
 * What an API does instead of, or besides, its work: for the next `times` requests, or until it is cleared.
 * The kinds from `empty-page-with-next` on spoil an otherwise right page.
 */
export type ApiFault = { times?: number } & (
  | { readonly kind: "throttled"; readonly retryAfter?: string | undefined }
  | { readonly kind: "unauthorized"; readonly message?: string }
  | { readonly kind: "forbidden" }
  | { readonly kind: "server-error" }
  | { readonly kind: "bad-gateway" }
  | { readonly kind: "unavailable"; readonly retryAfter?: string | undefined }
  | { readonly kind: "not-found" }
  | { readonly kind: "refused-link" }
  | { readonly kind: "html" }
  | { readonly kind: "empty-body" }
  | { readonly kind: "hang" }
  | { readonly kind: "reset" }
  | { readonly kind: "slow"; readonly delayMs: number }
  | PageFault
);

/** A page that is not as it should be. */
export type PageFault =
  /** JSON that ends in the middle of an alert, in a well-formed answer. */
  | { readonly kind: "truncated" }
  /** The connection dies in the middle of the answer. */
  | { readonly kind: "cut-off" }
  | { readonly kind: "empty-page-with-next" }
  | { readonly kind: "foreign-next-link"; readonly link?: string }
  /** The next link names the very page it stands in. */
  | { readonly kind: "repeating-next-link" }
  /** An alert of another tenant stands first in the page. */
  | { readonly kind: "foreign-tenant" }
  /** Elements that are no alerts stand first in the page: a string, an object without id, one without time. */
  | { readonly kind: "malformed-elements" }
  /** The filter is not honoured: newer and older alerts come along. */
  | { readonly kind: "ignored-filter" }
  /** The elements stand in no order. */
  | { readonly kind: "shuffled" };

const PAGE_FAULTS: ReadonlySet<string> = new Set<PageFault["kind"]>([
  "truncated",
  "cut-off",
  "empty-page-with-next",
  "foreign-next-link",
  "repeating-next-link",
  "foreign-tenant",
  "malformed-elements",
  "ignored-filter",
  "shuffled",
]);

export function isPageFault(fault: ApiFault): fault is PageFault & { times?: number } {
  return PAGE_FAULTS.has(fault.kind);
}

/** How an API words a refusal: status, code, message, further headers. */
export type Refuse = (
  status: number,
  code: string,
  message: string,
  headers?: Record<string, string>,
) => void;

/** Plays a fault that leaves the page out. Resolves with true when the request goes on after all. */
export async function playFault(
  fault: Exclude<ApiFault, PageFault>,
  request: IncomingMessage,
  response: ServerResponse,
  refuse: Refuse,
): Promise<boolean> {
  switch (fault.kind) {
    case "throttled":
      refuse(429, "TooManyRequests", "Too many requests.", retryAfter(fault.retryAfter));
      return false;
    case "unauthorized":
      refuse(401, "Unauthorized", fault.message ?? "Lifetime validation failed, the token is expired.");
      return false;
    case "forbidden":
      refuse(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.");
      return false;
    case "server-error":
      refuse(500, "UnknownError", "");
      return false;
    case "bad-gateway":
      sendHtml(response, 502, "Bad Gateway");
      return false;
    case "unavailable":
      refuse(
        503,
        "serviceNotAvailable",
        "The service is temporarily unavailable.",
        retryAfter(fault.retryAfter),
      );
      return false;
    case "not-found":
      refuse(404, "NotFound", "Resource not found.");
      return false;
    case "refused-link":
      refuse(
        400,
        "BadRequest",
        "The query specified in the URI is not valid. Query option 'SkipToken' is not allowed.",
      );
      return false;
    case "html":
      sendHtml(response, 200, "Please sign in");
      return false;
    case "empty-body":
      response.writeHead(200, { "content-type": "application/json", "content-length": "0" }).end();
      return false;
    case "hang":
      return false;
    case "reset":
      resetConnection(request);
      return false;
    case "slow":
      await new Promise((resolve) => setTimeout(resolve, fault.delayMs).unref());
      return true;
  }
}

function retryAfter(value: string | undefined): Record<string, string> {
  return value === undefined ? {} : { "retry-after": value };
}

function sendHtml(response: ServerResponse, status: number, title: string): void {
  response.writeHead(status, { "content-type": "text/html" });
  response.end(`<html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>`);
}

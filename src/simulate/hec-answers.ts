import type { HecEvent } from "./hec-events.ts";
import type { HecFault } from "./hec-receiver.ts";

/** Status and text of each code (Splunk: "HTTP Event Collector error codes"). */
export const HEC_CODES: Readonly<Record<number, readonly [status: number, text: string]>> = {
  0: [200, "Success"],
  1: [403, "Token disabled"],
  2: [401, "Token is required"],
  3: [401, "Invalid authorization"],
  4: [403, "Invalid token"],
  5: [400, "No data"],
  6: [400, "Invalid data format"],
  7: [400, "Incorrect index"],
  8: [500, "Internal server error"],
  9: [503, "Server is busy"],
  10: [400, "Data channel is missing"],
  11: [400, "Invalid data channel"],
  12: [400, "Event field is required"],
  13: [400, "Event field cannot be blank"],
  14: [400, "ACK is disabled"],
  15: [400, "Error in handling indexed fields"],
  16: [400, "Query string authorization is not enabled"],
  17: [200, "HEC is healthy"],
  18: [503, "HEC is unhealthy, queues are full"],
  19: [503, "HEC is unhealthy, ack service unavailable"],
  20: [503, "HEC is unhealthy, queues are full, ack service unavailable"],
  21: [400, "Invalid token"],
  22: [400, "Token disabled"],
  23: [503, "Server is shutting down"],
  24: [200, "HEC queue is approaching capacity"],
  25: [200, "HEC ACK is approaching capacity"],
  26: [429, "HEC queue at capacity"],
  27: [429, "HEC ACK channel at capacity"],
};

/** An answer: a code with what goes with it, or a page of HTML. */
export type HecAnswer =
  | { readonly code: number; readonly more?: object; readonly retryAfter?: string | undefined }
  | { readonly html: number; readonly title: string };

export const TOO_LARGE: HecAnswer = { html: 413, title: "413 Content-Length too large" };
export const BAD_GATEWAY: HecAnswer = { html: 502, title: "502 Bad Gateway" };
export const UNSUPPORTED: HecAnswer = { html: 415, title: "415 Unsupported Media Type" };

/** The refusal that a fault means, after what the fault stores all the same. */
export function playFault(
  fault: HecFault | undefined,
  events: readonly HecEvent[],
  store: (events: readonly HecEvent[]) => void,
): HecAnswer | undefined {
  switch (fault?.kind) {
    case "internal-error":
      return { code: 8 };
    case "busy":
      store(events.slice(0, fault.storedEvents ?? 0));
      return { code: 9, retryAfter: fault.retryAfter, more: eventNumber(fault.storedEvents) };
    case "queue-full":
      return { code: 26, retryAfter: fault.retryAfter };
    case "shutting-down":
      return { code: 23 };
    case "bad-gateway":
      return BAD_GATEWAY;
    case "refuse":
      return { code: fault.code, more: eventNumber(fault.eventNumber) };
    default:
      return undefined;
  }
}

function eventNumber(number: number | undefined): object {
  return number === undefined ? {} : { "invalid-event-number": number };
}

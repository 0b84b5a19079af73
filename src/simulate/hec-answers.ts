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

/** The fault that the present request meets, if any. Counts it. */
export function takeFault(receiver: { fault: HecFault | undefined }): HecFault | undefined {
  const { fault } = receiver;
  if (fault?.times === undefined) return fault;
  fault.times--;
  if (fault.times <= 0) receiver.fault = undefined;
  return fault;
}

interface PlayedRefusal {
  readonly code: number;
  readonly body?: object;
  readonly html?: number;
  readonly retryAfter?: string | undefined;
}

/** The refusal that a fault means, after what the fault stores all the same. */
export function playFault(
  fault: HecFault | undefined,
  events: readonly HecEvent[],
  store: (events: readonly HecEvent[]) => void,
): PlayedRefusal | undefined {
  switch (fault?.kind) {
    case "internal-error":
      return { code: 8 };
    case "busy": {
      const { storedEvents } = fault;
      if (storedEvents !== undefined) store(events.slice(0, storedEvents));
      return {
        code: 9,
        retryAfter: fault.retryAfter,
        body: storedEvents === undefined ? {} : { "invalid-event-number": storedEvents },
      };
    }
    case "queue-full":
      return { code: 26, retryAfter: fault.retryAfter };
    case "shutting-down":
      return { code: 23 };
    case "bad-gateway":
      return { code: 0, html: 502 };
    case "refuse":
      return {
        code: fault.code,
        body: fault.eventNumber === undefined ? {} : { "invalid-event-number": fault.eventNumber },
      };
    default:
      return undefined;
  }
}

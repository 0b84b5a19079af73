import type { IncomingMessage } from "node:http";
import type { ApiFault } from "./api-faults.ts";
import { createCallCounter, type RateLimit, type RetryAfterForm } from "./rate-limit.ts";
import type { Version } from "./version.ts";

/** One call of an API, as it was answered. */
export interface ApiRequest {
  readonly at: number;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly clientRequestId: string | undefined;
  readonly prefer: string | undefined;
  /** 0 while it is not answered. */
  status: number;
  /** Elements in the page. */
  returned: number;
}

/** One API as one tenant sees it; its switches may be turned at run time. */
export interface TenantApi {
  fault: ApiFault | undefined;
  /** A list answers 500 whenever such a version lies in what it is asked for, on whatever page. */
  poison: ((version: Version) => boolean) | undefined;
  /** Answers 500 where such an incident is asked for by its id with its alerts. */
  unexpandable: ((version: Version) => boolean) | undefined;
  limit: RateLimit | undefined;
  /** How a 429 of the limit says when to come back. */
  retryAfter: RetryAfterForm;
  /** Tokens issued before this instant (milliseconds) are refused, as after a revocation. */
  tokensValidFrom: number;
  /** The latest calls, oldest first; the older ones are forgotten. */
  readonly requests: ApiRequest[];
  /** Answers by status, over all time. */
  readonly statuses: Map<number, number>;
  readonly calls: ReturnType<typeof createCallCounter>;
}

const KEPT_REQUESTS = 2000;
export function createTenantApi(limit: RateLimit | undefined): TenantApi {
  return {
    fault: undefined,
    poison: undefined,
    unexpandable: undefined,
    limit,
    retryAfter: "fraction",
    tokensValidFrom: 0,
    requests: [],
    statuses: new Map(),
    calls: createCallCounter(),
  };
}

/** Writes a call down. Its answer is not known yet. */
export function keepRecord(own: TenantApi, request: IncomingMessage, url: URL, at: number): ApiRequest {
  const record: ApiRequest = {
    at,
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    clientRequestId: request.headers["client-request-id"]?.toString(),
    prefer: request.headers["prefer"]?.toString(),
    status: 0,
    returned: 0,
  };
  own.requests.push(record);
  if (own.requests.length > KEPT_REQUESTS) own.requests.splice(0, KEPT_REQUESTS / 2);
  return record;
}

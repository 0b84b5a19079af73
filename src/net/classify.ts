import type { FailureKind } from "../model/failure.ts";
import type { NoAnswer } from "./http.ts";

/** Status and error code to failure, and the delay a server asks for: the same for every source and sink. */

/** Longer pauses than this are not believed. */
const LONGEST_RETRY_AFTER_MS = 3_600_000;

/** Codes of Node and axios that say the set-up is wrong: a person must act, waiting does not help. */
const SETUP_CODES = new Set([
  "ENOTFOUND",
  "EFILE",
  "ERR_INVALID_URL",
  "EPROTO",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "CERT_UNTRUSTED",
  "ERR_SSL_WRONG_VERSION_NUMBER",
  "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
  "ERR_OSSL_PEM_NO_START_LINE",
]);

/** 2xx is not a failure and gives undefined. */
export function classifyStatus(status: number): FailureKind | undefined {
  if (status >= 200 && status < 300) return undefined;
  if (status === 429) return "throttled";
  if (status === 401 || status === 403 || status === 407) return "unauthorized";
  if (status === 408 || status === 425 || (status >= 500 && status !== 501)) return "transient";
  if (status === 413) return "rejected";
  return "misconfigured";
}

export function classifyNoAnswer(error: NoAnswer): FailureKind {
  // `PROXY_407` and the like: the proxy knows the way but does not let us take it.
  const isSetup = SETUP_CODES.has(error.code) || error.code.startsWith("PROXY_4");
  return isSetup ? "misconfigured" : "transient";
}

/** As HTTP writes a date, in the two forms that are in use: `Sun, 06 Nov 1994 08:49:37 GMT` and ISO 8601. */
const DATE = /^(?:[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4}|\d{4}-\d{2}-\d{2}T)/;

/**
 * Reads `Retry-After`: seconds with or without a fraction (Microsoft sends `2.128`), or an HTTP date, which is
 * taken relative to the answer's own `Date` where there is one. RFC 9110 section 10.2.3.
 *
 * @returns milliseconds, rounded up and at most an hour; undefined when the header is absent, makes no sense or names
 *   no time to wait (0, a past date): then the caller's own backoff holds, so that nobody comes back at once.
 */
export function retryAfterMs(
  headers: Readonly<Record<string, string | undefined>>,
  nowMs: number,
): number | undefined {
  const value = headers["retry-after"]?.trim() ?? "";
  if (/^\d+(\.\d+)?$/.test(value)) return believed(Number(value) * 1000);
  // Date.parse alone would take almost any text with a number in it for a date.
  const until = DATE.test(value) ? Date.parse(value) : Number.NaN;
  const serverNow = Date.parse(headers["date"] ?? "");
  return believed(until - (Number.isNaN(serverNow) ? nowMs : serverNow));
}

function believed(ms: number): number | undefined {
  return ms > 0 ? Math.min(LONGEST_RETRY_AFTER_MS, Math.ceil(ms)) : undefined;
}

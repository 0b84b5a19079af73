import { describe, expect, it } from "vitest";
import { classifyNoAnswer, classifyStatus, retryAfterMs } from "../../../src/net/classify.ts";
import { NoAnswer } from "../../../src/net/http.ts";

const HOUR_MS = 3_600_000;
const NOW = Date.UTC(2026, 4, 4, 12, 0, 0);

describe("classifyStatus", () => {
  it.each([
    [[200, 201, 202, 204, 299], undefined],
    [[429], "throttled"],
    [[401, 403, 407], "unauthorized"],
    [[408, 425, 500, 502, 503, 504, 507, 599], "transient"],
    [[413], "rejected"],
    [[100, 301, 302, 304, 308, 400, 404, 405, 406, 410, 411, 414, 415, 422, 431, 451, 501], "misconfigured"],
  ])("says of %j: %s", (statuses, kind) => {
    expect(statuses.map((status) => [status, classifyStatus(status)])).toEqual(
      statuses.map((status) => [status, kind]),
    );
  });
});

describe("classifyNoAnswer", () => {
  it.each([
    "ECONNREFUSED",
    "ECONNRESET",
    "ECONNABORTED",
    "ETIMEDOUT",
    "EPIPE",
    "EHOSTUNREACH",
    "ENETUNREACH",
    "EAI_AGAIN",
    "EANSWERTOOLARGE",
    "PROXY_502",
    "PROXY_504",
    "unknown",
  ])("waits for %s to pass", (code) => {
    expect(classifyNoAnswer(new NoAnswer(code, ""))).toBe("transient");
  });

  it.each([
    "ENOTFOUND",
    "EFILE",
    "EPROTO",
    "ERR_INVALID_URL",
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "SELF_SIGNED_CERT_IN_CHAIN",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "CERT_HAS_EXPIRED",
    "PROXY_403",
    "PROXY_407",
  ])("asks a person to mend %s", (code) => {
    expect(classifyNoAnswer(new NoAnswer(code, ""))).toBe("misconfigured");
  });
});

describe("retryAfterMs", () => {
  const read = (value: string | undefined, date?: string) =>
    retryAfterMs({ "retry-after": value, ...(date === undefined ? {} : { date }) }, NOW);

  it.each([
    ["1", 1000],
    ["120", 120_000],
    [" 7 ", 7000],
    ["2.128", 2128],
    ["0.0001", 1],
    ["1.0005", 1001],
    ["3600", HOUR_MS],
    ["3601", HOUR_MS],
    ["999999999999999999999", HOUR_MS],
  ])("reads %j seconds as %i ms", (value, ms) => {
    expect(read(value)).toBe(ms);
  });

  it("takes a date relative to the answer's own, so that a clock that is off does no harm", () => {
    expect(read("Mon, 04 May 2026 03:00:30 GMT", "Mon, 04 May 2026 03:00:00 GMT")).toBe(30_000);
  });

  it("takes a date relative to our clock where the answer has none that can be read", () => {
    expect(read("Mon, 04 May 2026 12:00:30 GMT")).toBe(30_000);
    expect(read("Mon, 04 May 2026 12:00:30 GMT", "today")).toBe(30_000);
    expect(read("2026-05-04T12:00:30Z")).toBe(30_000);
  });

  it("believes no date for longer than an hour", () => {
    expect(read("Tue, 05 May 2026 12:00:00 GMT")).toBe(HOUR_MS);
  });

  it.each(["0", "0.0", "Mon, 04 May 2026 11:59:59 GMT", "Mon, 04 May 2026 12:00:00 GMT"])(
    "leaves the pause to the caller's backoff where %j names none",
    (value) => {
      expect(read(value)).toBeUndefined();
    },
  );

  it.each([
    undefined,
    "",
    "  ",
    "soon",
    "-5",
    "+5",
    "1e3",
    "0x10",
    "5 s",
    "5, 10",
    "1.",
    ".5",
    "NaN",
    "Infinity",
    "May 2099",
    "soon 2099",
    "Mon, 99 May 2026 12:00:30 GMT",
  ])("makes nothing of %j", (value) => {
    expect(read(value)).toBeUndefined();
  });
});

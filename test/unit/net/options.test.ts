import { describe, expect, it } from "vitest";
import { ByteSize, Duration, Guid, HttpUrl, Secret, Tls } from "../../../src/net/options.ts";

describe("a duration", () => {
  it.each([
    ["0s", 0],
    ["500ms", 500],
    ["60s", 60_000],
    ["15m", 900_000],
    ["24h", 86_400_000],
    ["7d", 604_800_000],
    ["1.5h", 5_400_000],
    ["0.25s", 250],
    ["0.4ms", 0],
  ])("%s is %i ms", (text, ms) => {
    expect(Duration.parse(text)).toBe(ms);
  });

  it.each([
    "",
    "60",
    "s",
    "60 s",
    " 60s",
    "60S",
    "1m30s",
    "-1s",
    "+1s",
    "1e3s",
    ".5s",
    "1.s",
    "1,5s",
    "60sec",
    "1w",
    60,
    null,
    undefined,
  ])("%j is none", (value) => {
    expect(Duration.safeParse(value).success).toBe(false);
  });

  it("that is none is told by examples", () => {
    expect(Duration.safeParse("1 hour").error?.issues[0]?.message).toBe(
      "must be a duration such as 500ms, 60s, 15m, 24h or 7d",
    );
  });
});

describe("a size", () => {
  it.each([
    ["0B", 0],
    ["512B", 512],
    ["900KB", 900_000],
    ["5MB", 5_000_000],
    ["2GB", 2_000_000_000],
    ["1.5MB", 1_500_000],
  ])("%s is %i bytes", (text, bytes) => {
    expect(ByteSize.parse(text)).toBe(bytes);
  });

  it.each(["", "5", "MB", "5 MB", "5mb", "5M", "5MiB", "5TB", "-5MB", "1e3KB", 5, null, undefined])(
    "%j is none",
    (value) => {
      expect(ByteSize.safeParse(value).success).toBe(false);
    },
  );

  it("that is none is told by examples", () => {
    expect(ByteSize.safeParse("5 MiB").error?.issues[0]?.message).toBe(
      "must be a size such as 900KB, 5MB or 2GB",
    );
  });
});

describe("a GUID", () => {
  it("is written in lower case", () => {
    expect(Guid.parse("ABCDEF00-1234-5678-9ABC-DEF012345678")).toBe("abcdef00-1234-5678-9abc-def012345678");
  });

  it.each([
    "",
    "abcdef00",
    "abcdef0012345678 9abcdef012345678",
    "abcdef00-1234-5678-9abc-def01234567g",
    "{abcdef00-1234-5678-9abc-def012345678}",
  ])("is not %j", (text) => {
    expect(Guid.safeParse(text).success).toBe(false);
  });
});

describe("an address", () => {
  it.each([
    ["https://splunk.example:8088", "https://splunk.example:8088"],
    ["https://splunk.example:8088/", "https://splunk.example:8088"],
    ["http://127.0.0.1/base//", "http://127.0.0.1/base"],
  ])("%s is taken without the slash at its end", (text, url) => {
    expect(HttpUrl.parse(text)).toBe(url);
  });

  it.each([
    "",
    "splunk.example",
    "splunk.example:8088",
    "ftp://splunk.example",
    "//splunk.example",
    "https://",
  ])("is not %j", (text) => {
    expect(HttpUrl.safeParse(text).success).toBe(false);
  });
});

describe("a secret", () => {
  it("is marked as one, so that it is never printed", () => {
    expect(Secret.meta()).toMatchObject({ secret: true });
    expect(Secret.safeParse("").success).toBe(false);
  });
});

describe("the TLS settings", () => {
  it("verify the other side's certificate unless they are told not to", () => {
    expect(Tls.parse({})).toEqual({ rejectUnauthorized: true });
    expect(Tls.parse({ rejectUnauthorized: false }).rejectUnauthorized).toBe(false);
  });

  it("take no unknown key", () => {
    expect(Tls.safeParse({ verify: false }).success).toBe(false);
  });
});

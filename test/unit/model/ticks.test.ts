import { describe, expect, it } from "vitest";
import { formatTicks, msFromTicks, parseTicks, ticksFromMs } from "../../../src/model/ticks.ts";
import { randomFrom } from "../../../src/simulate/random.ts";

const TICKS_PER_SECOND = 10_000_000n;
const MINUTE = 60n * TICKS_PER_SECOND;

describe("parseTicks", () => {
  it.each([
    ["2026-05-04T05:36:51Z", 0n],
    ["2026-05-04T05:36:51.0Z", 0n],
    ["2026-05-04T05:36:51.1Z", 1_000_000n],
    ["2026-05-04T05:36:51.03Z", 300_000n],
    ["2026-05-04T05:36:51.703Z", 7_030_000n],
    ["2026-05-04T05:36:51.7033Z", 7_033_000n],
    ["2026-05-04T05:36:51.70333Z", 7_033_300n],
    ["2026-05-04T05:36:51.703333Z", 7_033_330n],
    ["2026-05-04T05:36:51.7033333Z", 7_033_333n],
  ])("reads %s to the last digit", (text, fraction) => {
    expect(parseTicks(text)).toBe(17_778_730_110_000_000n + fraction);
  });

  it("cuts what is finer than a tick, as .NET does", () => {
    expect(parseTicks("2026-05-04T05:36:51.999999999Z")).toBe(parseTicks("2026-05-04T05:36:51.9999999Z"));
  });

  it.each([
    ["2026-05-04T05:36:51Z", 0n],
    ["2026-05-04T05:36:51z", 0n],
    ["2026-05-04t05:36:51Z", 0n],
    ["2026-05-04 05:36:51Z", 0n],
    ["2026-05-04T05:36:51", 0n],
    ["2026-05-04T05:36:51+00:00", 0n],
    ["2026-05-04T05:36:51-00:00", 0n],
    ["2026-05-04T07:36:51+02:00", 0n],
    ["2026-05-04T07:36:51+0200", 0n],
    ["2026-05-03T20:06:51-09:30", 0n],
    ["2026-05-04T19:36:51.5+14:00", 5_000_000n],
  ])("reads %s as the same instant in UTC", (text, fraction) => {
    expect(parseTicks(text)).toBe(17_778_730_110_000_000n + fraction);
  });

  it.each([
    "2024-02-29T00:00:00Z",
    "2000-02-29T00:00:00Z",
    "2028-02-29T23:59:59.9999999Z",
    "0100-01-01T00:00:00Z",
    "9999-12-31T23:59:59.9999999Z",
    "1969-12-31T23:59:59.9999999Z",
    "1900-01-01T00:00:00.0000001Z",
  ])("takes %s", (text) => {
    expect(formatTicks(parseTicks(text) ?? 0n)).toBe(text);
  });

  it.each([
    "2026-02-29T00:00:00Z",
    "1900-02-29T00:00:00Z",
    "2026-02-30T00:00:00Z",
    "2026-04-31T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-00-10T00:00:00Z",
    "2026-01-00T00:00:00Z",
    "2026-01-32T00:00:00Z",
    "2026-05-04T24:00:00Z",
    "2026-05-04T23:60:00Z",
    "2026-05-04T23:59:60Z",
    "2026-05-04T05:36:51+24:00",
    "2026-05-04T05:36:51+05:60",
  ])("refuses the impossible %s", (text) => {
    expect(parseTicks(text)).toBeUndefined();
  });

  it("takes the empty date of .NET for no instant", () => {
    expect(parseTicks("0001-01-01T00:00:00Z")).toBeUndefined();
  });

  it.each([
    undefined,
    null,
    0,
    1_777_873_011_000,
    true,
    {},
    [],
    "",
    " ",
    "now",
    "2026-05-04",
    "2026-05-04T05:36Z",
    "2026-05-04T05:36:51.Z",
    "2026-05-04T05:36:51,5Z",
    "2026-05-04T05:36:51Zulu",
    " 2026-05-04T05:36:51Z",
    "2026-05-04T05:36:51Z\n",
    "20260504T053651Z",
    "Mon, 04 May 2026 05:36:51 GMT",
    "+12026-05-04T05:36:51Z",
  ])("refuses %j, which is no instant", (value) => {
    expect(parseTicks(value)).toBeUndefined();
  });
});

describe("formatTicks", () => {
  it.each([
    [0n, "1970-01-01T00:00:00Z"],
    [1n, "1970-01-01T00:00:00.0000001Z"],
    [-1n, "1969-12-31T23:59:59.9999999Z"],
    [17_778_730_110_300_000n, "2026-05-04T05:36:51.03Z"],
    [17_778_730_111_000_000n, "2026-05-04T05:36:51.1Z"],
  ])("writes %s with no more digits than it needs", (ticks, text) => {
    expect(formatTicks(ticks)).toBe(text);
  });
});

describe("ticks", () => {
  const random = randomFrom("ticks");
  /** Any instant of the years 100 to 9999. */
  const anInstant = () => {
    const seconds = random.whole(Date.UTC(100, 0, 1) / 1000, Date.UTC(9999, 11, 31) / 1000);
    return BigInt(seconds) * TICKS_PER_SECOND + BigInt(random.whole(0, 9_999_999));
  };

  it("survive being written and read", () => {
    for (let round = 0; round < 5000; round++) {
      const ticks = anInstant();

      expect(parseTicks(formatTicks(ticks))).toBe(ticks);
    }
  });

  it("keep their order when they are written in one length", () => {
    const written = (ticks: bigint) =>
      formatTicks(ticks).replace(/(?:\.(\d+))?Z$/, (_, digits = "") => digits.padEnd(7, "0"));
    for (let round = 0; round < 5000; round++) {
      const [a, b] = [anInstant(), anInstant()];

      expect(written(a) < written(b)).toBe(a < b);
    }
  });

  it("are the same in every zone", () => {
    for (let round = 0; round < 2000; round++) {
      const ticks = anInstant();
      const minutes = random.whole(0, 14 * 60);
      const sign = random.chance(0.5) ? "+" : "-";
      const offset = [Math.floor(minutes / 60), minutes % 60]
        .map((part) => String(part).padStart(2, "0"))
        .join(":");
      const local = sign === "+" ? ticks + BigInt(minutes) * MINUTE : ticks - BigInt(minutes) * MINUTE;

      expect(parseTicks(formatTicks(local).replace("Z", `${sign}${offset}`))).toBe(ticks);
    }
  });

  it("agree with Date to the millisecond", () => {
    for (let round = 0; round < 2000; round++) {
      const ms = random.whole(Date.UTC(100, 0, 1), Date.UTC(9999, 11, 31));
      const text = new Date(ms).toISOString();

      expect(parseTicks(text)).toBe(ticksFromMs(ms));
      expect(msFromTicks(ticksFromMs(ms))).toBe(ms);
    }
  });

  it("are rounded down to the millisecond, before 1970 too", () => {
    expect([9_999n, 10_000n, 0n, -1n, -10_000n, -10_001n].map(msFromTicks)).toEqual([0, 1, 0, -1, -1, -2]);
    expect([1.9, 0, -0.1].map(ticksFromMs)).toEqual([10_000n, 0n, -10_000n]);
  });
});

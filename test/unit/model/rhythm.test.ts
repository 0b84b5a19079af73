import { describe, expect, it } from "vitest";
import { HOURS_OF_WEEK, hourOf, isUnusuallyQuiet, usualHoursSince } from "../../../src/model/rhythm.ts";

const HOUR_MS = 3_600_000;
/** The beginning of a week as we count them. */
const START = 2900 * HOURS_OF_WEEK;

/** The bits of `count` weeks in which the hours that `lively` names brought something. */
function weeksOf(count: number, lively: (ofWeek: number, week: number) => boolean) {
  return new Map(
    Array.from({ length: count }, (_, week) => {
      const bits = Buffer.alloc(HOURS_OF_WEEK / 8);
      for (let hour = 0; hour < HOURS_OF_WEEK; hour++) {
        const at = hour >> 3;
        if (lively(hour, week)) bits.writeUInt8(bits.readUInt8(at) | (0x80 >> (hour & 7)), at);
      }
      return [START / HOURS_OF_WEEK + week, bits];
    }),
  );
}

/** Silent since that hour, seen from another, known from the first. */
function usual(weeks: ReturnType<typeof weeksOf>, freshHour: number, nowHour: number, knownHour = -1) {
  const ms = (hour: number) => (START + hour) * HOUR_MS;
  return usualHoursSince(ms(freshHour), ms(nowHour), weeks, ms(knownHour));
}

const WEEK = HOURS_OF_WEEK;
const isOffice = (hour: number) => hour % 24 >= 8 && hour % 24 < 17 && hour < 5 * 24;

describe("the silence of a tenant", () => {
  it("is measured in hours that usually bring something", () => {
    const always = weeksOf(5, () => true);
    expect(usual(always, 4 * WEEK, 4 * WEEK + 9)).toBeCloseTo(8);
    // Neither the hour of the last news nor the one under way was silent as a whole.
    expect(usual(always, 4 * WEEK, 4 * WEEK + 1)).toBe(0);
  });

  it("is no news at night and at the weekend, where these are always silent", () => {
    const office = weeksOf(5, isOffice);
    const friday17 = 4 * WEEK + 4 * 24 + 17;
    expect(isUnusuallyQuiet(usual(office, friday17, friday17 + 60))).toBe(false);
    expect(isUnusuallyQuiet(usual(office, friday17, friday17 + 80))).toBe(true);
  });

  it("does not count for a tenant that has few alerts, before it has lasted", () => {
    const daily = weeksOf(5, (hour) => hour % 24 === 9);
    expect(isUnusuallyQuiet(usual(daily, 4 * WEEK + 9, 4 * WEEK + 9 + 4 * 24))).toBe(false);
    expect(isUnusuallyQuiet(usual(daily, 4 * WEEK + 9, 4 * WEEK + 9 + 9 * 24))).toBe(true);
  });

  it("takes an hour that shifts with the summer for the same hour", () => {
    const shifted = weeksOf(5, (hour, week) => hour % 24 === (week % 2 === 0 ? 9 : 10));
    expect(usual(shifted, 4 * WEEK + 12, 4 * WEEK + 12 + 10 * 24)).toBeCloseTo(10);
  });

  it("is compared with the weeks before it began, however long it lasts", () => {
    const ended = weeksOf(4, () => true);
    expect(usual(ended, 4 * WEEK, 7 * WEEK)).toBeGreaterThan(2.5 * WEEK);
  });

  it("is unknown in the first two weeks, and says nothing of a tenant that never had any", () => {
    const always = weeksOf(5, () => true);
    expect(usual(always, WEEK, 2 * WEEK + 1, 1)).toBeUndefined();
    expect(usual(always, 3 * WEEK, 3 * WEEK + 20, 1)).toBeGreaterThan(0);
    expect(
      usual(
        weeksOf(5, () => false),
        4 * WEEK,
        6 * WEEK,
      ),
    ).toBe(0);
  });

  it("finds the hour of a week that begins on a Thursday, as the epoch did", () => {
    expect(hourOf(0)).toEqual({ week: 0, ofWeek: 0 });
    expect(hourOf(Date.parse("1970-01-08T05:59:59Z"))).toEqual({ week: 1, ofWeek: 5 });
  });
});

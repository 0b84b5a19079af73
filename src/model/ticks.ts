/** An instant counted in ticks of 100 ns since 1970-01-01T00:00:00Z, the resolution of Microsoft's timestamps. */
export type Ticks = bigint;

export const TICKS_PER_MS = 10_000n;

const INSTANT =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ]([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d+))?(?:[Zz]|([+-])([01]\d|2[0-3]):?([0-5]\d))?$/;

/**
 * Reads an ISO 8601 instant exactly: 0 to 7 fractional digits count, further ones are cut, as .NET ticks do.
 * Without a zone the text is taken as UTC (both forms occur in recorded alerts). Undefined when it is no instant;
 * the years before 100 are none, since .NET writes "no time" as 0001-01-01.
 *
 * `2026-05-04T05:36:51.03Z` → `17778730110300000n`
 */
export function parseTicks(text: unknown): Ticks | undefined {
  if (typeof text !== "string") return undefined;
  const match = INSTANT.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = "", sign, zoneHour, zoneMinute] = match;
  const dayMs = startOfDay(`${year}-${month}-${day}`);
  if (dayMs === undefined) return undefined;
  const ms = dayMs + (Number(hour) * 3600 + Number(minute) * 60 + Number(second)) * 1000;
  const offsetMs = (Number(zoneHour ?? 0) * 60 + Number(zoneMinute ?? 0)) * 60_000 * (sign === "-" ? -1 : 1);
  return BigInt(ms - offsetMs) * TICKS_PER_MS + BigInt(fraction.slice(0, 7).padEnd(7, "0"));
}

/** The day that was asked for last: alerts of a page are of the same one. */
let lastDay: { readonly text: string; readonly ms: number | undefined } = { text: "", ms: undefined };

/**
 * Milliseconds at which a day begins; undefined when there is no such day. Date.UTC rolls 31 February over to March, and
 * takes a year below 100 for one of the 20th century; a day that does not survive the round trip is none.
 */
function startOfDay(text: string): number | undefined {
  if (text === lastDay.text) return lastDay.ms;
  const [year, month, day] = text.split("-").map(Number);
  const ms = Date.UTC(year ?? Number.NaN, (month ?? Number.NaN) - 1, day);
  const isDay = !Number.isNaN(ms) && new Date(ms).toISOString().slice(0, 10) === text;
  lastDay = { text, ms: isDay ? ms : undefined };
  return lastDay.ms;
}

/** Writes an instant in UTC with as many of the 7 fractional digits as it needs: `2026-05-04T05:36:51.03Z`. */
export function formatTicks(ticks: Ticks): string {
  const seconds = floorDivide(ticks, 10_000_000n);
  const fraction = String(ticks - seconds * 10_000_000n)
    .padStart(7, "0")
    .replace(/0+$/, "");
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return fraction === "" ? `${whole}Z` : `${whole}.${fraction}Z`;
}

export function ticksFromMs(ms: number): Ticks {
  return BigInt(Math.floor(ms)) * TICKS_PER_MS;
}

/** Rounds down to the millisecond. */
export function msFromTicks(ticks: Ticks): number {
  return Number(floorDivide(ticks, TICKS_PER_MS));
}

/** BigInt division cuts towards zero; instants before 1970 need the floor. */
function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value % by < 0n ? quotient - 1n : quotient;
}

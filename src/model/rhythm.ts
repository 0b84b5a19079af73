/**
 * When a tenant usually has alerts: for each week one bit an hour, set where the hour brought something new. Bits and
 * not counts, since one incident may bring fifty alerts at once. Hours and weeks are those of UTC since the epoch.
 */

const HOUR_MS = 3_600_000;
export const HOURS_OF_WEEK = 168;
/** Weeks that are looked back on, and how many of them are needed to know what is usual. */
export const WEEKS_KNOWN = 4;
const WEEKS_NEEDED = 2;
/**
 * So many hours that usually bring something have brought nothing: with chances of its own for each hour, that happens
 * once in a thousand such spans (e^-7).
 */
const QUIET_HOURS = 7;

export interface Hour {
  readonly week: number;
  readonly ofWeek: number;
}

export function hourOf(ms: number): Hour {
  const hours = Math.floor(ms / HOUR_MS);
  return { week: Math.floor(hours / HOURS_OF_WEEK), ofWeek: hours % HOURS_OF_WEEK };
}

/** The weeks by their numbers, 21 bytes each, first hour first as SETBIT has it; a week without any alert is absent. */
export type Weeks = ReadonlyMap<number, Buffer>;

/**
 * How many hours since the last news would usually have brought some, by the same hour and its neighbours in the weeks
 * before; undefined while too little is known of the tenant.
 *
 * @param knownSinceMs when the tenant was first read.
 */
export function usualHoursSince(
  freshMs: number,
  nowMs: number,
  weeks: Weeks,
  knownSinceMs: number,
): number | undefined {
  const first = hourOf(knownSinceMs).week + 1;
  if (hourOf(nowMs).week - first < WEEKS_NEEDED) return undefined;
  // The hour of the last news and the one that is under way do not count: neither was silent as a whole.
  const begin = Math.floor(freshMs / HOUR_MS) + 1;
  const end = Math.floor(nowMs / HOUR_MS);
  const longest = WEEKS_KNOWN * HOURS_OF_WEEK;
  let usual = 0;
  for (let hour = Math.max(begin, end - longest); hour < end; hour++)
    usual += shareOf(hour, begin, weeks, first);
  return usual;
}

export function isUnusuallyQuiet(usualHours: number | undefined): boolean {
  return usualHours !== undefined && usualHours >= QUIET_HOURS;
}

/** The share of the weeks before the silence in which this hour of the week, or one beside it, brought something. */
function shareOf(hour: number, silentFrom: number, weeks: Weeks, first: number): number {
  let known = 0;
  let lively = 0;
  for (let back = 1; back <= 2 * WEEKS_KNOWN && known < WEEKS_KNOWN; back++) {
    const then = hour - back * HOURS_OF_WEEK;
    if (then + 1 >= silentFrom) continue;
    if (Math.floor((then - 1) / HOURS_OF_WEEK) < first) break;
    known += 1;
    for (const near of [then - 1, then, then + 1]) lively += isLively(near, weeks) / 3;
  }
  return known < WEEKS_NEEDED ? 0 : lively / known;
}

function isLively(hour: number, weeks: Weeks): 0 | 1 {
  const bits = weeks.get(Math.floor(hour / HOURS_OF_WEEK));
  const at = hour % HOURS_OF_WEEK;
  return ((bits?.[at >> 3] ?? 0) & (0x80 >> (at & 7))) === 0 ? 0 : 1;
}

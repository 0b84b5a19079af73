import { isUnusuallyQuiet, usualHoursSince, type Weeks } from "../model/rhythm.ts";
import type { PlaceState } from "../queue/ports.ts";

/** A last round older than this says nothing of now. */
const RECENT_MS = 3_600_000;

export interface Silence {
  /** Hours since the last news that usually bring some; undefined while too little is known of the place. */
  readonly usualHours: number | undefined;
  /** Whether that is unusual, at a place that is read without trouble: one that we cannot see is another story. */
  readonly isUnusual: boolean;
}

export function silenceOf({ last, freshMs, firstMs }: PlaceState, weeks: Weeks, nowMs: number): Silence {
  if (freshMs === undefined || firstMs === undefined) return { usualHours: undefined, isUnusual: false };
  const usualHours = usualHoursSince(freshMs, nowMs, weeks, firstMs);
  const isSeen = last !== undefined && last.failures === 0 && nowMs - last.atMs < RECENT_MS;
  return { usualHours, isUnusual: isSeen && isUnusuallyQuiet(usualHours) };
}

import type { Redis } from "ioredis";
import type { DelayCounts } from "../model/delay.ts";
import type { Keys } from "./keys.ts";

/** Deliveries to a sink in one minute (of the epoch), by their class of delay. */
export interface MinuteCounts {
  readonly sink: string;
  readonly minute: number;
  readonly counts: DelayCounts;
}

const MINUTES = 60;
/** A day, and the hour that is looked at when it has just begun. */
const KEPT_S = 25 * 3600;

/**
 * What was delivered over the last day, and how late, for charts. One hash a sink and hour, of which Redis rids itself:
 * a minute takes some ten bytes for each class of delay that it saw, so a busy sink some 30 kB and a quiet one nothing.
 */
export function createHistory(redis: Redis, keys: Keys) {
  return {
    /** Adds to what other processes counted. */
    async addHistory(minutes: readonly MinuteCounts[]): Promise<void> {
      const all = redis.multi();
      for (const { sink, minute, counts } of minutes) {
        const key = keys.history(sink, Math.floor(minute / MINUTES));
        for (const [kind, count] of counts) all.hincrby(key, `${minute % MINUTES}:${kind}`, count);
        all.expire(key, KEPT_S);
      }
      await all.exec();
    },

    /** Both ends belong to it. @returns the minutes in which something was delivered, in no order. */
    async history(sink: string, fromMinute: number, toMinute: number): Promise<MinuteCounts[]> {
      const first = Math.floor(fromMinute / MINUTES);
      const hours = Array.from(
        { length: Math.floor(toMinute / MINUTES) - first + 1 },
        (_, index) => first + index,
      );
      const found = await Promise.all(hours.map((hour) => redis.hgetall(keys.history(sink, hour))));
      return found
        .flatMap((fields, index) => minutesOf(sink, (first + index) * MINUTES, fields))
        .filter(({ minute }) => minute >= fromMinute && minute <= toMinute);
    },
  };
}

function minutesOf(
  sink: string,
  hourStart: number,
  fields: Readonly<Record<string, string>>,
): MinuteCounts[] {
  const minutes = new Map<number, Map<number, number>>();
  for (const [field, count] of Object.entries(fields)) {
    const [minute = 0, kind = 0] = field.split(":").map(Number);
    const counts = minutes.get(hourStart + minute) ?? new Map<number, number>();
    minutes.set(hourStart + minute, counts.set(kind, Number(count)));
  }
  return [...minutes].map(([minute, counts]) => ({ sink, minute, counts }));
}

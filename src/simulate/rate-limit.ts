/** How often an API may be called by one tenant. */
export interface RateLimit {
  readonly perMinute: number;
  readonly perHour?: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** Counts calls in sliding windows; refused calls count too, as Graph's do. */
export interface CallCounter {
  /** Milliseconds until a call will be let in again; 0 when this one is. */
  count(limit: RateLimit | undefined, now: number): number;
}

export function createCallCounter(): CallCounter {
  let calls: number[] = [];
  return {
    count: (limit, now) => {
      if (limit === undefined) return 0;
      calls = calls.filter((at) => at > now - (limit.perHour === undefined ? MINUTE_MS : HOUR_MS));
      calls.push(now);
      const waitFor = (most: number, span: number): number => {
        const nth = calls.at(-1 - most);
        return nth === undefined || nth <= now - span ? 0 : nth + span - now;
      };
      return Math.max(
        waitFor(limit.perMinute, MINUTE_MS),
        limit.perHour === undefined ? 0 : waitFor(limit.perHour, HOUR_MS),
      );
    },
  };
}

export type RetryAfterForm = "fraction" | "seconds" | "date" | "absent";

/** `2.128`, `3`, `Mon, 04 May 2026 05:37:20 GMT`, or no header at all. */
export function retryAfterHeader(form: RetryAfterForm, waitMs: number): Record<string, string> {
  const seconds = waitMs / 1000;
  switch (form) {
    case "fraction":
      return { "retry-after": seconds.toFixed(3) };
    case "seconds":
      return { "retry-after": String(Math.ceil(seconds)) };
    case "date":
      return { "retry-after": new Date(Date.now() + Math.ceil(seconds) * 1000).toUTCString() };
    case "absent":
      return {};
  }
}

/** How much a bound grows with each failure. */
export const GROWTH = { usual: 2, slow: 1.5 } as const;

/**
 * Exponential backoff with full jitter: a random pause below a bound that grows with each failure, so that many
 * clients of one broken host do not return in step. (Marc Brooker, "Exponential Backoff And Jitter".)
 *
 * @param attempt 1 for the first failure, whose bound is `minDelayMs`.
 * @param random a number in [0, 1).
 * @returns milliseconds, at least half of `minDelayMs` so that a retry is never immediate, at most `maxDelayMs`.
 */
export function backoffMs(
  attempt: number,
  minDelayMs: number,
  maxDelayMs: number,
  random: number,
  growth: number = GROWTH.usual,
): number {
  const bound = Math.min(maxDelayMs, minDelayMs * growth ** Math.min(attempt - 1, 50));
  return Math.round(Math.max(Math.min(minDelayMs, maxDelayMs) / 2, bound * random));
}

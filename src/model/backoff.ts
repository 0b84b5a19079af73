/**
 * Exponential backoff with full jitter: a random pause between nothing and the exponential bound, so that
 * many clients of one broken host do not return in step. (Marc Brooker, "Exponential Backoff And Jitter".)
 *
 * @param attempt 1 for the first failure.
 * @param random a number in [0, 1).
 * @returns milliseconds, at least `minDelayMs / 2` so that a retry is never immediate.
 */
export function backoffMs(attempt: number, minDelayMs: number, maxDelayMs: number, random: number): number {
  const bound = Math.min(maxDelayMs, minDelayMs * 2 ** Math.min(attempt, 30));
  return Math.round(Math.max(Math.min(minDelayMs, maxDelayMs) / 2, bound * random));
}

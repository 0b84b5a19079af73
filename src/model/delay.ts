/** Classes of delay: each reaches to twice the end of the one before, so that twenty tell 50 ms from half a day. */
const FIRST_END_MS = 50;
const LAST_CLASS = 20;

/** The class of a delay, 0 to 20. The last one takes whatever is longer. */
export function delayClass(ms: number): number {
  return ms <= FIRST_END_MS ? 0 : Math.min(LAST_CLASS, Math.ceil(Math.log2(ms / FIRST_END_MS)));
}

/** How many delays fell into each class. */
export type DelayCounts = ReadonlyMap<number, number>;

/**
 * The delay that a share of them did not exceed, in seconds: exact to its class, evenly divided within it.
 *
 * @param share 0.95 for the 95th percentile.
 * @returns null where there are none.
 */
export function delayQuantile(counts: DelayCounts, share: number): number | null {
  const total = totalOf(counts);
  if (total === 0) return null;
  let below = 0;
  for (const [kind, count] of [...counts].sort(([a], [b]) => a - b)) {
    if (below + count >= share * total) {
      const end = FIRST_END_MS * 2 ** kind;
      const start = kind === 0 ? 0 : end / 2;
      const within = Math.max(0, share * total - below) / count;
      return Math.round(start + (end - start) * within) / 1000;
    }
    below += count;
  }
  return null;
}

export function totalOf(counts: DelayCounts): number {
  let total = 0;
  for (const count of counts.values()) total += count;
  return total;
}

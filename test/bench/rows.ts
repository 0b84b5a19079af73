/** One line of a table: what was measured under one circumstance, with the figures of all its runs. */
export interface Row {
  readonly name: string;
  readonly values: Readonly<Record<string, Value>>;
}

export interface Value {
  readonly median: number;
  readonly least: number;
  readonly most: number;
  readonly runs: number;
}

export function rowOf(name: string, figures: Readonly<Record<string, readonly number[]>>): Row {
  const values = Object.fromEntries(
    Object.entries(figures).map(([what, numbers]) => [what, rangeOf(numbers)]),
  );
  return { name, values };
}

function rangeOf(numbers: readonly number[]): Value {
  const [least, median, most] = [atShare(numbers, 0), atShare(numbers, 0.5), atShare(numbers, 1)].map(
    rounded,
  );
  return { median: median ?? 0, least: least ?? 0, most: most ?? 0, runs: numbers.length };
}

/** The value below which such a share of the numbers lies. */
export function atShare(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Three digits tell enough of a figure that varies by a tenth from run to run. */
function rounded(number: number): number {
  return Number(number.toPrecision(3));
}

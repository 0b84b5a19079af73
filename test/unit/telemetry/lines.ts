import type { Metrics } from "../../../src/telemetry/metrics.ts";

/** The series of one metric, by what follows its name, and their values. */
export async function linesOf(metrics: Metrics, name: string): Promise<ReadonlyMap<string, number>> {
  const { text } = await metrics.page(undefined);
  const start = `alertferry_${name}`;
  return new Map(
    text
      .split("\n")
      .filter((line) => line.startsWith(start))
      .map((line) => {
        const end = line.lastIndexOf(" ");
        return [line.slice(start.length, end), Number(line.slice(end + 1))];
      }),
  );
}

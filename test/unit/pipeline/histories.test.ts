import { expect, it } from "vitest";
import { live } from "./history.ts";
import { faultsOf } from "./verdict.ts";

/** A seed that failed, to be lived through alone: `HISTORY=1234 npx vitest run --project unit histories`. */
const ONE = process.env["HISTORY"];
const HISTORIES = 10_000;

it(`no version is missed, given twice or numbered wrongly in ${HISTORIES} random histories`, {
  timeout: 120_000,
}, async () => {
  const seeds = ONE === undefined ? Array.from({ length: HISTORIES }, (_, index) => String(index)) : [ONE];
  for (const seed of seeds) {
    const history = await live(seed);

    const faults = faultsOf(history);

    if (faults.length > 0) {
      const told = [`history ${seed}:`, ...faults, "", ...history.steps, JSON.stringify(history.poll)];
      expect.fail(told.join("\n"));
    }
  }
});

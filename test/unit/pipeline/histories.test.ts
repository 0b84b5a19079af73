import { expect, it } from "vitest";
import { formatTicks } from "../../../src/model/ticks.ts";
import { type History, live } from "./history.ts";
import { faultsOf } from "./verdict.ts";

/** A seed that failed, to be lived through alone: `HISTORY=1234 npx vitest run --project unit histories`. */
const ONE = process.env["HISTORY"];
const AT_ONCE = 500;
const HISTORIES = 10_000;

const parts = Array.from({ length: HISTORIES / AT_ONCE }, (_, part) =>
  Array.from({ length: AT_ONCE }, (_unused, index) => String(part * AT_ONCE + index)),
);

it.each(ONE === undefined ? parts : [[ONE]])(
  "no version is missed, given twice or numbered wrongly in random histories from %s on",
  { timeout: 60_000 },
  async (...seeds) => {
    for (const seed of seeds) {
      const history = await live(seed);

      const faults = faultsOf(history);

      if (faults.length > 0) expect.fail([`history ${seed}:`, ...faults, "", ...told(history)].join("\n"));
    }
  },
);

function told({ poll, steps }: History): string[] {
  const lines = steps.map((step) =>
    step.map((word) => (typeof word === "bigint" ? `${formatTicks(word)} (${word})` : word)).join(" "),
  );
  return [JSON.stringify(poll), ...lines];
}

import { expect, it } from "vitest";
import { drain } from "../bench/drain.ts";

/** The least share of the bare loop's rate; some 0.5 on a quiet machine, cold starts included. */
const LEAST_SHARE = 0.15;

it("drains a backlog at a fair share of what a bare loop does in the same run, loses nothing and repeats nothing", async () => {
  const figures = await drain({ tenants: 5, perTenant: 1000, runs: 2, seed: "guard" });

  for (const { missing, repeated } of figures)
    expect({ missing, repeated }).toEqual({ missing: 0, repeated: 0 });
  const shares = figures.map(({ alertsPerSecond, barePerSecond }) => alertsPerSecond / barePerSecond);
  expect(Math.max(...shares)).toBeGreaterThan(LEAST_SHARE);
});

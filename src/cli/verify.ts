import { loadConfig } from "../config/load.ts";
import { verifyOnce } from "../daemon/onboarding.ts";
import type { Step } from "../model/onboarding.ts";
import { isPassed } from "../onboarding/verify.ts";
import { type ExitCode, type Io, type Options, UsageError } from "./command.ts";

/** `tenants verify`: goes the whole way of a tenant's alerts once. 3 when a step failed. */
export async function verify(path: string, id: string, options: Options, io: Io): Promise<ExitCode> {
  const { config } = loadConfig(path);
  const tenant = config.tenants.find((candidate) => candidate.id === id);
  if (tenant === undefined) {
    throw new UsageError(
      `There is no tenant ${id}. Known: ${config.tenants.map((known) => known.id).join(", ")}.`,
    );
  }
  const signal = new AbortController().signal;
  const steps = await verifyOnce(tenant, config, options["no-canary"] !== true, signal);
  if (options["json"] === true) io.out(JSON.stringify({ tenant: id, steps }, undefined, 2));
  else for (const line of stepLines(steps)) io.out(line);
  return steps.every(isPassed) ? 0 : 3;
}

/** One line for each step, and one for what to do about it. */
export function stepLines(steps: readonly Step[]): string[] {
  return steps.flatMap(({ what, verdict, says, next }) => [
    `${verdict.padEnd(8)} ${what}: ${says}`,
    ...(next === "" ? [] : [`         -> ${next}`]),
  ]);
}

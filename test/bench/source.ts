import { createInterface } from "node:readline";
import { parseTicks } from "../../src/model/ticks.ts";
import type { ApiRequest } from "../../src/simulate/tenant-api.ts";
import { startWorld } from "../../src/simulate/world.ts";

/**
 * The simulated Entra and Graph of a benchmark, in a process of their own. Prints where they are; answers each line of
 * standard input, a command in JSON, by a line of JSON.
 */
export type SourceCommand =
  /** Adds alerts to every tenant, updated evenly over the time before now. */
  | { readonly do: "fill"; readonly perTenant: number; readonly spreadMs: number; readonly size?: Size }
  /** Adds alerts to the tenants by turns, so many a second, each visible as it is made. */
  | { readonly do: "trickle"; readonly perSecond: number; readonly seconds: number }
  /** Tells what was held and given out since the last report. */
  | { readonly do: "report" };

/** `real`: one alert in 500 has hundreds of kilobytes. */
export type Size = "usual" | "real";

export interface SourceWanted {
  readonly tenants: number;
  readonly seed: string;
  /** Whether pages are compressed. */
  readonly compress: boolean;
}

export interface SourcePlace {
  readonly cloud: object;
  readonly tenants: readonly { readonly id: string }[];
}

export interface SourceReport {
  readonly alerts: number;
  /** Of the alerts' own texts. */
  readonly bytes: number;
  readonly pages: number;
  /** Elements in these pages. */
  readonly returned: number;
  readonly firstCallMs: number;
  /** Of alerts that trickled in: id → when the first page that holds it was asked for, ms. */
  readonly asked: Readonly<Record<string, number>>;
}

const wanted = JSON.parse(process.argv[2] ?? "{}") as SourceWanted;
const names = Array.from({ length: wanted.tenants }, (_, index) => `tenant-${index + 1}`);
const world = await startWorld({ tenants: names, seed: wanted.seed, limits: "none" });
world.defender.compresses = wanted.compress;
const trickled: { readonly tenant: string; readonly id: string; readonly visibleAt: number }[] = [];

say({
  cloud: world.cloud,
  tenants: world.tenants.map(({ id, tenantId, clientId, clientSecret }) => ({
    id,
    tenantId,
    auth: { type: "client-secret", clientId, clientSecret },
  })),
});
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line) as SourceCommand;
  if (command.do === "fill") fill(command.perTenant, command.spreadMs, command.size);
  if (command.do === "trickle") await trickle(command.perSecond, command.seconds);
  say(command.do === "report" ? report() : {});
}
await world.close();

function fill(perTenant: number, spreadMs: number, size: Size = "usual"): void {
  for (const tenant of world.tenants) tenant.add("graph_alerts", perTenant, { spreadMs, size });
}

async function trickle(perSecond: number, seconds: number): Promise<void> {
  const startedAt = performance.now();
  for (let made = 0; made < perSecond * seconds; ) {
    const due = ((performance.now() - startedAt) * perSecond) / 1000;
    for (; made < Math.min(due, perSecond * seconds); made++) {
      const tenant = names[made % names.length] ?? "";
      for (const { alertId: id, visibleAt } of world.tenant(tenant).add("graph_alerts", 1, { size: "usual" }))
        trickled.push({ tenant, id, visibleAt });
    }
    await new Promise((next) => setTimeout(next, 5));
  }
}

function report(): SourceReport {
  const versions = world.tenants.flatMap(({ ledger }) => ledger);
  const calls = world.tenants.flatMap(({ graph }) => graph.requests);
  const asked = Object.fromEntries(trickled.flatMap(firstAsked));
  for (const { graph } of world.tenants) graph.requests.length = 0;
  trickled.length = 0;
  return {
    alerts: versions.length,
    bytes: versions.reduce((sum, { bytes }) => sum + bytes.length, 0),
    pages: calls.length,
    returned: calls.reduce((sum, { returned }) => sum + returned, 0),
    firstCallMs: Math.min(...calls.map(({ at }) => at)),
    asked,
  };
}

function firstAsked({ tenant, id, visibleAt }: (typeof trickled)[number]): [string, number][] {
  const { graph, latest } = world.tenant(tenant);
  const updated = latest("graph_alerts", id)?.updated ?? 0n;
  const found = graph.requests.find((call) => call.at >= visibleAt && covers(call, updated));
  return found === undefined ? [] : [[id, found.at]];
}

function covers({ query }: ApiRequest, updated: bigint): boolean {
  const [, from, to] = /ge (\S+) and \S+ lt (\S+)/.exec(query["$filter"] ?? "") ?? [];
  const [low, high] = [parseTicks(from), parseTicks(to)];
  return low !== undefined && high !== undefined && low <= updated && updated < high;
}

function say(what: object): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

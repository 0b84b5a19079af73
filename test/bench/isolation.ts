import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { randomFrom } from "../../src/simulate/random.ts";
import type { WorldTenant } from "../../src/simulate/tenant.ts";
import { startWorld, type World } from "../../src/simulate/world.ts";
import { freePort, newFolder, startChild } from "../chaos/children.ts";

/**
 * How long alerts of healthy tenants take while five others are in trouble, beside the same without the five: one has
 * 100,000 alerts at once, one is throttled, one has not consented, one hangs, one answers pages of 5 MB. Runs of both
 * kinds take turns. Prints each run, then the medians and their ratio; ends with 1 when the ratio is 1.1 or more, when
 * an alert did not arrive, or when a call was refused for being one too many.
 */
const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "3" },
    tenants: { type: "string", default: "500" },
    seconds: { type: "string", default: "60" },
    interval: { type: "string", default: "10s" },
    flood: { type: "string", default: "100000" },
  },
});
const HEALTHY = Number(values.tenants) - 5;
const MEASURED_S = Number(values.seconds);
const FLOOD = Number(values.flood);
const PER_SECOND = 20;
/** Time for all tenants to be met, before anything is measured. */
const WARM_UP_MS = 40_000;
/** Of some 250 KB each. */
const HUGE_ALERTS = 20;
const PROGRAM = join(import.meta.dirname, "../../dist/main.js");

interface Run {
  readonly p50: number;
  readonly p99: number;
  readonly longest: number;
  readonly samples: number;
  readonly missing: number;
  /** Answers 429 that a limit gave, of all tenants. */
  readonly refusedCalls: number;
  /** Of the flood, by the end of the measurement. */
  readonly flooded: number;
  readonly peakMb: number;
}

const say = (line: string) => void process.stdout.write(`${line}\n`);

/** What is wrong with each of the five; the flood and the pages come when the measurement begins. */
const TROUBLES: Readonly<Record<string, (tenant: WorldTenant) => void>> = {
  flooding: (tenant) =>
    void tenant.add("graph_alerts", FLOOD, {
      at: Date.now() + WARM_UP_MS,
      spreadMs: 300_000,
      lateMs: WARM_UP_MS,
      size: "small",
    }),
  throttled: ({ graph }) => {
    graph.fault = { kind: "throttled", retryAfter: "5" };
  },
  unauthorized: ({ entra }) => entra.consents.clear(),
  hanging: ({ graph }) => {
    graph.fault = { kind: "hang" };
  },
  heavy: (tenant) => void tenant.add("graph_alerts", HUGE_ALERTS, { size: "huge", spreadMs: 1000 }),
};

async function measure(isTroubled: boolean, seed: string): Promise<Run> {
  const names = Array.from({ length: HEALTHY }, (_, index) => `healthy-${index + 1}`);
  const troubled = isTroubled ? Object.keys(TROUBLES) : [];
  const world = await startWorld({ tenants: [...names, ...troubled], seed });
  const folder = await newFolder();
  for (const name of troubled) TROUBLES[name]?.(world.tenant(name));
  const port = await freePort();
  const daemon = startChild(process.execPath, [
    PROGRAM,
    "run",
    "--config",
    await writeConfig(world, folder, port),
  ]);
  try {
    await sleep(WARM_UP_MS);
    const addedAt = await addAlerts(world, names, seed);
    const before = Date.now();
    while (world.hec.events.length === 0 || !allArrived(world, addedAt)) {
      if (Date.now() - before > 60_000) break;
      await sleep(100);
    }
    const peakMb = await peakOf(daemon.pid);
    return { ...delaysOf(world, addedAt), refusedCalls: refusedIn(world), flooded: floodedIn(world), peakMb };
  } finally {
    daemon.kill("SIGKILL");
    await daemon.ended;
    await world.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

async function writeConfig(world: World, folder: string, port: number): Promise<string> {
  const { clientId = "", clientSecret = "" } = world.tenants[0] ?? {};
  const path = join(folder, "alertferry.yaml");
  const config = {
    queue: { dataDir: join(folder, "data") },
    http: { port },
    clouds: { lab: world.cloud },
    defaults: {
      cloud: "lab",
      auth: { type: "client-secret", clientId, clientSecret },
      sources: ["graph_alerts"],
      sinks: ["splunk"],
      poll: { interval: values.interval, initialLookback: "1h" },
    },
    tenants: world.tenants.map(({ id, tenantId }) => ({ id, tenantId })),
    sinks: { splunk: { type: "splunk_hec", url: world.hec.listener.origin, token: world.hecToken } },
  };
  await writeFile(path, JSON.stringify(config));
  return path;
}

/** A steady trickle at healthy tenants by turns of chance. Returns when each alert became visible, ms. */
async function addAlerts(world: World, names: readonly string[], seed: string): Promise<Map<string, number>> {
  const random = randomFrom(seed, "trickle");
  const addedAt = new Map<string, number>();
  const startedAt = Date.now();
  for (let made = 0; made < MEASURED_S * PER_SECOND; made++) {
    await sleep(Math.max(0, startedAt + (made * 1000) / PER_SECOND - Date.now()));
    for (const { alertId } of world
      .tenant(names[random.whole(0, names.length - 1)] ?? "")
      .add("graph_alerts", 1))
      addedAt.set(alertId, Date.now());
  }
  return addedAt;
}

function allArrived(world: World, addedAt: ReadonlyMap<string, number>): boolean {
  const arrived = new Set(world.hec.events.map(({ fields }) => String(fields["alert_id"])));
  return [...addedAt.keys()].every((id) => arrived.has(id));
}

function delaysOf(world: World, addedAt: ReadonlyMap<string, number>) {
  const delays = new Map<string, number>();
  for (const { fields, receivedAt } of world.hec.events) {
    const id = String(fields["alert_id"]);
    const added = addedAt.get(id);
    if (added !== undefined && !delays.has(id)) delays.set(id, receivedAt - added);
  }
  const sorted = [...delays.values()].sort((a, b) => a - b);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return {
    ...{ p50: at(0.5), p99: at(0.99), longest: at(1) },
    samples: sorted.length,
    missing: addedAt.size - sorted.length,
  };
}

/** The tenant that is throttled on purpose does not count. */
function refusedIn(world: World): number {
  const counted = world.tenants.filter(({ id }) => id !== "throttled");
  return counted.reduce((sum, { graph }) => sum + (graph.statuses.get(429) ?? 0), 0);
}

function floodedIn(world: World): number {
  return world.hec.events.filter(({ fields }) => fields["tenant"] === "flooding").length;
}

async function peakOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Math.round(Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1000);
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

const kinds = { without: [] as Run[], with: [] as Run[] };
for (let turn = 1; turn <= Number(values.runs); turn++) {
  for (const kind of ["without", "with"] as const) {
    const run = await measure(kind === "with", `isolation-${turn}`);
    kinds[kind].push(run);
    say(
      `run ${turn} ${kind.padEnd(7)} the five: p50 ${run.p50} ms, p99 ${run.p99} ms, longest ${run.longest} ms of ${run.samples} alerts; ` +
        `${run.missing} missing, ${run.refusedCalls} calls refused, ${run.flooded} of the flood delivered, peak ${run.peakMb} MB`,
    );
  }
}
const p99 = {
  without: median(kinds.without.map((run) => run.p99)),
  with: median(kinds.with.map((run) => run.p99)),
};
const ratio = p99.with / p99.without;
const all = [...kinds.without, ...kinds.with];
const isRight = all.every(({ missing, refusedCalls }) => missing === 0 && refusedCalls === 0);
say(
  `median p99 of ${HEALTHY} tenants: ${p99.without} ms without the five, ${p99.with} ms with them, ratio ${ratio.toFixed(3)}`,
);
process.exit(isRight && ratio < 1.1 ? 0 : 1);

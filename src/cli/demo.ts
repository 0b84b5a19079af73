import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { loadConfig } from "../config/load.ts";
import { Daemon } from "../daemon/daemon.ts";
import { Duration } from "../net/options.ts";
import type { Snapshot } from "../pipeline/snapshot.ts";
import { startWorld, type World } from "../simulate/world.ts";
import { type Command, type ExitCode, type Io, type Options, textOption, UsageError } from "./command.ts";
import { drawFrame, type Moment, summary } from "./demo-view.ts";
import { VERSION } from "./version.ts";

const TENANTS = ["contoso", "fabrikam", "northwind", "tailspin", "woodgrove"];
const POLL_MS = 2000;
const FRAME_MS = 500;
/** Without a terminal a line now and then is enough. */
const LINE_MS = 5000;
/** When the traffic has stopped, all must have arrived within this time. */
const DRAIN_MS = 60_000;

export const demo: Command = {
  endsItself: true,
  summary:
    "Shows the whole thing with nothing to configure: simulated tenants, a real Redis, a simulated Splunk.",
  options: { for: { type: "string" }, rate: { type: "string" } },
  help: [
    "--for 60s     ends by itself after this time and prints the balance; default: until Ctrl-C",
    "--rate 40     new alerts and updates a second, over all tenants",
  ],
  async run(options, io) {
    const forMs = readDuration(options);
    const perSecond = readRate(options);
    const directory = await mkdtemp(join(tmpdir(), "alertferry-demo-"));
    const world = await startWorld({ tenants: TENANTS, quietBeforeUpdateMs: 5 * POLL_MS });
    const log = createWriteStream(join(directory, "daemon.log"));
    try {
      const configFile = join(directory, "alertferry.yaml");
      await writeFile(configFile, configFor(world, directory));
      const daemon = new Daemon(loadConfig(configFile), {
        version: VERSION,
        roles: { poll: true, deliver: true, http: true },
        logStream: log,
        logLevel: "info",
      });
      await daemon.start();
      io.out(`The daemon reads ${TENANTS.length} simulated tenants.`);
      io.out(`Status page ${daemon.url}/   health ${daemon.url}/readyz   metrics ${daemon.url}/metrics`);
      io.out(`Log    ${log.path}`);
      const done = await play(world, daemon, perSecond, forMs, io);
      await daemon.stop("end of the demo");
      return done;
    } finally {
      await world.close();
      log.end();
      await once(log, "close");
      await rm(directory, { recursive: true, force: true });
    }
  },
};

/** Lets alerts happen, shows them travel, and at the end waits until all have arrived. */
async function play(
  world: World,
  daemon: Daemon,
  perSecond: number,
  forMs: number,
  io: Io,
): Promise<ExitCode> {
  const traffic = world.traffic({
    perSecond,
    late: 0.1,
    updates: 0.2,
    sources: ["graph_alerts", "mde_alerts"],
  });
  const stopped = new AbortController();
  const view = show(world, daemon, io, stopped.signal);
  await Promise.race([
    io.stopped,
    ...(Number.isFinite(forMs) ? [sleep(forMs, undefined, { ref: false })] : []),
  ]);
  traffic.stop();
  const settled = await drained(world, daemon);
  stopped.abort();
  await view;
  for (const line of summary(world.balance(), await daemon.snapshot())) io.out(line);
  return settled ? 0 : 1;
}

/** True when the receiver has everything the sources held, once, and the ledger says the same. */
async function drained(world: World, daemon: Daemon): Promise<boolean> {
  for (const deadline = Date.now() + DRAIN_MS; Date.now() < deadline; await sleep(200)) {
    const { missing, awaited } = world.balance();
    if (missing.length + awaited === 0 && isAtRest(await daemon.snapshot())) {
      const { duplicates, altered, alien, crossed } = world.balance();
      return duplicates + altered + alien + crossed === 0;
    }
  }
  return false;
}

function isAtRest({ ledger }: Snapshot): boolean {
  return ledger.every(({ waiting, enqueued, delivered }) => waiting === 0 && enqueued === delivered);
}

async function show(world: World, daemon: Daemon, io: Io, signal: AbortSignal): Promise<void> {
  const startedAt = Date.now();
  let before: Moment | undefined;
  let drawn = 0;
  while (!signal.aborted) {
    const moment = {
      atMs: Date.now() - startedAt,
      snapshot: await daemon.snapshot(),
      balance: world.balance(),
    };
    const lines = drawFrame(moment, before);
    if (io.isTerminal) {
      // Up to the first line of the last frame, and clear from there on.
      if (drawn > 0) io.out(`\u001b[${drawn + 1}A\u001b[J`.trimEnd());
      for (const line of lines) io.out(line);
      drawn = lines.length;
    } else {
      io.out(lines.at(-1) ?? "");
    }
    before = moment;
    await sleep(io.isTerminal ? FRAME_MS : LINE_MS, undefined, { signal }).catch(() => undefined);
  }
}

function configFor(world: World, directory: string): string {
  // JSON is YAML, and needs no quoting rules of its own.
  return JSON.stringify({
    queue: { dataDir: join(directory, "data") },
    http: { port: 0 },
    clouds: { lab: world.cloud },
    defaults: {
      cloud: "lab",
      sources: ["graph_alerts", "mde_alerts"],
      sinks: ["splunk"],
      poll: { interval: `${POLL_MS}ms`, overlap: "1m", initialLookback: "10m" },
    },
    tenants: world.tenants.map(({ id, name, tenantId, clientId, clientSecret }) => ({
      id,
      name,
      tenantId,
      auth: { type: "client-secret", clientId, clientSecret },
    })),
    sinks: { splunk: { type: "splunk_hec", url: world.hec.listener.origin, token: world.hecToken } },
  });
}

function readDuration(options: Options): number {
  const text = textOption(options, "for");
  if (text === undefined) return Number.POSITIVE_INFINITY;
  const parsed = Duration.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new UsageError(`--for ${text} is no duration; write 30s or 5m.`);
}

function readRate(options: Options): number {
  const text = textOption(options, "rate") ?? "40";
  const rate = Number(text);
  if (rate > 0 && rate <= 5000) return rate;
  throw new UsageError(`--rate ${text} is no number of alerts a second between 0 and 5000.`);
}

import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Snapshot } from "../../src/pipeline/snapshot.ts";
import type { World } from "../../src/simulate/world.ts";
import { freePort, type Running, start, temporaryFolder } from "./processes.ts";
import { until } from "./until.ts";

/** The built program; `npm test` builds it first. */
export const PROGRAM = resolve("dist/main.js");

/** One line of the daemon's log. */
interface LogLine {
  readonly time: string;
  readonly level: string;
  readonly event: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface RunningDaemon extends Running {
  readonly url: string;
  log(): LogLine[];
  snapshot(): Promise<Snapshot>;
  /** The value of a metric's series, by its name without the prefix and its labels; 0 when there is none. */
  metric(name: string, labels?: Readonly<Record<string, string>>): Promise<number>;
}

type Settings = Readonly<Record<string, unknown>>;

/** A configuration for every tenant of the world; `more` is laid over it key by key. */
export function configFor(world: World, more: Settings = {}): Settings {
  return {
    clouds: { lab: world.cloud },
    defaults: {
      cloud: "lab",
      sources: ["graph_alerts"],
      sinks: ["splunk"],
      poll: { interval: "1s", overlap: "5m", initialLookback: "24h" },
      ...(more["defaults"] as Settings | undefined),
    },
    tenants: world.tenants.map(({ id, name, tenantId, clientId, clientSecret }) => ({
      id,
      name,
      tenantId,
      auth: { type: "client-secret", clientId, clientSecret },
    })),
    sinks: { splunk: { type: "splunk_hec", url: world.hec.listener.origin, token: world.hecToken } },
    ...Object.fromEntries(Object.entries(more).filter(([key]) => key !== "defaults")),
  };
}

/** Writes a configuration file; JSON is YAML. */
export async function writeConfig(config: Settings): Promise<string> {
  const file = join(await temporaryFolder(), "alertferry.yaml");
  await writeFile(file, JSON.stringify(config));
  return file;
}

/** Starts `alertferry run` and waits until it is ready. */
export function startDaemon(configFile: string, ...args: string[]): Promise<RunningDaemon> {
  return launch([PROGRAM, "run", "--config", configFile, ...args]);
}

/** Likewise, at the address that one before it had. */
export function startDaemonAgain(
  configFile: string,
  { url }: Pick<RunningDaemon, "url">,
): Promise<RunningDaemon> {
  return launch([PROGRAM, "run", "--config", configFile], Number(new URL(url).port));
}

/** Likewise, on a machine whose clock is ahead by so much. */
export function startSkewedDaemon(configFile: string, aheadMs: number): Promise<RunningDaemon> {
  const skew = `const real = Date; globalThis.Date = class extends real {
    constructor(...given) { given.length === 0 ? super(real.now() + ${aheadMs}) : super(...given); }
    static now() { return real.now() + ${aheadMs}; }
  };`;
  const preload = `data:text/javascript,${encodeURIComponent(skew)}`;
  return launch(["--import", preload, PROGRAM, "run", "--config", configFile]);
}

async function launch(args: readonly string[], at?: number): Promise<RunningDaemon> {
  const port = at ?? (await freePort());
  const running = start(process.execPath, args, { ALERTFERRY_TEST_PORT: String(port) });
  const url = `http://127.0.0.1:${port}`;
  const log = () =>
    running
      .out()
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as LogLine);
  await until("the daemon is ready", async () => {
    if (running.child.exitCode !== null)
      throw new Error(`The daemon ended at start: ${running.err()}${running.out()}`);
    return await fetch(`${url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  });
  return {
    ...running,
    url,
    log,
    snapshot: async () => (await (await fetch(`${url}/api/status`)).json()) as Snapshot,
    metric: async (name, labels = {}) =>
      readMetric(await (await fetch(`${url}/metrics`)).text(), name, labels),
  };
}

/** `http` of a configuration whose daemon is started by `startDaemon`. */
export const TEST_HTTP = { port: `\${env:ALERTFERRY_TEST_PORT}` };

function readMetric(text: string, name: string, labels: Readonly<Record<string, string>>): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  const line = text
    .split("\n")
    .find(
      (each) =>
        each.match(/^\w+/)?.[0] === `alertferry_${name}` && wanted.every((part) => each.includes(part)),
    );
  return line === undefined ? 0 : Number(line.split(" ").at(-1));
}

/** Runs a command of the built program to its end. */
export async function runCommand(
  configFile: string,
  ...args: string[]
): Promise<{ readonly code: number | NodeJS.Signals; readonly out: string; readonly err: string }> {
  const running = start(process.execPath, [PROGRAM, ...args, "--config", configFile], {
    ALERTFERRY_TEST_PORT: "0",
  });
  const code = await running.ended;
  return { code, out: running.out(), err: running.err() };
}

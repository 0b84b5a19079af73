import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Snapshot } from "../../src/pipeline/snapshot.ts";
import type { WorldTenant } from "../../src/simulate/tenant.ts";
import { startWorld, type World } from "../../src/simulate/world.ts";
import { type Child, freePort, newFolder, removeFolder, startChild } from "../chaos/children.ts";
import {
  type DaemonProcess,
  type LogLine,
  PROGRAM,
  type Settings,
  spawnDaemon,
  writeConfig,
} from "../chaos/daemon-process.ts";
import { openSyslogReceiver, type SyslogReceiver } from "../support/syslog-server.ts";
import { until } from "../support/until.ts";

const TENANTS = ["contoso", "fabrikam", "northwind", "tailspin"] as const;
/** The tenant whose secret expires. */
export const KEEPER = "fabrikam";
/** The daemon signs in again so often that it soon hears of a secret that has expired. */
const TOKEN_SECONDS = 4;

export interface DrillWishes {
  /** Laid over the configuration, key by key. */
  readonly more?: Settings;
  /** The value of `http.token`, where `more` sets one. */
  readonly token?: string;
}

/** A simulated world, a Redis, and the daemon between the two: everything that a drill breaks and mends. */
export interface DrillStage {
  readonly world: World;
  /** The receiver of the sink `qradar`; that of `splunk` is the world's own. */
  readonly syslog: SyslogReceiver;
  /** Of the daemon that stays through all of it. */
  readonly url: string;
  readonly configFile: string;
  /** Starts another process beside it. */
  joinReplica(): Promise<DaemonProcess>;
  /** Changes the secret that the configuration has for `KEEPER`. */
  changeSecret(value: string): Promise<void>;
  /** What all processes have logged, in the order of time. */
  log(): LogLine[];
  snapshot(): Promise<Snapshot>;
  metrics(): Promise<string>;
  /** Runs a command of the program. @returns what it prints. @throws when it fails. */
  command(...args: string[]): Promise<string>;
  /** Ends every process; leaves no file. */
  close(): Promise<void>;
}

/** Opens the stage with its daemon ready. Whoever opens it closes it, whatever happens. */
export async function openDrill({ more = {}, token }: DrillWishes = {}): Promise<DrillStage> {
  const folder = await newFolder();
  const world = await startWorld({
    tenants: TENANTS,
    apps: "per-tenant",
    limits: "none",
    tokenLifetimeSeconds: TOKEN_SECONDS,
  });
  const syslog = await openSyslogReceiver();
  const redis = await startRedisIn(folder);
  const keepSecret = await openVault(join(folder, "secrets"));
  const configFile = await writeConfig(folder, world, {
    queue: { redis: redis.url },
    sinks: sinksOf(world, syslog, await keepSecret("splunk", world.hecToken)),
    more: {
      tenants: await Promise.all(world.tenants.map((tenant) => settingsOf(tenant, keepSecret))),
      ...more,
    },
  });
  const processes: DaemonProcess[] = [];
  const joinReplica = async () => {
    const daemon = spawnDaemon(configFile);
    processes.push(daemon);
    await daemon.ready();
    return daemon;
  };
  const close = async () => {
    for (const child of [...processes.map((each) => each.child), redis.child]) {
      child.kill("SIGKILL");
      await child.ended;
    }
    await Promise.all([world.close(), syslog.close()]);
    await removeFolder(folder);
  };
  const main = await joinReplica().catch(async (cause: unknown) => {
    await close();
    throw cause;
  });
  const url = String(main.log().find(({ event }) => event === "daemon.started")?.["http"]);
  const ask = async (path: string) =>
    await fetch(
      `${url}${path}`,
      token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } },
    );
  return {
    world,
    syslog,
    url,
    configFile,
    joinReplica,
    changeSecret: async (value) => void (await keepSecret(KEEPER, value)),
    log: () =>
      processes
        .flatMap((each) => each.log())
        .sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0)),
    snapshot: async () => (await (await ask("/api/status")).json()) as Snapshot,
    metrics: async () => await (await ask("/metrics")).text(),
    async command(...args) {
      const child = startChild(process.execPath, [PROGRAM, ...args, "--config", configFile]);
      const code = await child.ended;
      if (code !== 0) throw new Error(`alertferry ${args.join(" ")} ended with ${code}: ${child.err()}`);
      return child.out();
    },
    close,
  };
}

async function startRedisIn(folder: string): Promise<{ readonly child: Child; readonly url: string }> {
  const port = await freePort();
  const child = startChild("redis-server", [
    ...["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "yes"],
  ]);
  await until("redis-server listens", () => child.out().includes("Ready to accept connections"));
  return { child, url: `redis://127.0.0.1:${port}` };
}

/** Keeps a secret in a file of its own. @returns how a configuration refers to it. */
type KeepSecret = (name: string, value: string) => Promise<string>;

async function openVault(folder: string): Promise<KeepSecret> {
  await mkdir(folder, { mode: 0o700 });
  return async (name, value) => {
    const file = join(folder, name);
    await writeFile(file, value, { mode: 0o600 });
    return `\${file:${file}}`;
  };
}

function sinksOf(world: World, syslog: SyslogReceiver, token: string): Settings {
  const retry = { minDelay: "100ms", maxDelay: "1s" };
  return {
    splunk: {
      type: "splunk_hec",
      url: world.hec.listener.origin,
      token,
      batch: { maxAlerts: 10 },
      retry,
    },
    qradar: {
      type: "syslog",
      host: "127.0.0.1",
      port: syslog.port,
      transport: "tcp",
      format: "raw",
      maxMessageBytes: "1MB",
      retry,
    },
  };
}

async function settingsOf(
  { id, name, tenantId, clientId, clientSecret }: WorldTenant,
  keepSecret: KeepSecret,
): Promise<Settings> {
  const secret = await keepSecret(id, clientSecret);
  return { id, name, tenantId, auth: { type: "client-secret", clientId, clientSecret: secret } };
}

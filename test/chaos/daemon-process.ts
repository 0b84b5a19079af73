import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Snapshot } from "../../src/pipeline/snapshot.ts";
import type { World } from "../../src/simulate/world.ts";
import { until } from "../support/until.ts";
import { type Child, startChild } from "./children.ts";

/** The built program. */
export const PROGRAM = resolve("dist/main.js");

export type Settings = Readonly<Record<string, unknown>>;

/** One line of a daemon's log. */
export interface LogLine {
  readonly time: string;
  readonly level: string;
  readonly event: string;
  readonly [field: string]: unknown;
}

export interface DaemonProcess {
  readonly child: Child;
  log(): LogLine[];
  /** Resolves when all of it is up. @throws when it ends instead. */
  ready(): Promise<void>;
  /** @throws when it cannot say. */
  status(): Promise<Snapshot>;
  /** The sum of a metric over all its labels, by its name without the prefix. @throws when it cannot say. */
  metric(name: string): Promise<number>;
}

/** @param nodeOptions stand before the program. */
export function spawnDaemon(configFile: string, nodeOptions: readonly string[] = []): DaemonProcess {
  const child = startChild(process.execPath, [...nodeOptions, PROGRAM, "run", "--config", configFile]);
  const log = () => linesOf(child.out());
  const started = () => log().find(({ event }) => event === "daemon.started");
  const url = () => String(started()?.["http"]);
  return {
    child,
    log,
    ready: () =>
      until("the daemon is ready", () => {
        if (!child.isAlive()) throw new Error(`The daemon ended at its start: ${child.err()}${child.out()}`);
        return started() !== undefined;
      }),
    status: async () => (await (await fetch(`${url()}/api/status`)).json()) as Snapshot,
    metric: async (name) => sumOf(name, await (await fetch(`${url()}/metrics`)).text()),
  };
}

function sumOf(name: string, text: string): number {
  return text
    .split("\n")
    .filter((line) => new RegExp(`^alertferry_${name}[{ ]`).test(line))
    .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

function linesOf(text: string): LogLine[] {
  return (
    text
      .split("\n")
      // The last line of a process that was killed may be cut.
      .filter((line) => line.startsWith("{") && line.endsWith("}"))
      .map((line) => JSON.parse(line) as LogLine)
  );
}

/** What a daemon is told; `sink` and `poll` are laid over settings that make a cell short. */
export interface DaemonWishes {
  readonly queue: Settings;
  readonly sink?: Settings;
  /** Instead of the one sink, by name; every tenant goes to all of them. */
  readonly sinks?: Settings;
  readonly poll?: Settings;
  readonly more?: Settings;
}

/** Writes the configuration for every tenant of the world. JSON is YAML. */
export async function writeConfig(folder: string, world: World, wishes: DaemonWishes): Promise<string> {
  const splunk = {
    type: "splunk_hec",
    url: world.hec.listener.origin,
    token: world.hecToken,
    timeout: "2s",
    retry: { minDelay: "100ms", maxDelay: "500ms" },
    ...wishes.sink,
  };
  const sinks = wishes.sinks ?? { splunk };
  const config = {
    queue: wishes.queue,
    http: { port: 0 },
    clouds: { lab: world.cloud },
    defaults: {
      cloud: "lab",
      sources: ["graph_alerts"],
      sinks: Object.keys(sinks),
      poll: { interval: "1s", overlap: "5m", initialLookback: "24h", pageSize: 25, ...wishes.poll },
    },
    tenants: world.tenants.map(({ id, name, tenantId, clientId, clientSecret }) => ({
      id,
      name,
      tenantId,
      auth: { type: "client-secret", clientId, clientSecret },
    })),
    sinks,
    ...wishes.more,
  };
  const file = join(folder, "alertferry.yaml");
  await writeFile(file, JSON.stringify(config));
  return file;
}

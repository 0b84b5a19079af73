import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Child, freePort, newFolder, removeFolder, startChild } from "../chaos/children.ts";
import { until } from "../support/until.ts";
import { descendantOf, figuresOf, type ProcessFigures } from "./process-figures.ts";
import type { ReceiverCommand, ReceiverReport } from "./receiver.ts";
import type { SourceCommand, SourcePlace, SourceReport, SourceWanted } from "./source.ts";

/** The simulated source and receiver, each in a process of its own. */
export interface Stage {
  readonly tenants: readonly string[];
  askSource(command: SourceCommand): Promise<SourceReport>;
  askReceiver(command: ReceiverCommand): Promise<ReceiverReport>;
  /** Writes a configuration for all tenants into a folder of its own. */
  configure(settings: StageSettings): Promise<Configured>;
  close(): Promise<void>;
}

export interface Configured {
  readonly path: string;
  readonly folder: string;
  readonly url: string;
}

export interface StageSettings {
  readonly poll?: object;
  /** Of every sink, all of which lead to the one receiver. */
  readonly sink?: object;
  readonly sinks?: readonly string[];
  readonly queue?: object;
}

export interface RunningDaemon {
  readonly child: Child;
  /** From the start of the process until it said that it is ready. */
  readonly readyMs: number;
  figures(): Promise<Figures>;
  end(signal?: NodeJS.Signals): Promise<void>;
}

/** Of the daemon; and of the Redis it has started, or else that was named. */
export interface Figures {
  readonly daemon: ProcessFigures;
  readonly redis: ProcessFigures;
}

const HERE = import.meta.dirname;
const PROGRAM = join(HERE, "../../dist/main.js");
/** Of the daemon and of the bare loop; the other side runs on the Node that runs the benchmark. */
export const NODE = process.env["ALERTFERRY_BENCH_NODE"] ?? process.execPath;
const READY_WITHIN_MS = 60_000;
const HEC_TOKEN = "5f3c1de8-0a53-4c0e-9d0a-3f2a7c1b9e55";

export async function openStage(wanted: SourceWanted): Promise<Stage> {
  const source = talkTo("source.ts", JSON.stringify(wanted));
  const receiver = talkTo("receiver.ts");
  const place = (await source.next()) as SourcePlace;
  const { origin } = (await receiver.next()) as { readonly origin: string };
  const folders: string[] = [];
  return {
    tenants: place.tenants.map(({ id }) => id),
    askSource: async (command) => (await source.ask(command)) as SourceReport,
    askReceiver: async (command) => (await receiver.ask(command)) as ReceiverReport,
    async configure({ poll, sink, sinks = ["splunk"], queue }) {
      const folder = await newFolder();
      folders.push(folder);
      const port = await freePort();
      const path = join(folder, "alertferry.yaml");
      const hec = { type: "splunk_hec", url: origin, token: HEC_TOKEN, ...sink };
      const config = {
        queue: { dataDir: join(folder, "data"), ...queue },
        http: { port },
        clouds: { lab: place.cloud },
        defaults: { cloud: "lab", sources: ["graph_alerts"], sinks, poll },
        tenants: place.tenants,
        sinks: Object.fromEntries(sinks.map((name) => [name, hec])),
      };
      await writeFile(path, JSON.stringify(config));
      return { path, folder, url: `http://127.0.0.1:${port}` };
    },
    async close() {
      source.end();
      receiver.end();
      await Promise.all(folders.map(removeFolder));
    },
  };
}

/** Starts a daemon and waits until it is ready. */
export async function startDaemon(config: Configured, redisPid?: number): Promise<RunningDaemon> {
  const startedAt = performance.now();
  const child = startChild(NODE, [PROGRAM, "run", "--config", config.path]);
  await until("the daemon is ready", () => isReady(config.url), READY_WITHIN_MS);
  const readyMs = Math.round(performance.now() - startedAt);
  return {
    child,
    readyMs,
    async figures() {
      const pid = redisPid ?? (await descendantOf(child.pid, "redis-server"));
      if (pid === undefined) throw new Error("The daemon has no Redis of its own.");
      const [daemon, redis] = await Promise.all([figuresOf(child.pid), figuresOf(pid)]);
      return { daemon, redis };
    },
    async end(signal = "SIGTERM") {
      child.kill(signal);
      await child.ended;
    },
  };
}

/** A Redis for daemons that share one, set up as the embedded one is. */
export async function startRedis(): Promise<{
  readonly url: string;
  readonly pid: number;
  end(): Promise<void>;
}> {
  const [port, folder] = [await freePort(), await newFolder()];
  const settings = {
    port,
    bind: "127.0.0.1",
    dir: folder,
    appendonly: "yes",
    appendfsync: "everysec",
    save: "",
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = startChild("redis-server", [...args, "--maxmemory-policy", "noeviction"]);
  await until("Redis listens", () => child.out().includes("Ready to accept connections"));
  return {
    url: `redis://127.0.0.1:${port}`,
    pid: child.pid,
    async end() {
      child.kill("SIGTERM");
      await child.ended;
      await removeFolder(folder);
    },
  };
}

/** How long the event loop was held up at most since this was asked last, ms. */
export async function heldUpMs({ url }: Configured): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^nodejs_eventloop_lag_max_seconds (\S+)/m.exec(text)?.[1]) * 1000;
}

async function isReady(url: string): Promise<boolean> {
  return await fetch(`${url}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  );
}

/** Runs the bare loop to its end. */
export async function runBare({ path }: Configured): Promise<{ readonly seconds: number }> {
  const child = startChild(NODE, ["--import", "tsx", join(HERE, "bare.ts"), path]);
  const code = await child.ended;
  if (code !== 0) throw new Error(`The bare loop ended with ${code}: ${child.err()}`);
  const { startedAt, endedAt } = JSON.parse(child.out()) as { startedAt: number; endedAt: number };
  return { seconds: (endedAt - startedAt) / 1000 };
}

/** A child that answers each line by a line. */
function talkTo(file: string, ...args: string[]) {
  const child = spawn(process.execPath, ["--import", "tsx", join(HERE, file), ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const killed = () => child.kill("SIGKILL");
  process.once("exit", killed);
  child.once("exit", () => process.off("exit", killed));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error(`${file} has ended.`);
    return JSON.parse(value);
  };
  return {
    next,
    ask(command: object): Promise<unknown> {
      child.stdin.write(`${JSON.stringify(command)}\n`);
      return next();
    },
    end: () => child.stdin.end(),
  };
}

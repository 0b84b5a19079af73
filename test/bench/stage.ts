import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Child, freePort, newFolder, removeFolder, startChild } from "../chaos/children.ts";
import { until } from "../support/until.ts";
import { descendantOf, figuresOf, type ProcessFigures } from "./process-figures.ts";
import type { ReceiverCommand, ReceiverReport } from "./receiver.ts";
import type { SourceCommand, SourcePlace, SourceReport, SourceWanted } from "./source.ts";

/** The simulated source and receiver, each in a process of its own, and daemons between them. */
export interface Stage {
  readonly source: SourcePlace;
  askSource(command: SourceCommand): Promise<SourceReport>;
  askReceiver(command: ReceiverCommand): Promise<ReceiverReport>;
  /** Writes a configuration for all tenants into a folder of its own. */
  configure(
    settings: StageSettings,
  ): Promise<{ readonly path: string; readonly folder: string; readonly url: string }>;
  close(): Promise<void>;
}

export interface StageSettings {
  readonly poll?: object;
  readonly sink?: object;
  /** Further sinks of the same kind, by name. */
  readonly sinks?: readonly string[];
  readonly queue?: object;
}

export interface RunningDaemon {
  readonly child: Child;
  readonly url: string;
  /** From the start of the process until it said that it is ready. */
  readonly readyMs: number;
  figures(): Promise<{ readonly daemon: ProcessFigures; readonly redis: ProcessFigures }>;
  end(signal?: NodeJS.Signals): Promise<void>;
}

const HERE = import.meta.dirname;
const PROGRAM = join(HERE, "../../dist/main.js");
/** Of the daemon and of the bare loop; the other side runs on the Node that runs the benchmark. */
export const NODE = process.env["ALERTFERRY_BENCH_NODE"] ?? process.execPath;
const READY_WITHIN_MS = 30_000;

export async function openStage(wanted: SourceWanted): Promise<Stage> {
  const source = talkTo("source.ts", JSON.stringify(wanted));
  const receiver = talkTo("receiver.ts");
  const place = (await source.next()) as SourcePlace;
  const { origin } = (await receiver.next()) as { readonly origin: string };
  const folders: string[] = [];
  return {
    source: place,
    askSource: async (command) => (await source.ask(command)) as SourceReport,
    askReceiver: async (command) => (await receiver.ask(command)) as ReceiverReport,
    async configure({ poll, sink, sinks = ["splunk"], queue }) {
      const folder = await newFolder();
      folders.push(folder);
      const port = await freePort();
      const path = join(folder, "alertferry.yaml");
      const hec = { type: "splunk_hec", url: origin, token: "5f3c1de8-0a53-4c0e-9d0a-3f2a7c1b9e55", ...sink };
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
export async function startDaemon(config: {
  readonly path: string;
  readonly url: string;
}): Promise<RunningDaemon> {
  const startedAt = performance.now();
  const child = startChild(NODE, [PROGRAM, "run", "--config", config.path]);
  await until("the daemon is ready", () => isReady(config.url), READY_WITHIN_MS);
  const readyMs = Math.round(performance.now() - startedAt);
  let redisPid: number | undefined;
  return {
    child,
    url: config.url,
    readyMs,
    async figures() {
      redisPid ??= await descendantOf(child.pid, "redis-server");
      if (redisPid === undefined) throw new Error("The daemon has no Redis of its own.");
      const [daemon, redis] = await Promise.all([figuresOf(child.pid), figuresOf(redisPid)]);
      return { daemon, redis };
    },
    async end(signal = "SIGTERM") {
      child.kill(signal);
      await child.ended;
    },
  };
}

async function isReady(url: string): Promise<boolean> {
  return await fetch(`${url}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  );
}

/** Runs the bare loop to its end. */
export async function runBare(config: { readonly path: string }): Promise<{
  readonly seconds: number;
  readonly startedAt: number;
}> {
  const child = startChild(NODE, ["--import", "tsx", join(HERE, "bare.ts"), config.path]);
  const code = await child.ended;
  if (code !== 0) throw new Error(`The bare loop ended with ${code}: ${child.err()}`);
  const { startedAt, endedAt } = JSON.parse(child.out()) as { startedAt: number; endedAt: number };
  return { startedAt, seconds: (endedAt - startedAt) / 1000 };
}

/** A child that answers each line by a line. */
function talkTo(file: string, ...args: string[]) {
  const child = spawn(process.execPath, ["--import", "tsx", join(HERE, file), ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  process.once("exit", () => child.kill("SIGKILL"));
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

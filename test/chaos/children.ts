import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A process that the harness started. */
export interface Child {
  readonly pid: number;
  readonly out: () => string;
  readonly err: () => string;
  /** Hears every chunk of standard output from now on. */
  onOutput(listener: () => void): void;
  /** Only ever sent to the process that was started, and never after its end. */
  kill(signal: NodeJS.Signals): void;
  /** Resolves with the exit code, or with the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  readonly isAlive: () => boolean;
}

const alive = new Set<ChildProcess>();

// Whatever ends the harness, what it started ends with it.
process.once("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

export function startChild(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Child {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
  alive.add(child);
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
  const isAlive = () => child.exitCode === null && child.signalCode === null;
  const ended = new Promise<number | NodeJS.Signals>((done, fail) => {
    child.once("error", fail);
    child.once("close", (code, signal) => {
      alive.delete(child);
      done(code ?? signal ?? -1);
    });
  });
  return {
    pid: child.pid ?? 0,
    out: () => Buffer.concat(out).toString(),
    err: () => Buffer.concat(err).toString(),
    onOutput: (listener) => child.stdout.on("data", listener),
    kill: (signal) => {
      if (isAlive()) child.kill(signal);
    },
    ended,
    isAlive,
  };
}

export function newFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), "alertferry-chaos-"));
}

export function removeFolder(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 });
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const address = server.address();
  await new Promise((closed) => server.close(closed));
  if (address === null || typeof address === "string") throw new Error("No port was given.");
  return address.port;
}

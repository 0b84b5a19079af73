import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants, existsSync, mkdirSync, unlinkSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { StartupError } from "../model/failure.ts";

export interface EmbeddedSettings {
  readonly dataDir: string;
  /** Path of a redis-server or valkey-server; looked up in PATH when absent. */
  readonly redisServer?: string | undefined;
  readonly appendfsync: "everysec" | "always";
}

/** Kernels keep 108 bytes for the path of a unix socket, macOS 104. */
const LONGEST_SOCKET_PATH = 100;
const START_TIMEOUT_MS = 15_000;
const STOP_TIMEOUT_MS = 10_000;
const RESTART_PAUSE_MS = { first: 200, most: 5000 };

const SHELL = "/bin/sh";

/**
 * Starts redis-server and lets it die with us, whatever ends us: the shell that holds it reads from a pipe of ours,
 * and when that closes, by our exit or by `kill -9`, it ends Redis in good order. Our image has no shell and needs none
 * for it: with the first process of a container the kernel ends all others.
 */
const SUPERVISED = `exec 3<&0
"$0" "$@" </dev/null 3<&- &
redis=$!
{ cat <&3 >/dev/null; kill -TERM $redis; } 2>/dev/null &
exec 3<&-
trap '' TERM INT HUP
wait $redis`;

/**
 * A redis-server of our own, kept in `dataDir` and reached over a unix socket. States: *starting* until it answers,
 * *running*, *restarting* when it died by itself (clients reconnect by themselves), *stopped*.
 */
export class EmbeddedRedis {
  readonly socketPath: string;
  readonly #settings: EmbeddedSettings;
  readonly #onRestart: (reason: string) => void;
  #lock: Server | undefined;
  #child: ChildProcess | undefined;
  #stopping = false;

  /** @param onRestart is told when Redis had died and is started again. */
  constructor(settings: EmbeddedSettings, onRestart: (reason: string) => void) {
    this.#settings = { ...settings, dataDir: resolve(settings.dataDir) };
    this.#onRestart = onRestart;
    this.socketPath = socketIn(this.#settings.dataDir, "redis.sock");
  }

  /** @throws StartupError when there is no redis-server, or the directory is in use or not writable. */
  async start(): Promise<void> {
    const { dataDir } = this.#settings;
    const program = findRedisServer(this.#settings.redisServer);
    try {
      mkdirSync(dataDir, { recursive: true, mode: 0o700 });
      accessSync(dataDir, constants.W_OK);
    } catch (cause) {
      throw new StartupError(
        `queue.dataDir ${dataDir} is not writable; name another folder or mend its owner.`,
        {
          cause,
        },
      );
    }
    this.#lock = await lockDirectory(dataDir);
    // The Redis of a daemon that was killed ends by itself; two must not write one append-only file.
    await until(async () => !(await answers(this.socketPath)), STOP_TIMEOUT_MS);
    this.#spawn(program, RESTART_PAUSE_MS.first);
    const up = await until(() => answers(this.socketPath), START_TIMEOUT_MS);
    if (!up)
      throw new StartupError(`${program} did not start in ${dataDir}; see ${join(dataDir, "redis.log")}.`);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const gone = new Promise<void>((done) => child.once("exit", () => done()));
      // Each heeds one of the two: the shell the closed pipe, a Redis without one the signal.
      child.stdin?.end();
      if (!existsSync(SHELL)) child.kill("SIGTERM");
      const inTime = await Promise.race([
        gone.then(() => true),
        sleep(STOP_TIMEOUT_MS, false, { ref: false }),
      ]);
      if (!inTime && child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    }
    const lock = this.#lock;
    if (lock !== undefined) await new Promise<void>((done) => lock.close(() => done()));
  }

  #spawn(program: string, pauseMs: number): void {
    const startedAt = Date.now();
    const args = redisArguments(this.#settings, this.socketPath);
    // A group of its own: an interrupt typed at the terminal is ours to handle, Redis ends last.
    const how = { stdio: ["pipe", "ignore", "ignore"], detached: true } satisfies SpawnOptions;
    const child = existsSync(SHELL)
      ? spawn(SHELL, ["-c", SUPERVISED, program, ...args], how)
      : spawn(program, args, how);
    // Writing to a shell that just died is no news; its exit is.
    child.stdin?.on("error", () => undefined);
    child.once("exit", (code, signal) => {
      if (this.#stopping) return;
      // The group of a shell holds the reader of the pipe still.
      child.stdin?.destroy();
      this.#onRestart(`redis-server ended with ${signal ?? code}`);
      const next =
        Date.now() - startedAt > 60_000
          ? RESTART_PAUSE_MS.first
          : Math.min(pauseMs * 2, RESTART_PAUSE_MS.most);
      setTimeout(() => !this.#stopping && this.#spawn(program, next), pauseMs);
    });
    this.#child = child;
  }
}

function redisArguments(settings: EmbeddedSettings, socketPath: string): string[] {
  return Object.entries({
    port: "0",
    unixsocket: socketPath,
    unixsocketperm: "600",
    dir: settings.dataDir,
    logfile: "redis.log",
    daemonize: "no",
    appendonly: "yes",
    appendfsync: settings.appendfsync,
    save: "",
    "maxmemory-policy": "noeviction",
  }).flatMap(([key, value]) => [`--${key}`, value]);
}

function findRedisServer(configured: string | undefined): string {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const candidates =
    configured === undefined
      ? ["redis-server", "valkey-server"].flatMap((name) => folders.map((folder) => join(folder, name)))
      : [configured];
  const found = candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (found !== undefined) return found;
  throw new StartupError(
    configured === undefined
      ? "No redis-server or valkey-server is in PATH. Install one (Debian: apt-get install redis-server), or set queue.redis to one that runs."
      : `queue.redisServer ${configured} is not an executable file.`,
  );
}

/**
 * The lock is a socket that we listen on: the kernel lets go of it however we end, it holds across containers that
 * share the directory, and no process number can be mistaken for ours.
 */
async function lockDirectory(dataDir: string): Promise<Server> {
  const path = socketIn(dataDir, "daemon.lock");
  for (let tries = 0; tries < 3; tries++) {
    const nonce = `${process.pid}.${Math.random()}`;
    const server = await listen(path, nonce);
    if (server !== undefined) {
      // Two that found the same dead lock at once may both have replaced it; the path tells who was last.
      if ((await readFrom(path)) === nonce) return server.unref();
      server.close();
    } else if ((await readFrom(path)) !== undefined) {
      break;
    } else if (existsSync(path)) {
      unlinkSync(path);
    }
  }
  throw new StartupError(
    `Another alertferry uses queue.dataDir ${dataDir}. Stop it, or give this one a folder of its own.`,
  );
}

function listen(path: string, nonce: string): Promise<Server | undefined> {
  const server = createServer((socket) => socket.on("error", () => undefined).end(nonce));
  return new Promise((done, fail) => {
    server.once("error", (cause: NodeJS.ErrnoException) =>
      cause.code === "EADDRINUSE" ? done(undefined) : fail(cause),
    );
    server.listen(path, () => done(server));
  });
}

/** What the holder of a socket says; undefined when nobody listens there. */
function readFrom(path: string): Promise<string | undefined> {
  return new Promise((done) => {
    let said = "";
    const socket = connect(path);
    socket.setEncoding("utf8");
    socket.on("data", (chunk) => {
      said += chunk;
    });
    socket.once("error", () => done(undefined));
    socket.once("end", () => done(said));
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(path, () => socket.write("PING\r\n"));
    socket.setTimeout(1000, () => socket.destroy());
    socket.once("data", (reply) => {
      socket.destroy();
      done(String(reply).startsWith("+PONG"));
    });
    socket.once("error", () => done(false));
    socket.once("close", () => done(false));
  });
}

async function until(condition: () => Promise<boolean>, timeoutMs: number): Promise<boolean> {
  for (const deadline = Date.now() + timeoutMs; Date.now() < deadline; ) {
    if (await condition()) return true;
    await sleep(25);
  }
  return false;
}

/** A socket in the directory, or, where that path is too long for a socket, one in the system's folder for such. */
/** The socket of the embedded Redis of a daemon that runs now; undefined when none does. */
export async function socketOfRunning({
  dataDir,
}: Pick<EmbeddedSettings, "dataDir">): Promise<string | undefined> {
  const path = socketIn(resolve(dataDir), "redis.sock");
  return (await answers(path)) ? path : undefined;
}

function socketIn(dataDir: string, name: string): string {
  const path = join(dataDir, name);
  if (Buffer.byteLength(path) <= LONGEST_SOCKET_PATH) return path;
  const digest = createHash("sha256").update(path).digest("hex").slice(0, 16);
  return join(tmpdir(), `alertferry-${digest}.${name.split(".").at(-1) ?? "sock"}`);
}

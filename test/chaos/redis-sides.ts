import { readFileSync } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Redis } from "ioredis";
import { until } from "../support/until.ts";
import { type Child, freePort, startChild } from "./children.ts";
import type { Settings } from "./daemon-process.ts";
import { type Address, RedisRelay } from "./redis-relay.ts";

/** The journal of a Redis that has not written it anew yet. */
const JOURNAL = join("appendonlydir", "appendonly.aof.1.incr.aof");

export type RedisKind = "embedded" | "external";

/** A Redis whose traffic passes a relay, so that it can be watched and cut at any command. */
export interface RedisSide {
  readonly kind: RedisKind;
  readonly relay: RedisRelay;
  /** What goes under `queue` in the configuration of a daemon. */
  readonly queue: Settings;
  /** `kill -9` of redis-server, in this very tick. */
  kill(): void;
  /** Sends redis-server a signal in this very tick. */
  signal(signal: NodeJS.Signals): void;
  /** Resolves when redis-server has ended after `kill`. */
  gone(): Promise<void>;
  /** The file that Redis writes down what it does. */
  readonly journal: string;
  /** Resolves when it answers again: an external one is started here, an embedded one by its daemon. */
  back(): Promise<void>;
  /** Asks Redis itself, past the relay. */
  ask<Answer>(question: (redis: Redis) => Promise<Answer>): Promise<Answer>;
  close(): Promise<void>;
}

/** @param dataDir of the embedded one; default a folder of its own. */
export async function openRedisSide(kind: RedisKind, folder: string, dataDir?: string): Promise<RedisSide> {
  return kind === "external" ? openExternal(folder) : openEmbedded(folder, dataDir ?? join(folder, "data"));
}

/** A redis-server of the harness on loopback, kept in the folder, as durable as the embedded one. */
async function openExternal(folder: string): Promise<RedisSide> {
  const [front, port] = [await freePort(), await freePort()];
  const relay = new RedisRelay({ port: front }, { port });
  const startServer = async (): Promise<Child> => {
    const child = startChild("redis-server", [
      ...["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""],
      ...["--appendonly", "yes", "--appendfsync", "everysec"],
    ]);
    await until("redis-server is ready", () => child.out().includes("Ready to accept connections"));
    return child;
  };
  let server = await startServer();
  await relay.open();
  return {
    kind: "external",
    relay,
    queue: { redis: `redis://127.0.0.1:${front}` },
    kill: () => server.kill("SIGKILL"),
    signal: (signal) => server.kill(signal),
    gone: async () => {
      await server.ended;
    },
    journal: join(folder, JOURNAL),
    back: async () => {
      await server.ended;
      server = await startServer();
    },
    ask: (question) => askAt({ port }, question),
    close: async () => {
      await relay.close();
      server.kill("SIGKILL");
      await server.ended;
    },
  };
}

/**
 * The daemon's own redis-server. The daemon is told of a program that starts it behind another socket than it was
 * told, and the relay listens where the daemon looks for it.
 */
async function openEmbedded(folder: string, dataDir: string): Promise<RedisSide> {
  const program = join(folder, "redis-server");
  const socket = join(folder, "behind.sock");
  const pidFile = join(folder, "redis.pid");
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await writeFile(
    program,
    `#!/bin/sh\necho $$ > '${pidFile}'\nexec redis-server "$@" --unixsocket '${socket}'\n`,
  );
  await chmod(program, 0o700);
  const relay = new RedisRelay({ path: join(dataDir, "redis.sock") }, { path: socket });
  await relay.open();
  const signal = (name: NodeJS.Signals) => {
    process.kill(Number(readFileSync(pidFile, "utf8")), name);
  };
  const side: RedisSide = {
    kind: "embedded",
    relay,
    queue: { dataDir, redisServer: program },
    kill: () => signal("SIGKILL"),
    signal,
    gone: () => until("the embedded Redis is gone", () => !exists(Number(readFileSync(pidFile, "utf8")))),
    journal: join(dataDir, JOURNAL),
    back: () => until("the embedded Redis is back", () => side.ask((redis) => redis.ping()).then(isPong, no)),
    ask: (question) => askAt({ path: socket }, question),
    close: () => relay.close(),
  };
  return side;
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const isPong = (reply: string) => reply === "PONG";
const no = () => false;

/** @throws when nobody listens there. */
async function askAt<Answer>(address: Address, question: (redis: Redis) => Promise<Answer>): Promise<Answer> {
  const redis = new Redis({
    ...address,
    lazyConnect: true,
    retryStrategy: () => null,
    replyMapping: "legacy",
  });
  redis.on("error", () => undefined);
  try {
    await redis.connect();
    return await question(redis);
  } finally {
    redis.disconnect();
  }
}

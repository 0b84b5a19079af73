import { Redis, type RedisOptions } from "ioredis";
import { StartupError } from "../model/failure.ts";
import { hide } from "../model/secrets.ts";
import { EmbeddedRedis, type EmbeddedSettings, socketOfRunning } from "./embedded-redis.ts";
import { RedisRestarted } from "./fence.ts";

export interface RedisSettings extends EmbeddedSettings {
  /** `redis://` or `rediss://`; absent: an embedded one. */
  readonly redis?: string | undefined;
}

/** Where Redis is, and how to connect. Workers and the store each open connections of their own. */
export interface RedisPlace {
  readonly options: RedisOptions;
  /** How it is called in a sentence; never with a password. */
  readonly name: string;
  stop(): Promise<void>;
}

export type RedisConnection = Redis;

const CONNECT_TIMEOUT_MS = 15_000;
/** BullMQ's scripts need Redis 6.2 or newer. */
const OLDEST_REDIS = [6, 2] as const;

/** @throws StartupError */
export async function openRedis(
  settings: RedisSettings,
  onRestart: (reason: string) => void,
): Promise<RedisPlace> {
  if (settings.redis !== undefined) return externalRedis(settings.redis);
  const embedded = new EmbeddedRedis(settings, onRestart);
  try {
    await embedded.start();
  } catch (cause) {
    await embedded.stop();
    throw cause;
  }
  return { options: { path: embedded.socketPath }, name: "the embedded Redis", stop: () => embedded.stop() };
}

/**
 * The Redis that a running daemon uses: the external one, or the embedded one over its socket. Where no daemon runs
 * the embedded one is started for as long as the caller needs it.
 *
 * @throws StartupError
 */
export async function joinRedis(settings: RedisSettings): Promise<RedisPlace> {
  const path = settings.redis === undefined ? await socketOfRunning(settings) : undefined;
  if (path === undefined) return await openRedis(settings, () => undefined);
  return { options: { path }, name: "the embedded Redis", stop: async () => undefined };
}

/** @param url `redis://user:password@host:6379/0`, or `rediss://` for TLS. */
export function externalRedis(url: string): RedisPlace {
  return { options: parseRedisUrl(url), name: `Redis at ${new URL(url).host}`, stop: async () => undefined };
}

/**
 * Whether Redis is there and refuses, its reason in capitals first (`OOM …`, `READONLY …`, `MISCONF …`), or is there
 * again and may have forgotten something.
 */
export function isTroubleOfRedis(cause: unknown): cause is Error {
  return cause instanceof Error && (cause.name === "ReplyError" || cause instanceof RedisRestarted);
}

/** A proxy may lead to another Redis without closing the connection. */
const ID_KNOWN_MS = 10_000;
const knownIds = new WeakMap<Redis, { readonly id: string; readonly untilMs: number }>();

/**
 * Names a Redis from one start to the next: `run_id` of INFO.
 *
 * @param redis of `connectRedis`, which has it asked again after the connection was lost.
 */
export async function redisIdOf(redis: Redis): Promise<string> {
  const known = knownIds.get(redis);
  if (known !== undefined && performance.now() < known.untilMs) return known.id;
  const id = /^run_id:(\w+)/m.exec(await redis.info("server"))?.[1] ?? "";
  knownIds.set(redis, { id, untilMs: performance.now() + ID_KNOWN_MS });
  return id;
}

/** A connection that keeps trying for ever, and whose commands wait until it is there again. */
export function connectRedis(place: RedisPlace, onError: (error: Error) => void): Redis {
  const options: RedisOptions = {
    ...place.options,
    maxRetriesPerRequest: null,
    retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 6), 2000),
  };
  const redis = new Redis({ ...options, replyMapping: "legacy" });
  redis.on("error", onError);
  redis.on("close", () => knownIds.delete(redis));
  return redis;
}

/**
 * Proves that this Redis is fit to hold alerts: reachable, new enough, and not throwing keys away when it is full.
 *
 * @returns a warning when it keeps nothing on disk.
 * @throws StartupError
 */
export async function checkRedis(redis: Redis, place: RedisPlace): Promise<string | undefined> {
  const info = await infoOf(redis, place);
  const version = (info.get("redis_version") ?? "0").split(".").map(Number);
  const [major = 0, minor = 0] = version;
  if (major < OLDEST_REDIS[0] || (major === OLDEST_REDIS[0] && minor < OLDEST_REDIS[1])) {
    throw new StartupError(
      `${place.name} is Redis ${major}.${minor}; alertferry needs ${OLDEST_REDIS.join(".")} or newer.`,
    );
  }
  const policy = info.get("maxmemory_policy") ?? "noeviction";
  if (policy !== "noeviction") {
    throw new StartupError(
      `${place.name} has maxmemory-policy ${policy} and would throw waiting alerts away when it is full. Set it to noeviction.`,
    );
  }
  if (info.get("aof_enabled") === "0") {
    return `${place.name} has no append-only file: alerts that wait are lost when it restarts. Set appendonly yes.`;
  }
  return undefined;
}

async function infoOf(redis: Redis, place: RedisPlace): Promise<Map<string, string>> {
  const { promise, resolve } = promiseWithTimeout(CONNECT_TIMEOUT_MS);
  redis
    .info()
    .then(resolve, (cause: unknown) => resolve(cause instanceof Error ? cause : new Error(String(cause))));
  const reply = await promise;
  if (reply === undefined) {
    throw new StartupError(`${place.name} does not answer. Is it running, and is queue.redis right?`);
  }
  if (reply instanceof Error) {
    const words = hide(reply.message, [place.options.password ?? ""]);
    throw new StartupError(`${place.name} refuses us: ${words}`);
  }
  return new Map(
    reply.split("\r\n").map((line): [string, string] => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1)];
    }),
  );
}

function promiseWithTimeout(ms: number) {
  let resolve: (reply: string | Error | undefined) => void = () => undefined;
  const promise = new Promise<string | Error | undefined>((done) => {
    resolve = done;
  });
  const timer = setTimeout(() => resolve(undefined), ms);
  return { promise: promise.finally(() => clearTimeout(timer)), resolve };
}

function parseRedisUrl(url: string): RedisOptions {
  const { protocol, hostname, port, username, password, pathname } = new URL(url);
  const db = Number(pathname.slice(1) || 0);
  return {
    host: hostname.replace(/^\[|\]$/g, ""),
    port: port === "" ? 6379 : Number(port),
    ...(username === "" ? {} : { username: decodeURIComponent(username) }),
    ...(password === "" ? {} : { password: decodeURIComponent(password) }),
    ...(Number.isInteger(db) ? { db } : {}),
    ...(protocol === "rediss:" ? { tls: { servername: hostname } } : {}),
  };
}

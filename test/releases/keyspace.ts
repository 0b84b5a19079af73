import type { Redis } from "ioredis";

/**
 * The keys of a Redis as commands that any Redis since 6.2 takes, one JSON array a line. A dump of Redis itself is
 * refused by every server older than the one that wrote it, and nobody can read in a review what it holds.
 */
type Word = string | { readonly base64: string };

/** An element of an answer; a member and its score come as a pair. */
type Reply = Buffer | readonly (Buffer | number)[];

const SCAN_COUNT = 1000;

/** @returns the commands in the order of their keys. BullMQ's streams of events are left out: nobody reads them again. */
export async function readKeyspace(redis: Redis): Promise<string[]> {
  const commands: Word[][] = [];
  for (const key of (await allKeys(redis)).sort()) {
    const command = await commandFor(redis, key);
    if (command === undefined) continue;
    commands.push(command);
    const ttlMs = await redis.pttl(key);
    if (ttlMs > 0) commands.push(["PEXPIRE", key, String(ttlMs)]);
  }
  return commands.map((command) => JSON.stringify(command));
}

/** Runs the commands. What had an end then has as long to live again from now on. */
export async function writeKeyspace(redis: Redis, lines: readonly string[]): Promise<void> {
  for (const line of lines) {
    const [name = "", ...words] = JSON.parse(line) as Word[];
    await redis.call(String(name), ...words.map(bytesOf));
  }
}

function bytesOf(word: Word): string | Buffer {
  return typeof word === "string" ? word : Buffer.from(word.base64, "base64");
}

function wordOf(bytes: Buffer | number): Word {
  if (typeof bytes === "number") return String(bytes);
  const text = bytes.toString("utf8");
  return Buffer.from(text).equals(bytes) ? text : { base64: bytes.toString("base64") };
}

async function allKeys(redis: Redis): Promise<string[]> {
  const keys = new Set<string>();
  let cursor = "0";
  do {
    const [next, found] = await redis.scan(cursor, "COUNT", SCAN_COUNT);
    for (const key of found) keys.add(key);
    cursor = next;
  } while (cursor !== "0");
  return [...keys];
}

async function commandFor(redis: Redis, key: string): Promise<Word[] | undefined> {
  const type = await redis.type(key);
  const words = async (command: string, ...args: string[]): Promise<Word[]> =>
    ((await redis.callBuffer(command, key, ...args)) as Reply[]).flat().map(wordOf);
  switch (type) {
    case "string":
      return ["SET", key, wordOf((await redis.getBuffer(key)) ?? Buffer.alloc(0))];
    case "hash":
      return ["HSET", key, ...(await words("HGETALL"))];
    case "set":
      return ["SADD", key, ...(await words("SMEMBERS"))];
    case "list":
      return ["RPUSH", key, ...(await words("LRANGE", "0", "-1"))];
    case "zset":
      return ["ZADD", key, ...scoresFirst(await words("ZRANGE", "0", "-1", "WITHSCORES"))];
    case "stream":
      return undefined;
    default:
      throw new Error(`${key} is a ${type}, which is not frozen yet.`);
  }
}

/** Redis answers with the member before its score and asks for it behind. */
function scoresFirst(words: readonly Word[]): Word[] {
  return words.flatMap((word, index) => (index % 2 === 0 ? [words[index + 1] ?? "0", word] : []));
}

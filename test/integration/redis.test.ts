import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { checkRedis, connectRedis, externalRedis, openRedis, redisIdOf } from "../../src/queue/connection.ts";
import { EmbeddedRedis } from "../../src/queue/embedded-redis.ts";
import { afterTest, freePort, start, temporaryFolder } from "../support/processes.ts";
import { startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";

async function check(url: string): Promise<string | undefined> {
  const place = externalRedis(url);
  const redis = connectRedis(place, () => undefined);
  afterTest(async () => redis.disconnect());
  return await checkRedis(redis, place);
}

async function startEmbedded(dataDir: string, restarts: string[] = []): Promise<EmbeddedRedis> {
  const embedded = new EmbeddedRedis({ dataDir, redisServer: undefined, appendfsync: "everysec" }, (reason) =>
    restarts.push(reason),
  );
  afterTest(() => embedded.stop());
  await embedded.start();
  return embedded;
}

function client(embedded: EmbeddedRedis) {
  const redis = connectRedis(
    { options: { path: embedded.socketPath }, name: "test", stop: async () => undefined },
    () => undefined,
  );
  afterTest(async () => redis.disconnect());
  return redis;
}

const pidOf = async (redis: ReturnType<typeof client>) =>
  Number(/process_id:(\d+)/.exec(await redis.info("server"))?.[1]);

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("an external Redis", () => {
  it("is fit when it keeps everything and writes it down", async () => {
    const { url } = await startRedis();

    expect(await check(url)).toBeUndefined();
  });

  it("is refused when it would throw waiting alerts away", async () => {
    const { url } = await startRedis("--maxmemory-policy", "allkeys-lru", "--maxmemory", "100mb");

    await expect(check(url)).rejects.toThrow("maxmemory-policy allkeys-lru");
  });

  it("draws a warning when it keeps nothing on disk", async () => {
    const { url } = await startRedis("--appendonly", "no");

    expect(await check(url)).toContain("has no append-only file");
  });

  it("is reported by its own words when it refuses us, without the password", async () => {
    const { url } = await startRedis("--requirepass", "the-right-one");

    const failure = check(url.replace("redis://", "redis://:a-wrong-one@"));

    await expect(failure).rejects.toThrow(/refuses us: .*(NOAUTH|WRONGPASS)/);
    await expect(failure).rejects.not.toThrow("a-wrong-one");
  });

  it("is reported when nothing listens there", async () => {
    await expect(check(`redis://127.0.0.1:${await freePort()}`)).rejects.toThrow(
      "does not answer. Is it running",
    );
  });
});

describe("the embedded Redis", () => {
  it("keeps what it was given over a stop and a start", async () => {
    const dataDir = await temporaryFolder();
    const first = await startEmbedded(dataDir);
    await client(first).set("key", "value");
    await first.stop();

    const second = await startEmbedded(dataDir);

    expect(await client(second).get("key")).toBe("value");
    expect(await client(second).config("GET", "maxmemory-policy")).toContain("noeviction");
  });

  it("is started again when it dies, and clients go on", async () => {
    const restarts: string[] = [];
    const embedded = await startEmbedded(await temporaryFolder(), restarts);
    const redis = client(embedded);
    await redis.set("key", "value");
    await until("the append-only file has it", async () =>
      /aof_pending_bio_fsync:0/.test(await redis.info("persistence")),
    );

    process.kill(await pidOf(redis), "SIGKILL");

    await until("it was started again", () => restarts.length > 0);
    await until("it has what it had", async () => (await redis.get("key")) === "value");
  });

  it("is known as another one after each death, also one while its name is asked for", async () => {
    const restarts: string[] = [];
    const redis = client(await startEmbedded(await temporaryFolder(), restarts));
    const first = await redisIdOf(redis);
    const pid = await pidOf(redis);
    const now = performance.now() + 60_000;
    const clock = vi.spyOn(performance, "now").mockReturnValueOnce(now);

    process.kill(pid, "SIGSTOP");
    const asked = redisIdOf(redis);
    process.kill(pid, "SIGKILL");
    const second = await asked;
    clock.mockRestore();
    process.kill(await pidOf(redis), "SIGKILL");
    await until("it was started again twice", () => restarts.length === 2);
    await until("it answers", async () => (await redis.ping()) === "PONG");

    expect(new Set([first, second, await redisIdOf(redis)]).size).toBe(3);
  });

  it("dies with its parent, whatever ends that", async () => {
    const dataDir = await temporaryFolder();
    const script = join(dataDir, "parent.ts");
    writeFileSync(
      script,
      `import { EmbeddedRedis } from ${JSON.stringify(join(process.cwd(), "dist/queue/embedded-redis.js"))};
       const settings = { dataDir: ${JSON.stringify(join(dataDir, "data"))}, redisServer: undefined, appendfsync: "everysec" };
       await new EmbeddedRedis(settings, () => {}).start();
       console.log("started");
       setInterval(() => {}, 1000);`,
    );
    const parent = start(process.execPath, [
      "--input-type=module",
      "--eval",
      (await import("node:fs")).readFileSync(script, "utf8"),
    ]);
    await until("the parent has started it", () => parent.out().includes("started"));
    const embeddedSocket = new EmbeddedRedis(
      { dataDir: join(dataDir, "data"), redisServer: undefined, appendfsync: "everysec" },
      () => undefined,
    );
    const pid = await pidOf(client(embeddedSocket));

    parent.child.kill("SIGKILL");

    await until("redis-server is gone", () => !isAlive(pid));
  });

  it("refuses a directory that another daemon uses, and takes one that was left by a killed one", async () => {
    const dataDir = await temporaryFolder();
    const holder = await startEmbedded(dataDir);

    await expect(startEmbedded(dataDir)).rejects.toThrow("Another alertferry uses queue.dataDir");

    await holder.stop();
    await expect(startEmbedded(dataDir)).resolves.toBeDefined();
  });

  it("finds a place for its socket when the directory's path is too long for one", async () => {
    const dataDir = join(await temporaryFolder(), "a".repeat(120));

    const embedded = await startEmbedded(dataDir);

    expect(await client(embedded).ping()).toBe("PONG");
  });

  it("says what to install when there is no redis-server", async () => {
    const settings = {
      redis: undefined,
      dataDir: await temporaryFolder(),
      redisServer: "/nowhere/redis-server",
      appendfsync: "everysec" as const,
    };

    await expect(openRedis(settings, () => undefined)).rejects.toThrow(
      "queue.redisServer /nowhere/redis-server is not an executable file.",
    );
  });
});

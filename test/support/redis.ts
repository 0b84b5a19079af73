import { Redis } from "ioredis";
import { afterTest, freePort, type Running, start, temporaryFolder } from "./processes.ts";
import { until } from "./until.ts";

export interface RedisServer {
  readonly url: string;
  readonly client: Redis;
  readonly running: Running;
}

/** A real redis-server on a free port, empty, with an append-only file; gone after the test. */
export async function startRedis(...more: string[]): Promise<RedisServer> {
  const port = await freePort();
  const folder = await temporaryFolder();
  const running = start("redis-server", [
    ...["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "yes"],
    ...more,
  ]);
  await until("redis-server listens", () => running.out().includes("Ready to accept connections"), 20_000);
  const client = new Redis({ port, maxRetriesPerRequest: null, replyMapping: "legacy" });
  client.on("error", () => undefined);
  afterTest(async () => client.disconnect());
  return { url: `redis://127.0.0.1:${port}`, client, running };
}

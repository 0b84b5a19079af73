import { expect, it } from "vitest";
import { ReadJobs } from "../../src/queue/read-jobs.ts";
import { ReadQueue } from "../../src/queue/read-queue.ts";
import { afterTest } from "../support/processes.ts";
import { startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";

/** Half of the time after which all jobs are put in place again anyway. */
const SOON_MS = 30_000;

it("reads on at once after a Redis that has forgotten the jobs of reading", async () => {
  const { client } = await startRedis();
  const parts = { redis: client, prefix: "test", onError: () => undefined };
  const jobs = new ReadJobs(parts);
  let rounds = 0;
  const queue = new ReadQueue(parts, jobs, async ({ failures }) => {
    rounds += 1;
    return { inMs: 50, failures };
  });
  afterTest(async () => {
    await queue.stop();
    await jobs.close();
  });
  const places = [{ tenant: "contoso", source: "graph_alerts" }];
  await queue.start(async () => ({ places, windows: [] }));
  await until("it reads", () => rounds > 1);

  await client.flushall();
  await until("no round is under way", async () => {
    const before = rounds;
    await new Promise((resolve) => setTimeout(resolve, 300));
    return rounds === before;
  });
  const before = rounds;
  const own = await client.client("ID");
  await client.call("CLIENT", "KILL", "ID", own, "SKIPME", "no").catch(() => undefined);

  await until("it reads again", () => rounds > before, SOON_MS);
  expect(await client.exists("test:read:live.contoso.graph_alerts")).toBe(1);
});

it("does not begin when it is stopped while it starts", async () => {
  const { client } = await startRedis();
  const parts = { redis: client, prefix: "test", onError: () => undefined };
  const jobs = new ReadJobs(parts);
  afterTest(() => jobs.close());
  const queue = new ReadQueue(parts, jobs, async () => "done");
  let asked = 0;
  let stopped: Promise<void> | undefined;

  await queue.start(async () => {
    asked += 1;
    stopped = queue.stop();
    return { places: [], windows: [] };
  });
  await stopped;
  client.emit("ready");

  expect(queue.isRunning).toBe(false);
  expect(asked).toBe(1);
});

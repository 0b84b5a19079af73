import { expect, it } from "vitest";
import { watchReplicas } from "../../src/daemon/replicas.ts";
import { openLog } from "../support/log.ts";
import { afterTest } from "../support/processes.ts";
import type { RedisServer } from "../support/redis.ts";
import { until } from "../support/until.ts";
import { openBench } from "./bench.ts";

const HEARTBEAT = { everyMs: 100, lostAfterMs: 1000 };

/** A process of which only the heartbeat is there. `die` is a `kill -9`: it just does not beat any more. */
async function processesOn() {
  const { server, storeOver } = await openBench();
  const { events, said } = openLog("info");
  const begin = (client: RedisServer["client"] = server.client) => {
    let isAlive = true;
    const store = storeOver(client);
    const watch = watchReplicas(
      {
        markAlive: async (...beat) =>
          isAlive ? await store.markAlive(...beat) : await new Promise(() => undefined),
        markGone: (name) => store.markGone(name),
      },
      events,
      HEARTBEAT,
    );
    const die = () => {
      isAlive = false;
    };
    afterTest(async () => {
      if (isAlive) await watch.stop();
    });
    return { ...watch, die };
  };
  const count = () => server.client.zcard("test:replicas");
  const beats = async () => {
    const words = await server.client.zrange("test:replicas", 0, "-1", "WITHSCORES");
    return words.filter((_, index) => index % 2 === 1).map(Number);
  };
  /** Until so many know of each other. */
  const together = async (processes: number) => {
    await until("all have been heard of", async () => (await count()) === processes);
    const last = Math.max(...(await beats()));
    await until("all have beaten again", async () => (await beats()).every((seen) => seen > last));
  };
  return { begin, count, together, said, server };
}

it("tells once of a process that ended without a word, and once of its successor", async () => {
  const { begin, together, said } = await processesOn();
  const [first] = [begin(), begin(), begin()];
  await together(3);

  first?.die();
  await until("it is missed", () => said().length > 0);
  begin();
  await until("it has a successor", () => said().length > 1);
  await together(3);

  expect(said()).toMatchObject([
    { event: "replica.lost", level: "warn", replicas: 2, runbook: "runbook#replica-lost" },
    { event: "replica.back", level: "info", replicas: 3 },
  ]);
});

it("tells of a lone process that was killed and started again, when it is there again", async () => {
  const { begin, count, said } = await processesOn();
  const first = begin();
  await until("it has been heard of", async () => (await count()) === 1);
  first.die();

  begin();
  await until("all is told", () => said().length === 2);

  expect(said()).toMatchObject([
    { event: "replica.lost", replicas: 1 },
    { event: "replica.back", replicas: 1 },
  ]);
});

it("misses nobody who was stopped, and accuses nobody after Redis itself was away", async () => {
  const { begin, count, together, said, server } = await processesOn();
  const first = begin();
  begin();
  await together(2);

  await first.stop();
  const left = await count();
  begin();
  await until("another has begun", async () => (await count()) === 2);
  // Its replies come late, but they come.
  server.running.child.kill("SIGSTOP");
  await until("everybody was silent for long enough", silenceOf(3 * HEARTBEAT.lostAfterMs));
  server.running.child.kill("SIGCONT");
  await together(2);
  await together(2);

  expect(left).toBe(1);
  expect(said()).toEqual([]);
});

function silenceOf(ms: number): () => boolean {
  const since = Date.now();
  return () => Date.now() - since > ms;
}

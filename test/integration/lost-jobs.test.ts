import { Queue } from "bullmq";
import { expect, it } from "vitest";
import type { Batch } from "../../src/model/batch.ts";
import { DeliverQueues } from "../../src/queue/deliver-queue.ts";
import { deliverQueue } from "../../src/queue/keys.ts";
import { restoreJobs } from "../../src/queue/lost-jobs.ts";
import { anAlert } from "../support/alerts.ts";
import { afterTest } from "../support/processes.ts";
import { openBench } from "./bench.ts";

const SEALED_MS = 1_800_000_000_000;

/** Three batches of one sink, each with its job. */
async function openQueue() {
  const { server, store, sealed } = await openBench();
  const parts = { redis: server.client, prefix: "test", onError: () => undefined };
  const queues = new DeliverQueues(parts);
  const queue = new Queue(deliverQueue("splunk"), { connection: server.client, prefix: "test" });
  afterTest(async () => {
    await queues.close();
    await queue.close();
  });
  const batches: Batch[] = [];
  for (const [index, id] of ["first", "second", "third"].entries()) {
    batches.push(await sealed([anAlert({ id })], { id: `b-${id}`, sealedMs: SEALED_MS + index }));
  }
  await queues.enqueue(batches.map(({ id, sink }) => ({ id, sink, priority: 5 })));
  const jobs = async () => (await queue.getJobs()).map(({ id }) => id).sort();
  const restore = (beforeMs = SEALED_MS + 1000) => restoreJobs(store, queues, "splunk", beforeMs);
  return { store, queues, queue, batches, jobs, restore };
}

it("puts a batch back into the queue whose job is gone, once, and leaves the others", async () => {
  const { queue, jobs, restore } = await openQueue();
  await queue.remove("b-second");
  const before = await jobs();

  const restored = [await restore(), await restore()];

  expect(before).toEqual(["b-first", "b-third"]);
  expect(restored).toEqual([1, 0]);
  expect(await jobs()).toEqual(["b-first", "b-second", "b-third"]);
  expect((await queue.getJob("b-second"))?.opts).toMatchObject({ priority: 1, removeOnComplete: true });
});

it("puts nothing back that was settled, or was sealed just now", async () => {
  const { store, queue, batches, jobs, restore } = await openQueue();
  for (const { id } of batches) await queue.remove(id);
  const [first] = batches;
  if (first === undefined) throw new Error("There is a first batch.");
  await store.settle(first, { delivered: 1, dead: [], attempts: 1 }, SEALED_MS);

  const restored = await restore(SEALED_MS + 1);

  expect(restored).toBe(1);
  expect(await jobs()).toEqual(["b-second"]);
});

it("puts nothing back that is settled while it looks", async () => {
  const { store, queues, queue, batches, jobs } = await openQueue();
  const [first] = batches;
  if (first === undefined) throw new Error("There is a first batch.");
  const looking = {
    waitingSince: store.waitingSince,
    kindsOf: async (ids: readonly string[]) => {
      await store.settle(first, { delivered: 1, dead: [], attempts: 1 }, SEALED_MS);
      return await store.kindsOf(ids);
    },
  };
  await queue.remove(first.id);

  expect(await restoreJobs(looking, queues, "splunk", SEALED_MS + 1000)).toBe(0);
  expect(await jobs()).toEqual(["b-second", "b-third"]);
});

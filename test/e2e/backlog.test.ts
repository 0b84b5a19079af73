import { setTimeout as sleep } from "node:timers/promises";
import type { Redis } from "ioredis";
import { expect, it } from "vitest";
import type { HecReceiver } from "../../src/simulate/hec-receiver.ts";
import { startWorld, type World } from "../../src/simulate/world.ts";
import { configFor, startDaemon, TEST_HTTP, writeConfig } from "../support/daemon.ts";
import { recordFigures } from "../support/figures.ts";
import { afterTest } from "../support/processes.ts";
import { startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";

const TENANTS = Array.from({ length: 20 }, (_, index) => `tenant-${index + 1}`);
const WEEK_MS = 7 * 86_400_000;
const MAX_BACKLOG = 5_000_000;
/** What is remembered of each version for each sink, and its revision, with room to spare. */
const BYTES_PER_VERSION = 400;
/** Jobs, scripts, connections and the state of the places. */
const BASE_BYTES = 12_000_000;

/** Of each tenant's ten alerts a second. */
const LOAD_SECONDS = 5;

/** Ten alerts a second at every tenant. Returns the median delay until the receiver had them, in milliseconds. */
async function delayUnderLoad(world: World, receiver: HecReceiver, other: string): Promise<number> {
  const addedAt = new Map<string, number>();
  for (let tenth = 0; tenth < LOAD_SECONDS * 10; tenth++) {
    for (const tenant of world.tenants)
      for (const { alertId } of tenant.add("graph_alerts", 1)) addedAt.set(alertId, Date.now());
    await sleep(100);
  }
  const delays = new Map<string, number>();
  await until(
    "the alerts of the load have arrived",
    () => {
      for (const { fields, receivedAt } of receiver.events) {
        const id = String(fields["alert_id"]);
        const added = addedAt.get(id);
        if (added !== undefined && !delays.has(id)) delays.set(id, receivedAt - added);
      }
      return delays.size === addedAt.size;
    },
    60_000,
  );
  const sorted = [...delays.values()].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
  recordFigures({
    other,
    alerts: sorted.length,
    median: at(0.5),
    p99: at(0.99),
    longest: sorted.at(-1) ?? Number.NaN,
  });
  return at(0.5);
}

async function usedMemory(client: Redis): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await client.info("memory"))?.[1]);
}

it("keeps Redis within its bound while a sink is dead for a week, leaves the other sink alone, and brings everything after healing", async () => {
  const world = await startWorld({ tenants: TENANTS, limits: "none" });
  afterTest(() => world.close());
  const other = await world.addHec();
  const { url, client } = await startRedis();
  const sink = { type: "splunk_hec", token: world.hecToken, retry: { minDelay: "100ms", maxDelay: "1s" } };
  const sinks = {
    dead: { ...sink, url: world.hec.listener.origin, backlog: { maxBytes: `${MAX_BACKLOG}B` } },
    live: { ...sink, url: other.hec.listener.origin },
  };
  const defaults = {
    sinks: ["dead", "live"],
    poll: { interval: "1s", overlap: "1m", initialLookback: "8d" },
  };
  await world.hec.listener.stop();
  for (const tenant of world.tenants) tenant.add("graph_alerts", 400, { spreadMs: WEEK_MS });
  const held = TENANTS.length * 400;
  const daemon = await startDaemon(
    await writeConfig(configFor(world, { queue: { redis: url }, http: TEST_HTTP, defaults, sinks })),
  );

  let mostBytes = 0;
  let mostBacklog = 0;
  const watch = async () => {
    mostBytes = Math.max(mostBytes, await usedMemory(client));
    mostBacklog = Math.max(mostBacklog, Number(await client.hget("alertferry:ledger:dead", "|bytes")));
  };
  await until(
    "the other sink has everything",
    async () => {
      await watch();
      return other.tally.balance().delivered === held;
    },
    120_000,
  );
  await until("gaps are recorded", async () => (await daemon.metric("gaps_open", { sink: "dead" })) > 0);
  const beside = await delayUnderLoad(world, other.hec, "dead");
  const late = world.tenant("tenant-7").add("graph_alerts", 20);
  const heldLater = held + late.length + TENANTS.length * 10 * LOAD_SECONDS;
  await until(
    "the other sink has the new ones too",
    () => other.tally.balance().delivered === heldLater,
    30_000,
  );
  await watch();
  const enqueuedWhileDead = (await daemon.snapshot()).ledger
    .filter((row) => row.sink === "dead")
    .reduce((sum, row) => sum + row.enqueued, 0);

  await world.hec.listener.start();
  await until(
    "everything has arrived",
    async () => {
      await watch();
      await sleep(100);
      return world.balance().delivered === heldLater;
    },
    150_000,
  );
  await until("the gaps are closed", async () => (await daemon.metric("gaps_open", { sink: "dead" })) === 0);

  expect(enqueuedWhileDead).toBeLessThan(held);
  expect(mostBacklog).toBeLessThanOrEqual(MAX_BACKLOG);
  expect(mostBytes).toBeLessThan(BASE_BYTES + 2 * MAX_BACKLOG + 2 * heldLater * BYTES_PER_VERSION);
  // Live alerts pass the gaps and the backfill that wait before them.
  const positions = world.hec.events.map(({ fields }) => fields["alert_id"]);
  const last = Math.max(...late.map(({ alertId }) => positions.indexOf(alertId)));
  expect(last).toBeLessThan(held);
  expect(beside).toBeLessThan(10 * (await delayUnderLoad(world, other.hec, "well")));
  await until("the healed sink has the last ones too", () => world.balance().missing.length === 0, 60_000);
  for (const balance of [world.balance(), other.tally.balance()]) {
    expect(balance).toMatchObject({ missing: [], duplicates: 0, altered: 0, alien: 0, crossed: 0 });
  }
  const events = daemon.log().map(({ event }) => event);
  expect(events.filter((event) => event === "gap.recorded")).toHaveLength(1);
  expect(events.filter((event) => event === "gap.filled").length).toBeGreaterThanOrEqual(1);
});

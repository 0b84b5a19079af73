import { expect, it } from "vitest";
import { startWorld } from "../../src/simulate/world.ts";
import { configFor, startDaemon, startSkewedDaemon, TEST_HTTP, writeConfig } from "../support/daemon.ts";
import { afterTest } from "../support/processes.ts";
import { startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";

const AT_PEACE = { missing: [], duplicates: 0, altered: 0, alien: 0, crossed: 0 };

async function twoTenants() {
  const world = await startWorld({ tenants: ["contoso", "fabrikam"], limits: "none" });
  afterTest(() => world.close());
  const { url } = await startRedis();
  const config = await writeConfig(configFor(world, { queue: { redis: url }, http: TEST_HTTP }));
  for (const tenant of world.tenants) tenant.add("graph_alerts", 300, { spreadMs: 3_600_000 });
  return { world, config };
}

it("restarts replica after replica under load without a loss or a duplicate", async () => {
  const { world, config } = await twoTenants();
  const traffic = world.traffic({ perSecond: 60, updates: 0, late: 0.1 });
  let current = await startDaemon(config);
  const codes: unknown[] = [];
  for (let restart = 0; restart < 4; restart++) {
    const next = await startDaemon(config);
    const before = world.balance().delivered;
    await until("alerts flow", () => world.balance().delivered > before + 30);
    current.child.kill("SIGTERM");
    codes.push(await current.ended);
    current = next;
  }
  traffic.stop();
  await until("everything has arrived", () => world.balance().delivered === world.balance().held);

  expect(codes).toEqual([0, 0, 0, 0]);
  expect(world.balance()).toMatchObject(AT_PEACE);
});

it("loses and repeats nothing while the clocks of two replicas differ", async () => {
  const { world, config } = await twoTenants();
  const traffic = world.traffic({ perSecond: 60, updates: 0, late: 0.1, ties: 0.3 });
  const ahead = await startSkewedDaemon(config, 20_000);
  const behind = await startSkewedDaemon(config, -1000);
  const rounds = async (daemon: typeof ahead) => {
    const counts = await Promise.all(
      world.tenants.map(({ id }) =>
        daemon.metric("poll_total", { tenant: id, source: "graph_alerts", outcome: "completed" }),
      ),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  };
  await until("the one that is ahead has read", async () => (await rounds(ahead)) > 2);
  ahead.child.kill("SIGTERM");
  await ahead.ended;
  await until("the one that is behind has taken over", async () => (await rounds(behind)) > 2, 150_000);
  traffic.stop();
  await until("everything has arrived", () => world.balance().delivered === world.balance().held);

  expect(world.balance()).toMatchObject(AT_PEACE);
});

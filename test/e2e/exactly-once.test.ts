import { expect, it } from "vitest";
import { startWorld } from "../../src/simulate/world.ts";
import { configFor, startDaemon, TEST_HTTP, writeConfig } from "../support/daemon.ts";
import { afterTest, temporaryFolder } from "../support/processes.ts";
import { until } from "../support/until.ts";

const TENANTS = ["contoso", "fabrikam", "northwind"];
const SOURCES = ["graph_alerts", "mde_alerts"] as const;
const PER_SOURCE = 2000;

it("delivers every version of 12,000 alerts exactly once and unchanged, late, tied and updated ones among them", async () => {
  const world = await startWorld({ tenants: TENANTS, limits: "none" });
  afterTest(() => world.close());
  for (const tenant of world.tenants) {
    for (const source of SOURCES) {
      tenant.add(source, PER_SOURCE - 500, { spreadMs: 20 * 3_600_000 });
      tenant.add(source, 200, { sameInstant: true, at: Date.now() - 60_000 });
      tenant.add(source, 300, { lateMs: 4000, spreadMs: 60_000 });
    }
  }
  const queue = { dataDir: await temporaryFolder() };
  const defaults = { sources: SOURCES };
  const daemon = await startDaemon(await writeConfig(configFor(world, { queue, http: TEST_HTTP, defaults })));
  await until("all first versions have arrived", () => world.balance().delivered === 12_000);
  for (const tenant of world.tenants) {
    for (const source of SOURCES) {
      const first = tenant.ledger.filter((version) => version.source === source).slice(0, 150);
      for (const version of first) tenant.update(version, { lateMs: 500 });
    }
  }
  await until("all updates have arrived", () => world.balance().delivered === 12_900);
  // A few more rounds, for what would be sent twice.
  const rounds = await daemon.metric("poll_total", {
    tenant: "contoso",
    source: "graph_alerts",
    outcome: "completed",
  });
  await until("two more rounds are over", async () => {
    return (
      (await daemon.metric("poll_total", {
        tenant: "contoso",
        source: "graph_alerts",
        outcome: "completed",
      })) >=
      rounds + 2
    );
  });

  const { missing, ...balance } = world.balance();
  expect(missing.map(({ alertId, visibleAt }) => ({ alertId, visibleAt }))).toEqual([]);
  expect(balance).toMatchObject({ owed: 12_900, duplicates: 0, alien: 0, altered: 0, crossed: 0 });
  const { ledger } = await daemon.snapshot();
  for (const tenant of TENANTS) {
    const row = ledger.find((each) => each.tenant === tenant && each.sink === "splunk");
    expect(row).toMatchObject({ enqueued: 4300, delivered: 4300, waiting: 0, dead: {} });
    const numbers = world.hec.events
      .filter(({ fields }) => fields["tenant"] === tenant)
      .map(({ fields }) => Number(fields["seq"]));
    expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: 4300 }, (_, index) => index + 1));
  }
  expect(world.hec.events.filter(({ fields }) => fields["revision"] === 2)).toHaveLength(900);
});

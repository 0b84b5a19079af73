import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { startWorld } from "../../src/simulate/world.ts";
import { configFor, startDaemon, TEST_HTTP, writeConfig } from "../support/daemon.ts";
import { afterTest, temporaryFolder } from "../support/processes.ts";
import { until } from "../support/until.ts";

const TENANTS = ["contoso", "fabrikam", "northwind"];

it("loses nothing when the daemon is killed ten times at random moments, and repeats only under the same event id", async () => {
  const world = await startWorld({ tenants: TENANTS, limits: "none" });
  afterTest(() => world.close());
  for (const tenant of world.tenants) tenant.add("graph_alerts", 1000, { spreadMs: 3_600_000 });
  const queue = { dataDir: await temporaryFolder() };
  const batch = { maxAlerts: 50 };
  const splunk = { type: "splunk_hec", url: world.hec.listener.origin, token: world.hecToken, batch };
  const config = await writeConfig(configFor(world, { queue, http: TEST_HTTP, sinks: { splunk } }));
  const traffic = world.traffic({ perSecond: 200, late: 0.1, updates: 0 });

  for (let kills = 0; kills < 10; kills++) {
    const daemon = await startDaemon(config);
    await sleep(Math.random() * 1500);
    daemon.child.kill("SIGKILL");
    await daemon.ended;
  }
  traffic.stop();
  const survivor = await startDaemon(config);
  await until("everything has arrived", () => {
    const { held, delivered } = world.balance();
    return delivered === held;
  });

  const { missing, altered, alien, crossed } = world.balance();
  expect({ missing: missing.length, altered, alien, crossed }).toEqual({
    missing: 0,
    altered: 0,
    alien: 0,
    crossed: 0,
  });
  const eventIds = new Map<string, Set<unknown>>();
  for (const { fields, bytes } of world.hec.events) {
    const alert = JSON.parse(bytes.toString()) as { id: string; lastUpdateDateTime: string };
    const version = `${fields["tenant"]} ${alert.id} ${alert.lastUpdateDateTime}`;
    eventIds.set(version, (eventIds.get(version) ?? new Set()).add(fields["event_id"]));
  }
  expect([...eventIds.values()].filter((ids) => ids.size !== 1)).toEqual([]);
  await until("the ledger is at rest", async () =>
    (await survivor.snapshot()).ledger.every(
      ({ waiting, enqueued, delivered }) => waiting === 0 && enqueued === delivered,
    ),
  );
  // Gapless: the numbers given are as many as the alerts queued, whatever was cut off.
  for (const tenant of TENANTS) {
    const row = (await survivor.snapshot()).ledger.find((each) => each.tenant === tenant);
    const numbers = new Set(
      world.hec.events
        .filter(({ fields }) => fields["tenant"] === tenant)
        .map(({ fields }) => Number(fields["seq"])),
    );
    expect(numbers.size).toBe(row?.enqueued);
    expect(Math.max(...numbers)).toBe(row?.enqueued);
  }
});

import { expect, it } from "vitest";
import { startWorld } from "../../src/simulate/world.ts";
import { configFor, startDaemon, TEST_HTTP, writeConfig } from "../support/daemon.ts";
import { afterTest, temporaryFolder } from "../support/processes.ts";
import { until } from "../support/until.ts";

const HEALTHY = Array.from({ length: 40 }, (_, index) => `healthy-${index + 1}`);
/** More than the 135 calls that a minute has for them, at ten an answer. */
const FLOOD = 2000;

it("reads every healthy tenant while one floods, one is throttled, one locks us out, one hangs and one is heavy, and exceeds nobody's budget", async () => {
  const world = await startWorld({
    tenants: [...HEALTHY, "flooding", "throttled", "unauthorized", "hanging", "heavy"],
  });
  afterTest(() => world.close());
  const flooding = world.tenant("flooding");
  flooding.add("graph_alerts", FLOOD, { size: "small", spreadMs: 200_000 });
  world.tenant("throttled").graph.fault = { kind: "throttled", retryAfter: "5" };
  world.tenant("unauthorized").entra.consents.clear();
  world.tenant("hanging").graph.fault = { kind: "hang" };
  world.tenant("heavy").add("graph_alerts", 20, { size: "huge", spreadMs: 1000 });
  const plain = configFor(world, {
    queue: { dataDir: await temporaryFolder() },
    http: TEST_HTTP,
    defaults: { poll: { interval: "3s", overlap: "5m", initialLookback: "5m" } },
  });
  const tenants = (plain["tenants"] as { id: string }[]).map((tenant) =>
    tenant.id === "flooding" ? { ...tenant, poll: { pageSize: 10 } } : tenant,
  );
  const daemon = await startDaemon(await writeConfig({ ...plain, tenants }));
  const healthy = new Set(HEALTHY.map((id) => world.tenant(id).tenantId));
  const ofHealthy = { of: ({ tenantId }: { tenantId: string }) => healthy.has(tenantId) };

  for (let turn = 1; turn <= 3; turn++) {
    for (const id of HEALTHY) world.tenant(id).add("graph_alerts", 1);
    await until(
      `the healthy have their alerts of turn ${turn}`,
      () => world.balance(ofHealthy).delivered === turn * HEALTHY.length,
      60_000,
    );
  }
  await until(
    "the flood waits for its budget",
    async () => (await daemon.metric("poll_paced_total", { tenant: "flooding" })) > 0,
  );

  expect(world.balance(ofHealthy)).toMatchObject({ missing: [], duplicates: 0, altered: 0, crossed: 0 });
  const heavy = world.tenant("heavy").tenantId;
  expect(world.balance({ of: ({ tenantId }) => tenantId === heavy }).missing).toEqual([]);
  const refused = world.tenants.filter(({ graph }) => (graph.statuses.get(429) ?? 0) > 0);
  expect(refused.map(({ id }) => id)).toEqual(["throttled"]);
  expect(world.hec.events.some(({ fields }) => fields["tenant"] === "flooding")).toBe(true);
  const reasons = daemon.log().filter(({ event }) => event === "auth.failed" || event === "poll.throttled");
  expect(new Set(reasons.map(({ tenant }) => tenant))).toEqual(new Set(["throttled", "unauthorized"]));
});

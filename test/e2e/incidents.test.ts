import { expect, it } from "vitest";
import { startWorld } from "../../src/simulate/world.ts";
import { configFor, startDaemon, TEST_HTTP, writeConfig } from "../support/daemon.ts";
import { afterTest } from "../support/processes.ts";
import { startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";

it("delivers incidents with their alerts, asks for each version once, and sends one that fails without them", async () => {
  const world = await startWorld({ tenants: ["contoso"] });
  afterTest(() => world.close());
  const { url } = await startRedis();
  const contoso = world.tenant("contoso");
  const incidents = contoso.add("graph_incidents", 8, { spreadMs: 60_000 });
  const [first, failing] = incidents;
  if (first === undefined || failing === undefined) throw new Error("There are no incidents.");
  for (const { alertId } of incidents)
    contoso.add("graph_alerts", 2, { size: "small", with: { incidentId: alertId } });
  contoso.graph.unexpandable = ({ alertId }) => alertId === failing.alertId;
  const defaults = {
    sources: ["graph_incidents"],
    incidents: { alerts: true },
    poll: { interval: "1s", overlap: "5m", initialLookback: "5m" },
  };
  const config = await writeConfig(configFor(world, { queue: { redis: url }, http: TEST_HTTP, defaults }));
  const daemon = await startDaemon(config);
  const arrived = () => world.hec.events.map(({ text }) => JSON.parse(text));

  await until("all have arrived", () => world.hec.events.length === 8);
  const changed = contoso.update(first);
  await until("the update has arrived", () => world.hec.events.length === 9);
  const rounds = () => contoso.graph.requests.filter(({ query }) => query["$filter"] !== undefined).length;
  const before = rounds();
  await until("they are read twice more within the overlap", () => rounds() >= before + 2);

  expect(world.hec.events).toHaveLength(9);
  for (const version of [...incidents, changed]) {
    const event = arrived().find(
      ({ id, lastUpdateDateTime }) => id === version.alertId && lastUpdateDateTime === version.updatedText,
    );
    const { alerts, "@odata.context": _, ...incident } = event;
    expect(incident).toEqual(JSON.parse(version.raw));
    const isStub = JSON.parse(version.raw).status === "redirected";
    const within = isStub || version === failing ? [] : contoso.stores.graph_alerts.visible(Date.now());
    const own = within.filter(({ raw }) => JSON.parse(raw).incidentId === version.alertId);
    expect(new Set((alerts ?? []).map(({ id }: { id: string }) => id))).toEqual(
      new Set(own.map(({ alertId }) => alertId)),
    );
  }
  const asked = contoso.graph.requests.filter(({ query }) => query["$expand"] !== undefined);
  // The one that fails is asked for twice; a stub is not asked for at all.
  const stubs = JSON.parse(changed.raw).status === "redirected" ? 1 : 0;
  expect(asked).toHaveLength(8 + 1 + 1 - stubs);
  const place = { tenant: "contoso", source: "graph_incidents" };
  expect(await daemon.metric("alerts_incomplete_total", { ...place, reason: "failed" })).toBe(1);
  expect(daemon.log().filter(({ event }) => event === "poll.incomplete")).toMatchObject([
    { level: "warn", ...place, reason: "failed" },
  ]);
  expect(contoso.graph.statuses.get(429)).toBeUndefined();
});

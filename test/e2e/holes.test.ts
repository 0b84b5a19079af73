import { expect, it } from "vitest";
import { startWorld } from "../../src/simulate/world.ts";
import { configFor, runCommand, startDaemon, TEST_HTTP, writeConfig } from "../support/daemon.ts";
import { afterTest } from "../support/processes.ts";
import { startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";

it("reads past an incident that the list fails on, keeps asking for it, and delivers it once it can be read", async () => {
  const world = await startWorld({ tenants: ["contoso"], limits: "none" });
  afterTest(() => world.close());
  const { url } = await startRedis();
  const contoso = world.tenant("contoso");
  const poison = contoso.add("graph_incidents", 20, { spreadMs: 240_000 })[9];
  contoso.graph.poison = (version) => version === poison;
  const instant = poison?.updatedText;
  const defaults = {
    sources: ["graph_incidents"],
    poll: { interval: "1s", overlap: "5m", initialLookback: "5m" },
  };
  const config = await writeConfig(configFor(world, { queue: { redis: url }, http: TEST_HTTP, defaults }));
  const daemon = await startDaemon(config);
  const said = (event: string) => daemon.log().filter((line) => line.event === event);
  const place = { tenant: "contoso", source: "graph_incidents" };

  await until("all others have arrived", () => world.balance().delivered === 19);
  await until("the round is over", async () => (await daemon.snapshot()).tenants[0]?.failures === 0);
  contoso.add("graph_incidents", 5);
  await until("what came since has arrived", () => world.balance().delivered === 24);

  expect(world.balance().missing).toEqual([poison]);
  expect(said("hole.recorded")).toMatchObject([
    {
      ...{ level: "warn", ...place, runbook: "runbook#hole-recorded" },
      ...{ window: { kind: "hole", from: instant }, error: { status: 500 } },
    },
  ]);
  expect((await daemon.snapshot()).tenants[0]).toMatchObject({ outcome: "completed", holes: 1 });
  expect(await daemon.metric("holes_open", place)).toBe(1);
  const shown = await Promise.all([
    runCommand(config, "status"),
    runCommand(config, "explain", "tenant", "contoso"),
  ]);
  for (const { out } of shown) expect(out).toContain(`fails to give out what was updated at ${instant}`);
  const reconciled = await runCommand(config, "reconcile", "--tenant", "contoso", "--since", "5m", "--json");
  expect(reconciled.code).toBe(3);
  expect(JSON.parse(reconciled.out)).toMatchObject([{ unread: 1, missing: [] }]);

  contoso.graph.poison = undefined;
  await until("it has arrived as well", () => world.balance().delivered === 25);
  await until("the hole is closed", () => said("hole.filled").length === 1);

  expect(world.balance()).toMatchObject({ missing: [], duplicates: 0, altered: 0, alien: 0, crossed: 0 });
  expect(await daemon.metric("holes_open", place)).toBe(0);
  expect(said("hole.recorded")).toHaveLength(1);
  expect(said("poll.failed")).toHaveLength(1);
  const [recorded] = said("hole.recorded");
  const untilThen = contoso.graph.requests.filter(({ at }) => at <= Date.parse(String(recorded?.time)));
  // Two thirds of what Microsoft allows in a minute.
  expect(untilThen.length).toBeLessThan(100);
});

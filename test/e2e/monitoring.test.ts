import { expect, it } from "vitest";
import { startWorld } from "../../src/simulate/world.ts";
import { configFor, startDaemon, TEST_HTTP, writeConfig } from "../support/daemon.ts";
import { afterTest, temporaryFolder } from "../support/processes.ts";
import { quickRules, startPrometheus } from "../support/prometheus.ts";
import { until } from "../support/until.ts";

it("is scraped by a real Prometheus", async () => {
  const world = await startWorld({ tenants: ["contoso"], limits: "none" });
  afterTest(() => world.close());
  world.tenant("contoso").add("graph_alerts", 12);
  const queue = { dataDir: await temporaryFolder() };
  const daemon = await startDaemon(await writeConfig(configFor(world, { queue, http: TEST_HTTP })));
  const prometheus = await startPrometheus({ targets: [daemon.url], rules: await quickRules() });

  await until("Prometheus knows of all", async () => {
    const [sample] = await prometheus.query("sum(alertferry_alerts_delivered_total)");
    return sample?.value === 12;
  });

  expect(await prometheus.value("up")).toBe(1);
  expect(await prometheus.firing()).toEqual([]);
});

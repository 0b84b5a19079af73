import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import type { ApiRequest } from "../../src/simulate/tenant-api.ts";
import { startWorld } from "../../src/simulate/world.ts";
import { configFor, startDaemon, TEST_HTTP, writeConfig } from "../support/daemon.ts";
import { afterTest, temporaryFolder } from "../support/processes.ts";
import { until } from "../support/until.ts";

const TENANTS = 300;
const ROUNDS = 3;

it("polls 300 idle tenants on schedule in one process within 150 MB, without an info line", async () => {
  const world = await startWorld({
    tenants: Array.from({ length: TENANTS }, (_, index) => `tenant-${index}`),
  });
  afterTest(() => world.close());
  const queue = { dataDir: await temporaryFolder() };
  // Secrets by reference, as an operator has them; a literal one would draw a warning.
  const { clientId = "", clientSecret = "" } = world.tenants[0] ?? {};
  process.env["TEST_CLIENT_SECRET"] = clientSecret;
  process.env["TEST_HEC_TOKEN"] = world.hecToken;
  const auth = { type: "client-secret", clientId, clientSecret: "${env:TEST_CLIENT_SECRET}" };
  const defaults = { auth, poll: { interval: "10s" } };
  const tenants = world.tenants.map(({ id, tenantId }) => ({ id, tenantId }));
  const splunk = { type: "splunk_hec", url: world.hec.listener.origin, token: "${env:TEST_HEC_TOKEN}" };
  const daemon = await startDaemon(
    await writeConfig(configFor(world, { queue, http: TEST_HTTP, defaults, tenants, sinks: { splunk } })),
  );
  const rounds = () => Math.min(...world.tenants.map(({ graph }) => graph.requests.filter(isLive).length));
  await until(`every tenant was read ${ROUNDS} times`, () => rounds() >= ROUNDS, 120_000);

  const status = readFileSync(`/proc/${daemon.child.pid}/status`, "utf8");
  const peakMegabytes = Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1000;
  expect(peakMegabytes).toBeLessThanOrEqual(150);
  const spoken = daemon
    .log()
    .filter(({ level }) => level !== "debug")
    .map(({ event }) => event);
  expect(spoken).toEqual(["daemon.started"]);
  for (const { graph } of world.tenants) {
    const times = graph.requests.filter(isLive).map(({ at }) => at);
    for (const [index, time] of times.entries()) {
      // On schedule: every 10 s from the second round on, which stands at the tenant's own moment; and far from one too many.
      if (index > 1) expect(time - (times[index - 1] ?? 0)).toBeGreaterThan(8_000);
    }
  }
});

/** A live round asks up to about now; the backfill of the initial lookback ends well before that. */
function isLive({ at, query }: ApiRequest): boolean {
  const [, to = ""] = / lt (\S+)/.exec(query["$filter"] ?? "") ?? [];
  return Date.parse(to) > at - 60_000;
}

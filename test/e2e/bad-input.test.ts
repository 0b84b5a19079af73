import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { startWorld } from "../../src/simulate/world.ts";
import { configFor, PROGRAM, startDaemon, TEST_HTTP, writeConfig } from "../support/daemon.ts";
import { afterTest, freePort, start, temporaryFolder } from "../support/processes.ts";
import { startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";

const TEN_MISTAKES = `queue:
  dataDirectory: ./data
http:
  port: eighty
shutdownTimeout: soon
defaults:
  auth: { type: client-secret, clientId: not-a-guid, clientSecret: "\${env:ALERTFERRY_UNSET}" }
  sources: [graph_alert]
  poll: { interval: 10 }
tenants:
  - id: Contoso
    tenantId: 00000000-0000-0000-0000-000000000000
    sinks: [splnk]
sinks:
  splunk: { type: splunk_hec, url: splunk:8088, token: "12345678-aaaa" }
`;

async function newWorld(...tenants: string[]) {
  const world = await startWorld({ tenants, limits: "none" });
  afterTest(() => world.close());
  return world;
}

it("prints a line with its place for each of ten mistakes and exits with 2", async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, "alertferry.yaml"), TEN_MISTAKES);

  const run = start(process.execPath, [PROGRAM, "run", "--config", join(folder, "alertferry.yaml")]);
  const code = await run.ended;

  const lines = run.err().trim().split("\n");
  expect(code).toBe(2);
  expect(lines).toHaveLength(10);
  for (const line of lines) expect(line).toMatch(/alertferry\.yaml:\d+: [\w.[\]]+: /);
  expect(run.out() + run.err()).not.toContain("12345678-aaaa");
});

it("says that Redis is absent, names the remedy and exits with 1", async () => {
  const world = await newWorld("contoso");
  const config = await writeConfig(
    configFor(world, { queue: { redis: `redis://127.0.0.1:${await freePort()}` } }),
  );

  const run = start(process.execPath, [PROGRAM, "run", "--config", config]);

  expect(await run.ended).toBe(1);
  expect(run.err()).toContain("does not answer. Is it running, and is queue.redis right?");
});

it("refuses a Redis that would throw alerts away, and exits with 1", async () => {
  const world = await newWorld("contoso");
  const { url } = await startRedis("--maxmemory-policy", "volatile-lru");
  const config = await writeConfig(configFor(world, { queue: { redis: url } }));

  const run = start(process.execPath, [PROGRAM, "run", "--config", config]);

  expect(await run.ended).toBe(1);
  expect(run.err()).toContain("Set it to noeviction");
});

it("knows neither unknown commands nor unknown options", async () => {
  const unknown = start(process.execPath, [PROGRAM, "fly"]);
  const option = start(process.execPath, [PROGRAM, "run", "--fast"]);

  expect([await unknown.ended, await option.ended]).toEqual([2, 2]);
  expect(unknown.err()).toContain("There is no command fly. Commands: run, demo, check, tenants, status,");
  expect(option.err()).toContain("--fast");
});

it("sets aside what cannot be named and what is another tenant's, and goes on with the window", async () => {
  const world = await newWorld("contoso");
  const tenant = world.tenant("contoso");
  tenant.add("graph_alerts", 3);
  const now = new Date().toISOString();
  const own = { tenantId: tenant.tenantId, lastUpdateDateTime: now, createdDateTime: now, severity: "low" };
  tenant.plant("graph_alerts", JSON.stringify({ ...own, title: "nameless" }));
  tenant.plant("graph_alerts", JSON.stringify({ id: "da77_1", tenantId: tenant.tenantId, severity: "low" }));
  tenant.plant("graph_alerts", '"microsoft.graph.security.alert"');
  tenant.plant(
    "graph_alerts",
    JSON.stringify({ ...own, id: "da78_1", tenantId: "99999999-9999-4999-8999-999999999999" }),
  );
  const queue = { dataDir: await temporaryFolder() };

  const daemon = await startDaemon(await writeConfig(configFor(world, { queue, http: TEST_HTTP })));
  await until("the genuine alerts have arrived", () => world.balance().delivered === 3);
  await until("a second round has met them again", () => tenant.graph.requests.length >= 3);

  const reasons = ["missing-id", "missing-time", "not-an-object", "tenant-mismatch"];
  for (const reason of reasons) {
    const labels = { tenant: "contoso", sink: "none", reason };
    expect([reason, await daemon.metric("alerts_dead_lettered_total", labels)]).toEqual([reason, 1]);
  }
  expect(world.hec.events).toHaveLength(3);
  const said = daemon
    .log()
    .filter(({ event }) => event === "poll.set-aside" || event === "poll.tenant-mismatch");
  expect(said.map(({ reason }) => reason).sort()).toEqual(reasons);
  expect(said.find(({ reason }) => reason === "tenant-mismatch")?.level).toBe("error");
});

it.each(["html", "truncated", "cut-off", "empty-body", "bad-gateway"] as const)(
  "reads the window again after an answer that is no page: %s",
  async (kind) => {
    const world = await newWorld("contoso");
    world.tenant("contoso").add("graph_alerts", 20);
    world.tenant("contoso").graph.fault = { kind, times: 2 };
    const queue = { dataDir: await temporaryFolder() };

    const daemon = await startDaemon(await writeConfig(configFor(world, { queue, http: TEST_HTTP })));
    await until("all have arrived", () => world.balance().delivered === 20);

    expect(world.balance()).toMatchObject({ duplicates: 0, altered: 0 });
    const events = daemon.log().map(({ event }) => event);
    expect(events.filter((event) => event === "poll.failed")).toHaveLength(1);
    expect(events).toContain("poll.recovered");
  },
);

it("tells of a tenant without consent once, by its own code, and serves the others", async () => {
  const world = await newWorld("contoso", "fabrikam", "northwind");
  for (const tenant of world.tenants) tenant.add("graph_alerts", 5);
  world.tenant("fabrikam").entra.consents.clear();
  const queue = { dataDir: await temporaryFolder() };

  const daemon = await startDaemon(await writeConfig(configFor(world, { queue, http: TEST_HTTP })));
  await until(
    "the others' alerts have arrived",
    () =>
      world.balance({ of: ({ tenantId }) => tenantId !== world.tenant("fabrikam").tenantId }).delivered ===
      10,
  );
  await until("fabrikam was tried again", () => world.tenant("fabrikam").entra.requests.length >= 2);

  const refusals = daemon.log().filter(({ event }) => event === "auth.failed");
  expect(refusals).toHaveLength(1);
  expect(refusals[0]).toMatchObject({
    level: "error",
    tenant: "fabrikam",
    source: "graph_alerts",
    error: { kind: "unauthorized", code: expect.stringMatching(/^AADSTS7000(16|229)$/) },
    runbook: expect.stringContaining("app-not-in-tenant"),
  });
});

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { startWorld } from "../../src/simulate/world.ts";
import { configFor, startDaemon, TEST_HTTP, writeConfig } from "../support/daemon.ts";
import { afterTest, temporaryFolder } from "../support/processes.ts";
import { startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";

async function newWorld(...tenants: string[]) {
  const world = await startWorld({ tenants, limits: "none" });
  afterTest(() => world.close());
  return world;
}

const AT_PEACE = { duplicates: 0, altered: 0, alien: 0, crossed: 0 };

it("finishes or hands back what is under way on SIGTERM, and the next start delivers the rest without a duplicate", async () => {
  const world = await newWorld("contoso", "fabrikam");
  const queue = { dataDir: await temporaryFolder() };
  const config = await writeConfig(configFor(world, { queue, http: TEST_HTTP }));
  world.hec.fault = { kind: "slow", delayMs: 300 };
  const traffic = world.traffic({ perSecond: 100, updates: 0 });

  const codes: unknown[] = [];
  for (let restart = 0; restart < 3; restart++) {
    const daemon = await startDaemon(config);
    const before = world.balance().delivered;
    await until("alerts flow", () => world.balance().delivered > before + 20);
    daemon.child.kill("SIGTERM");
    codes.push(await daemon.ended);
    expect(
      daemon
        .log()
        .map(({ event }) => event)
        .slice(-2),
    ).toEqual(["daemon.stopping", "daemon.stopped"]);
  }
  traffic.stop();
  world.hec.fault = undefined;
  await startDaemon(config);
  await until("everything has arrived", () => world.balance().delivered === world.balance().held);

  expect(codes).toEqual([0, 0, 0]);
  expect(world.balance()).toMatchObject({ ...AT_PEACE, missing: [] });
});

it("waits while the receiver is down, says so once, and delivers everything once it is back", async () => {
  const world = await newWorld("contoso");
  const queue = { dataDir: await temporaryFolder() };
  const retry = { minDelay: "100ms", maxDelay: "500ms" };
  const splunk = { type: "splunk_hec", url: world.hec.listener.origin, token: world.hecToken, retry };
  const archive = { type: "file", path: join(await temporaryFolder(), "{tenant}.ndjson") };
  const defaults = { sinks: ["splunk", "archive"] };
  await world.hec.listener.stop();
  world.tenant("contoso").add("graph_alerts", 30);
  const daemon = await startDaemon(
    await writeConfig(configFor(world, { queue, http: TEST_HTTP, defaults, sinks: { splunk, archive } })),
  );

  await until("the breaker has opened", () => daemon.log().some(({ event }) => event === "sink.opened"));
  const path = archive.path.replace("{tenant}", "contoso");
  await until(
    "the other sink has them all",
    async () => (await readFile(path, "utf8").catch(() => "")).split("\n").length === 31,
  );
  expect(await daemon.metric("sink_backlog_alerts", { sink: "splunk" })).toBe(30);
  expect(await daemon.metric("sink_breaker_open", { sink: "splunk" })).toBe(1);
  await world.hec.listener.start();
  await until("everything has arrived", () => world.balance().delivered === 30);
  await until("the breaker has closed", () => daemon.log().some(({ event }) => event === "sink.closed"));

  expect(world.balance()).toMatchObject(AT_PEACE);
  const events = daemon.log().map(({ event }) => event);
  expect(events.filter((event) => event === "sink.opened")).toHaveLength(1);
  expect(events).not.toContain("deliver.dead-lettered");
  const lines = (await readFile(path, "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { seq: number });
  expect(lines.map(({ seq }) => seq).sort((a, b) => a - b)).toEqual(
    Array.from({ length: 30 }, (_, index) => index + 1),
  );
});

it("blocks on a refused token without a dead letter, and heals by itself when the token is accepted again", async () => {
  const world = await newWorld("contoso");
  const queue = { dataDir: await temporaryFolder() };
  const retry = { minDelay: "100ms", maxDelay: "300ms" };
  const splunk = { type: "splunk_hec", url: world.hec.listener.origin, token: world.hecToken, retry };
  const token = world.hec.tokens.get(world.hecToken);
  if (token === undefined) throw new Error("The world has no token.");
  token.disabled = true;
  world.tenant("contoso").add("graph_alerts", 10);

  const daemon = await startDaemon(
    await writeConfig(configFor(world, { queue, http: TEST_HTTP, sinks: { splunk } })),
  );
  await until("the sink is blocked", () => daemon.log().some(({ event }) => event === "sink.opened"));
  token.disabled = false;
  await until("everything has arrived", () => world.balance().delivered === 10);

  expect(daemon.log().find(({ event }) => event === "sink.opened")).toMatchObject({
    level: "error",
    sink: "splunk",
    error: { kind: "unauthorized", status: 403, code: "1" },
  });
  expect(world.balance()).toMatchObject(AT_PEACE);
  expect(daemon.out()).not.toContain(world.hecToken);
});

it("finds the one alert that the receiver refuses and delivers the others of the batch once", async () => {
  const world = await newWorld("contoso");
  const queue = { dataDir: await temporaryFolder() };
  const poisoned = world.tenant("contoso").add("graph_alerts", 200, { spreadMs: 60_000 })[123];
  world.hec.poison = (event) => event.bytes.includes(`"id":"${poisoned?.alertId}"`);

  const daemon = await startDaemon(await writeConfig(configFor(world, { queue, http: TEST_HTTP })));
  await until("all but one have arrived", () => world.balance().delivered === 199);
  await until(
    "the batch is settled",
    async () => (await daemon.metric("sink_backlog_alerts", { sink: "splunk" })) === 0,
  );

  expect(world.balance().missing.map(({ alertId }) => alertId)).toEqual([poisoned?.alertId]);
  expect(world.balance()).toMatchObject(AT_PEACE);
  expect(
    await daemon.metric("alerts_dead_lettered_total", {
      tenant: "contoso",
      sink: "splunk",
      reason: "rejected",
    }),
  ).toBe(1);
  const letters = daemon.log().filter(({ event }) => event === "deliver.dead-lettered");
  expect(letters).toHaveLength(1);
  expect(JSON.stringify(letters[0])).toContain("code 6");
});

it("delivers with indexer acknowledgement, and again what was never acknowledged", async () => {
  const world = await startWorld({
    tenants: ["contoso"],
    limits: "none",
    hec: { tokens: [{ value: "0d0a5c1e-1111-4222-8333-abcdefabcdef", useAck: true }] },
  });
  afterTest(() => world.close());
  const queue = { dataDir: await temporaryFolder() };
  const retry = { minDelay: "100ms", maxDelay: "300ms" };
  const splunk = {
    type: "splunk_hec",
    url: world.hec.listener.origin,
    token: world.hecToken,
    ack: true,
    ackTimeout: "1s",
    retry,
  };
  world.hec.ack.mode = "never";
  world.tenant("contoso").add("graph_alerts", 5);

  const daemon = await startDaemon(
    await writeConfig(configFor(world, { queue, http: TEST_HTTP, sinks: { splunk } })),
  );
  await until("the alerts were stored, unacknowledged, a second time", () => world.hec.events.length >= 10);
  expect(await daemon.metric("alerts_delivered_total", { tenant: "contoso", sink: "splunk" })).toBe(0);
  world.hec.ack.mode = "indexed";
  await until(
    "they count as delivered",
    async () => (await daemon.metric("alerts_delivered_total", { tenant: "contoso", sink: "splunk" })) === 5,
  );

  expect(new Set(world.hec.events.map(({ fields }) => fields["event_id"])).size).toBe(5);
});

it("lets a tenant's few alerts pass another tenant's flood at a shared sink", async () => {
  const world = await newWorld("contoso", "fabrikam");
  const queue = { dataDir: await temporaryFolder() };
  const batch = { maxAlerts: 20, linger: "0ms" };
  const splunk = {
    type: "splunk_hec",
    url: world.hec.listener.origin,
    token: world.hecToken,
    concurrency: 1,
    batch,
  };
  world.hec.fault = { kind: "slow", delayMs: 100 };
  world.tenant("contoso").add("graph_alerts", 2000, { spreadMs: 60_000, size: "small" });
  const daemon = await startDaemon(
    await writeConfig(configFor(world, { queue, http: TEST_HTTP, sinks: { splunk } })),
  );
  await until(
    "the flood waits",
    async () => (await daemon.metric("sink_backlog_alerts", { sink: "splunk" })) > 1500,
  );

  world.tenant("fabrikam").add("graph_alerts", 5, { size: "small" });
  const of = ({ tenantId }: { tenantId: string }) => tenantId === world.tenant("fabrikam").tenantId;
  await until("the few have arrived", () => world.balance({ of }).delivered === 5);

  expect(await daemon.metric("sink_backlog_alerts", { sink: "splunk" })).toBeGreaterThan(500);
});

it("takes over within seconds what a killed replica held, and two replicas send nothing twice", async () => {
  const world = await newWorld("contoso", "fabrikam", "northwind");
  const { url } = await startRedis();
  const config = await writeConfig(configFor(world, { queue: { redis: url }, http: TEST_HTTP }));
  // No updates: one that is made while nobody reads takes the place of a version that nobody can have seen.
  const traffic = world.traffic({ perSecond: 60, updates: 0 });
  const first = await startDaemon(config);
  const second = await startDaemon(config);
  await until("both have read", async () => {
    const rounds = async (daemon: typeof first) => {
      const polls = await Promise.all(
        world.tenants.map(({ id }) =>
          daemon.metric("poll_total", { tenant: id, source: "graph_alerts", outcome: "completed" }),
        ),
      );
      return polls.reduce((sum, count) => sum + count, 0);
    };
    return (await rounds(first)) > 0 && (await rounds(second)) > 0;
  });
  expect(world.balance()).toMatchObject(AT_PEACE);

  first.child.kill("SIGKILL");
  await first.ended;
  const killedAt = Date.now();
  const counts = world.tenants.map(({ graph }) => graph.requests.length);
  await until(
    "every tenant is read again",
    () => world.tenants.every(({ graph }, index) => graph.requests.length > (counts[index] ?? 0) + 1),
    100_000,
  );
  const takenOverMs = Date.now() - killedAt;
  traffic.stop();
  await until(
    "everything has arrived",
    () => world.balance().missing.length === 0 && world.balance().awaited === 0,
  );

  expect(takenOverMs).toBeLessThan(100_000);
  expect(world.balance()).toMatchObject({ altered: 0, alien: 0, crossed: 0 });
});

it("goes on by itself after Redis was away", async () => {
  const world = await newWorld("contoso");
  const queue = { dataDir: await temporaryFolder() };
  const daemon = await startDaemon(await writeConfig(configFor(world, { queue, http: TEST_HTTP })));
  world.tenant("contoso").add("graph_alerts", 10);
  await until("alerts flow", () => world.balance().delivered === 10);

  const pid = Number((await readFile(join(queue.dataDir, "redis.log"), "utf8")).match(/^(\d+):/)?.[1]);
  process.kill(pid, "SIGKILL");
  await until("it was started again", () => daemon.log().some(({ event }) => event === "redis.restarted"));
  world.tenant("contoso").add("graph_alerts", 10);
  await until("alerts flow again", () => world.balance().delivered === 20);

  expect(daemon.child.exitCode).toBeNull();
  expect(world.balance()).toMatchObject({ altered: 0, alien: 0, crossed: 0 });
});

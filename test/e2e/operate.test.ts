import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { startWorld, type World } from "../../src/simulate/world.ts";
import { configFor, PROGRAM, startDaemon, TEST_HTTP, writeConfig } from "../support/daemon.ts";
import { afterTest, start, temporaryFolder } from "../support/processes.ts";
import { until } from "../support/until.ts";

async function newWorld(...tenants: string[]) {
  const world = await startWorld({ tenants, limits: "none" });
  afterTest(() => world.close());
  return world;
}

async function checkConnect(world: World, ...more: string[]) {
  const config = await writeConfig(configFor(world, { queue: { dataDir: await temporaryFolder() } }));
  const run = start(process.execPath, [PROGRAM, "check", "--connect", "--config", config, ...more]);
  return { code: await run.ended, out: run.out() };
}

it("tells health to everyone, and status only to who has the token", async () => {
  const world = await newWorld("contoso");
  world.tenant("contoso").add("graph_alerts", 4);
  const http = { ...TEST_HTTP, token: "a-token-of-some-length" };
  const daemon = await startDaemon(
    await writeConfig(configFor(world, { queue: { dataDir: await temporaryFolder() }, http })),
  );
  await until("all have arrived", () => world.balance().delivered === 4);
  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${daemon.url}${path}`, { headers });
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

  expect(await (await get("/livez")).json()).toEqual({ status: "alive" });
  expect(await (await get("/readyz")).json()).toEqual({
    status: "ready",
    checks: { config: "ok", redis: "ok", pollers: "ok" },
  });
  expect((await get("/metrics")).headers.get("content-type")).toContain("text/plain");
  const open = await get("/metrics", {
    accept: "application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
  });
  expect(open.headers.get("content-type")).toContain("application/openmetrics-text");
  expect(await open.text()).toMatch(/\nalertferry_build_info\{version="\d+\.\d+\.\d+"\} 1\n(.*\n)*# EOF\n$/);
  expect((await get("/api/status")).status).toBe(401);
  expect((await get("/nothing")).status).toBe(401);
  expect((await get("/api/status", bearer("another-token"))).status).toBe(401);
  expect((await get("/nothing", bearer(http.token))).status).toBe(404);
  expect((await fetch(`${daemon.url}/livez`, { method: "POST" })).status).toBe(405);
  await until(
    "the ledger is at rest",
    async () => (await daemon.metric("sink_backlog_alerts", { sink: "splunk" })) === 0,
  );
  const status = await (await get("/api/status", bearer(http.token))).json();
  expect(status).toMatchObject({
    tenants: [
      {
        tenant: "contoso",
        source: "graph_alerts",
        cursor: expect.stringMatching(/^\d{4}-/),
        lagSeconds: expect.any(Number),
      },
    ],
    sinks: [{ sink: "splunk", backlogAlerts: 0, backlogBytes: 0, oldestSeconds: 0, resting: null }],
    ledger: [{ tenant: "contoso", sink: "splunk", enqueued: 4, delivered: 4, waiting: 0 }],
  });
});

it("counts in metrics what the source held and the receiver took", async () => {
  const world = await newWorld("contoso");
  world.tenant("contoso").add("graph_alerts", 25);
  const daemon = await startDaemon(
    await writeConfig(configFor(world, { queue: { dataDir: await temporaryFolder() }, http: TEST_HTTP })),
  );
  await until("all have arrived", () => world.balance().delivered === 25);
  const place = { tenant: "contoso", source: "graph_alerts" };
  const lane = { tenant: "contoso", sink: "splunk" };
  await until(
    "the overlap was read again",
    async () => (await daemon.metric("alerts_duplicate_total", place)) >= 25,
  );

  expect(await daemon.metric("alerts_new_total", place)).toBe(25);
  expect(await daemon.metric("alerts_read_total", place)).toBeGreaterThanOrEqual(50);
  expect(await daemon.metric("alerts_enqueued_total", lane)).toBe(25);
  expect(await daemon.metric("alerts_delivered_total", lane)).toBe(25);
  expect(await daemon.metric("delivery_latency_seconds_count", { sink: "splunk" })).toBe(25);
  expect(await daemon.metric("redis_up")).toBe(1);
  expect(await daemon.metric("poll_lag_seconds", place)).toBeLessThan(60);
});

it("checks every connection and exits with 0 when all are good", async () => {
  const world = await newWorld("contoso", "fabrikam");

  const { code, out } = await checkConnect(world);

  expect(out).toContain("ok       tenant contoso, graph_alerts: signed in and read a page (no alert in it)");
  expect(out).toContain("ok       tenant fabrikam, graph_alerts: signed in");
  expect(out).toContain("ok       sink splunk: splunk_hec is reachable and lets us in");
  expect(code).toBe(0);
  expect(world.hec.events).toHaveLength(0);
});

it("names what is wrong with a connection and what to do, and exits with 3", async () => {
  const world = await newWorld("contoso", "fabrikam");
  world.tenant("fabrikam").entra.roles.graph = [];
  const token = world.hec.tokens.get(world.hecToken);
  if (token !== undefined) token.disabled = true;

  const { code, out } = await checkConnect(world, "--json");

  const { findings } = JSON.parse(out) as {
    findings: { what: string; ok: boolean; says: string; todo: string }[];
  };
  const failed = findings.filter(({ ok }) => !ok);
  expect(failed.map(({ what }) => what)).toEqual(["sink splunk", "tenant fabrikam, graph_alerts"]);
  expect(failed[1]?.says).toContain("SecurityAlert.Read.All");
  expect(failed[1]?.todo).toContain("SecurityAlert.Read.All (Microsoft Graph)");
  expect(out).not.toContain(world.hecToken);
  expect(code).toBe(3);
});

it("prints the JSON Schema of the configuration", async () => {
  const run = start(process.execPath, [PROGRAM, "schema"]);

  expect(await run.ended).toBe(0);
  expect(JSON.parse(run.out())).toEqual(JSON.parse(await readFile("config/schema.json", "utf8")));
});

it("shows alerts travelling in the demo, and ends by itself with a balance", async () => {
  const run = start(process.execPath, [PROGRAM, "demo", "--for", "4s"]);

  expect(await run.ended).toBe(0);
  expect(run.out()).toMatch(/read = delivered \((\d+) = \1\)/);
  expect(run.out()).toContain("missing 0, duplicates 0, altered 0, at the wrong tenant 0");
});

it("takes a changed configuration over on SIGHUP, and keeps the old one when the new one is wrong", async () => {
  const world = await newWorld("contoso", "fabrikam");
  const shared = { queue: { dataDir: await temporaryFolder() }, http: TEST_HTTP };
  const both = configFor(world, shared);
  const one = { ...both, tenants: (both["tenants"] as unknown[]).slice(0, 1) };
  const file = await writeConfig(one);
  for (const tenant of world.tenants) tenant.add("graph_alerts", 3);
  const daemon = await startDaemon(file);
  await until("the first tenant's alerts have arrived", () => world.hec.events.length === 3);

  await writeFile(file, JSON.stringify({ ...both, tenants: "all of them" }));
  daemon.child.kill("SIGHUP");
  await until("the wrong file was refused", () =>
    daemon.log().some(({ event }) => event === "config.rejected"),
  );
  await writeFile(file, JSON.stringify(both));
  daemon.child.kill("SIGHUP");
  await until("the second tenant's alerts have arrived", () => world.balance().delivered === 6);

  expect(daemon.log().filter(({ event }) => event === "config.reloaded")).toHaveLength(1);
  expect(world.balance()).toMatchObject({ duplicates: 0, altered: 0 });
});

it("writes alerts to standard output and its log to standard error", async () => {
  const world = await newWorld("contoso");
  world.tenant("contoso").add("graph_alerts", 6);
  const sinks = { console: { type: "stdout" } };
  const config = configFor(world, {
    queue: { dataDir: await temporaryFolder() },
    http: TEST_HTTP,
    defaults: { sinks: ["console"] },
    sinks,
  });

  const daemon = await startDaemon(await writeConfig(config));
  await until("all were written", () => daemon.out().split("\n").length === 7);

  const lines = daemon
    .out()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { seq: number; tenant: string; event: { id: string } });
  expect(lines.map(({ seq }) => seq).sort()).toEqual([1, 2, 3, 4, 5, 6]);
  expect(new Set(lines.map(({ event }) => event.id))).toEqual(
    new Set(world.tenant("contoso").ledger.map(({ alertId }) => alertId)),
  );
  expect(daemon.err()).toContain('"event":"daemon.started"');
});

it("keeps waiting alerts unreadable with an encryption key", async () => {
  const world = await newWorld("contoso");
  const [version] = world.tenant("contoso").add("graph_alerts", 1);
  await world.hec.listener.stop();
  const dataDir = await temporaryFolder();
  const queue = { dataDir, encryptionKey: Buffer.alloc(32, 5).toString("base64"), appendfsync: "always" };

  const daemon = await startDaemon(await writeConfig(configFor(world, { queue, http: TEST_HTTP })));
  await until("it waits", async () => (await daemon.metric("sink_backlog_alerts", { sink: "splunk" })) === 1);
  const journal = await readFile(join(dataDir, "appendonlydir", "appendonly.aof.1.incr.aof"), "latin1");
  await world.hec.listener.start();
  await until("it has arrived", () => world.balance().delivered === 1);

  expect(journal).toContain("alertferry:batch:b-");
  expect(journal).not.toContain((JSON.parse(version?.raw ?? "{}") as { title: string }).title);
});

it("takes a secret anew when its file changes, and a sink that was refused heals without a restart", async () => {
  const world = await newWorld("contoso");
  world.tenant("contoso").add("graph_alerts", 6);
  const folder = await temporaryFolder();
  const secret = join(folder, "token");
  await writeFile(secret, "00000000-0000-4000-8000-000000000000");
  const splunk = {
    type: "splunk_hec",
    url: world.hec.listener.origin,
    token: `\${file:${secret}}`,
    retry: { minDelay: "100ms", maxDelay: "300ms" },
  };
  const queue = { dataDir: await temporaryFolder() };
  const daemon = await startDaemon(
    await writeConfig(configFor(world, { queue, http: TEST_HTTP, sinks: { splunk } })),
  );
  await until("the sink is blocked", () => daemon.log().some(({ event }) => event === "sink.opened"));

  await writeFile(secret, world.hecToken);
  await until("all have arrived", () => world.balance().delivered === 6);

  const { ledger } = await daemon.snapshot();
  expect(daemon.child.exitCode).toBeNull();
  expect(ledger[0]?.dead).toEqual({});
  expect(world.balance()).toMatchObject({ duplicates: 0, missing: [] });
});

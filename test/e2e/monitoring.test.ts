import { writeFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { startWorld, type World } from "../../src/simulate/world.ts";
import { METRICS } from "../../src/telemetry/measures.ts";
import { configFor, startDaemon, TEST_HTTP, writeConfig } from "../support/daemon.ts";
import { panelQueries } from "../support/dashboard.ts";
import { afterTest } from "../support/processes.ts";
import { type Prometheus, quickRules, shippedExpressions, startPrometheus } from "../support/prometheus.ts";
import { startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";

const TENANTS = ["adatum", "contoso", "fabrikam", "northwind"];
const EACH = 15;
const LATE = 5;
const LATE_MS = 6000;
const DAY_MS = 86_400_000;
const VARIABLES = { tenant: ".*", sink: ".*", __rate_interval: "20s", __range: "1m" };
/** Tenants that pace themselves or are unusually quiet, and incidents without their alerts, are none in this world. */
const NOTHING_TO_SHOW = ["Paced A", "Read again, left out, shortened E", "Tenants by lag C"];
const NEVER_COUNTED = ["alerts_incomplete_total", "poll_paced_total"];

/** Two sinks and four tenants, each with an application of its own; the secret of contoso ends in three days. */
async function startScene() {
  const world = await startWorld({
    tenants: TENANTS,
    limits: "none",
    apps: "per-tenant",
    tokenLifetimeSeconds: 2,
  });
  afterTest(() => world.close());
  const backup = await world.addHec();
  const redis = await startRedis();
  const sink = { type: "splunk_hec", token: world.hecToken, retry: { minDelay: "100ms", maxDelay: "1s" } };
  const plain = configFor(world, {
    queue: { redis: redis.url },
    http: TEST_HTTP,
    defaults: { sinks: ["splunk", "backup"], poll: { interval: "1s", overlap: "5m", initialLookback: "1h" } },
    sinks: {
      splunk: { ...sink, url: world.hec.listener.origin },
      backup: { ...sink, url: backup.hec.listener.origin, backlog: { maxBytes: "30KB" } },
    },
  });
  const configOf = (ids: readonly string[], days: number) => {
    const expires = new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10);
    const tenants = ids.map((id) => {
      const { tenantId, clientId, app } = world.tenant(id);
      const auth = { type: "client-secret", clientId, clientSecret: app.secrets.at(-1)?.value };
      return { id, tenantId, auth: id === "contoso" ? { ...auth, expires } : auth };
    });
    return { ...plain, tenants };
  };
  for (const { add } of world.tenants) add("graph_alerts", EACH, { size: "small" });
  const file = await writeConfig(configOf(TENANTS, 3));
  const daemon = await startDaemon(file);
  const prometheus = await startPrometheus({ targets: [daemon.url], rules: await quickRules() });
  return {
    world,
    backup,
    daemon,
    prometheus,
    /** Changes what the ledger says is queued for a tenant. */
    falsify: (tenant: string, by: number) =>
      redis.client.hincrby("alertferry:ledger:splunk", `${tenant}|enqueued`, by),
    async reload(ids: readonly string[], days: number) {
      await writeFile(file, JSON.stringify(configOf(ids, days)));
      daemon.child.kill("SIGHUP");
    },
  };
}

/** What an expression says of each tenant. */
async function byTenant(prometheus: Prometheus, expression: string): Promise<Record<string, number>> {
  const samples = await prometheus.query(`sum by (tenant) (${expression})`);
  return Object.fromEntries(samples.map(({ labels, value }) => [labels["tenant"] ?? "", value]));
}

function heldBy(world: World): Record<string, number> {
  return Object.fromEntries(world.tenants.map(({ id, ledger }) => [id, ledger.length]));
}

/** What fires for a reason of this test, and not because the machine has more to do than this test. */
async function firing(prometheus: Prometheus): Promise<readonly string[]> {
  return (await prometheus.firing()).filter((name) => name !== "AlertferryEventLoopLag");
}

async function untilFiring(prometheus: Prometheus, names: readonly string[]): Promise<void> {
  await until(`these fire and no other: ${names}`, async () => `${await firing(prometheus)}` === `${names}`);
}

/** Names of the alerts that come up, each once, until all of these have. */
async function firedUntil(prometheus: Prometheus, names: readonly string[]): Promise<readonly string[]> {
  const fired = new Set<string>();
  await until(`all of these have fired: ${names}`, async () => {
    for (const name of await firing(prometheus)) fired.add(name);
    return names.every((name) => fired.has(name));
  });
  return [...fired].sort();
}

it("tells a real Prometheus the truth, fires each alert whose cause is there, and clears it", async () => {
  const { world, backup, daemon, prometheus, falsify, reload } = await startScene();
  const of = (metric: string, sink: string) => `alertferry_${metric}{sink="${sink}"}`;
  await until("all have arrived", async () => {
    const [sample] = await prometheus.query("sum(alertferry_alerts_delivered_total)");
    return sample?.value === 2 * TENANTS.length * EACH;
  });
  await untilFiring(prometheus, ["AlertferryCredentialExpiresWithin7Days"]);
  expect(await byTenant(prometheus, "alertferry_alerts_new_total")).toEqual(heldBy(world));

  // What goes wrong, all at once: an alert that nobody can take, a sink that is down, a tenant that is throttled, one
  // whose secret has expired, and a ledger that somebody wrote to. Microsoft shows some alerts late.
  world.tenant("contoso").add("graph_alerts", LATE, { lateMs: LATE_MS, size: "small" });
  const [poison] = world.tenant("adatum").add("graph_alerts", 3, { size: "small" });
  world.hec.poison = ({ fields }) => fields["alert_id"] === poison?.alertId;
  await backup.hec.listener.stop();
  world.tenant("northwind").graph.fault = { kind: "throttled", retryAfter: "1" };
  const { app } = world.tenant("fabrikam");
  app.secrets = app.secrets.map(({ value }) => ({ value, expired: true }));
  await falsify("contoso", 3);
  const traffic = world.traffic({ perSecond: 20, updates: 0, ties: 0 });
  const causes = [
    "AlertferryApplicationRefused",
    "AlertferryBacklogOld",
    "AlertferryCredentialExpiresWithin7Days",
    "AlertferryDeadLetters",
    "AlertferryGapsOpen",
    "AlertferryLedgerUnbalanced",
    "AlertferrySinkResting",
    "AlertferryTenantNotRead",
    "AlertferryTenantThrottled",
  ];
  expect(await firedUntil(prometheus, causes)).toEqual(causes);
  const empty: string[] = [];
  for (const { name, expression } of panelQueries(VARIABLES)) {
    if ((await prometheus.query(expression)).length === 0) empty.push(name);
  }
  const told = await prometheus.query('group by (__name__) ({__name__=~"alertferry_.+"})');
  const names = told.map(({ labels }) => labels["__name__"]?.replace(/_(bucket|count|sum)$/, ""));
  expect(Object.keys(METRICS).filter((name) => !names.includes(`alertferry_${name}`))).toEqual(NEVER_COUNTED);
  for (const expression of shippedExpressions()) await prometheus.query(expression);
  expect(empty.sort()).toEqual(NOTHING_TO_SHOW);
  expect(await prometheus.brokenRules()).toEqual([]);

  // All is mended but the poison alert, which stays a dead letter; then a customer leaves.
  traffic.stop();
  await backup.hec.listener.start();
  world.tenant("northwind").graph.fault = undefined;
  app.secrets = [...app.secrets, { value: "another-secret" }];
  await falsify("contoso", -3);
  await reload(TENANTS, 400);
  const held = heldBy(world);
  const all = Object.values(held).reduce((sum, count) => sum + count, 0);
  await until("the other sink has them all", () => backup.tally.balance().delivered === all);
  await until("Prometheus knows", async () => {
    const [sample] = await prometheus.query("sum(alertferry_alerts_delivered_total)");
    return sample?.value === 2 * all - 1;
  });
  const delivered = await byTenant(prometheus, of("alerts_delivered_total", "splunk"));
  expect(delivered).toEqual({ ...held, adatum: (held["adatum"] ?? 0) - 1 });
  expect(world.balance().delivered).toBe(all - 1);
  expect(await prometheus.query("alertferry_alerts_dead_lettered_total")).toMatchObject([
    { labels: { tenant: "adatum", sink: "splunk", reason: "rejected" }, value: 1 },
  ]);
  const hops = (what: string, hop: string) =>
    prometheus.value(`sum(alertferry_delivery_hop_seconds_${what}{sink="splunk",hop=~"${hop}"})`);
  for (const hop of ["read", "enqueued"]) expect(await hops("count", hop)).toBe(all);
  expect(await hops("count", "accepted")).toBe(all - 1);
  const ours = await hops("sum", "read|enqueued|accepted");
  const latency = await prometheus.value(of("delivery_latency_seconds_sum", "splunk"));
  // The dead letter was read as well, and accepted by nobody.
  expect(ours).toBeGreaterThan(latency);
  expect(ours / latency).toBeCloseTo(1, 1);
  const published = await hops("sum", "published");
  expect(published).toBeGreaterThan(LATE);
  // Some times are stored to the second. What waited for us, many times as long, is not Microsoft's.
  expect(published).toBeLessThan((2 * LATE * LATE_MS) / 1000);

  await reload(TENANTS.slice(1), 400);
  await untilFiring(prometheus, []);
  expect(await prometheus.query('{tenant="adatum", job="alertferry"}')).toEqual([]);
  expect(await prometheus.query('alertferry_poll_failures{tenant="contoso"}')).toHaveLength(1);

  daemon.child.kill("SIGSTOP");
  const missed = ["AlertferryGone", "AlertferryReplicaDown"];
  expect(await firedUntil(prometheus, missed)).toEqual(missed);
  daemon.child.kill("SIGCONT");
  await untilFiring(prometheus, []);
});

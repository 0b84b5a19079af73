import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Redis } from "ioredis";
import { expect, it } from "vitest";
import { parseTicks } from "../../src/model/ticks.ts";
import { createKeys } from "../../src/queue/keys.ts";
import { sentCell } from "../../src/queue/sent.ts";
import { startWorld } from "../../src/simulate/world.ts";
import { configFor, runCommand, startDaemon, TEST_HTTP, writeConfig } from "../support/daemon.ts";
import { afterTest, temporaryFolder } from "../support/processes.ts";
import { startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";

const KEYS = createKeys("alertferry");
const AT_PEACE = { duplicates: 0, altered: 0, alien: 0, crossed: 0 };

/** A tenant whose alerts are delivered in batches of ten, on a Redis that the test can reach into. */
async function delivered(alerts: number) {
  const world = await startWorld({ tenants: ["contoso"], limits: "none" });
  afterTest(() => world.close());
  const { url, client } = await startRedis();
  const splunk = {
    type: "splunk_hec",
    url: world.hec.listener.origin,
    token: world.hecToken,
    batch: { maxAlerts: 10 },
    retry: { minDelay: "50ms", maxDelay: "200ms" },
  };
  const config = await writeConfig(
    configFor(world, { queue: { redis: url }, http: TEST_HTTP, sinks: { splunk } }),
  );
  const versions = world.tenant("contoso").add("graph_alerts", alerts, { spreadMs: 600_000 });
  const daemon = await startDaemon(config);
  await until("all have arrived", () => world.balance().delivered === alerts);
  await settled(client);
  return { world, client, config, versions, daemon };
}

async function settled(client: Redis): Promise<void> {
  await until("nothing waits", async () => (await client.zcard(KEYS.waiting("splunk"))) === 0);
}

interface Reconciled {
  readonly checked: number;
  readonly missing: readonly {
    readonly alertId: string;
    readonly why: string;
    readonly seq: number | null;
  }[];
  readonly queued: number;
}

async function reconcile(config: string, ...more: string[]) {
  const { code, out, err } = await runCommand(
    config,
    ...["reconcile", "--tenant", "contoso", "--since", "24h", "--json", ...more],
  );
  expect(err).toBe("");
  const [report] = JSON.parse(out) as Reconciled[];
  const { checked, queued, missing = [] } = report ?? {};
  return { code, checked, queued, missing };
}

/** Until the rounds' cursor has passed every alert: `reconcile` leaves out what no round has come to. */
async function comparable(config: string, alerts: number): Promise<void> {
  await until("the rounds have come to them", async () => (await reconcile(config)).checked === alerts);
}

function idsOf(missing: Reconciled["missing"]): string[] {
  return missing.map(({ alertId }) => alertId).sort();
}

it("names exactly the alerts of a batch that the ledger has forgotten, and brings exactly them", async () => {
  const { world, client, config, versions, daemon } = await delivered(60);
  await comparable(config, 60);
  // A round would meet what is within the overlap by itself.
  daemon.child.kill("SIGTERM");
  await daemon.ended;
  const victims = new Set(world.hec.events.slice(20, 30).map(({ fields }) => fields["alert_id"]));
  for (const { alertId, updatedText } of versions.filter((version) => victims.has(version.alertId))) {
    const cell = sentCell(KEYS.sent("contoso", "graph_alerts", "splunk"), {
      id: alertId,
      version: String(parseTicks(updatedText)),
    });
    expect(await client.hdel(cell.key, cell.field)).toBe(1);
  }

  const before = await reconcile(config);
  const fix = await reconcile(config, "--fix");
  await startDaemon(config);
  await until("they have arrived again", () => world.balance().duplicates >= 10);
  await settled(client);
  const after = await reconcile(config);

  expect(before).toMatchObject({ code: 3, queued: 0 });
  expect(idsOf(before.missing)).toEqual([...victims].map(String).sort());
  expect(before.missing.every(({ why }) => why === "never-queued")).toBe(true);
  expect(fix).toMatchObject({ code: 0, queued: 10 });
  expect(world.balance().duplicates).toBe(10);
  expect(after).toEqual({ code: 0, checked: 60, queued: 0, missing: [] });
});

it("names what was queued and is neither delivered nor waiting, and fills the hole in the numbers", async () => {
  const { world, client, config, daemon } = await delivered(20);
  world.hec.fault = { kind: "queue-full" };
  const more = world.tenant("contoso").add("graph_alerts", 30);
  await until("they wait", async () => (await client.zcard(KEYS.waiting("splunk"))) >= 3);
  daemon.child.kill("SIGKILL");
  await daemon.ended;
  const [batch = ""] = await client.zrange(KEYS.waiting("splunk"), 0, "0");
  await client.del(KEYS.batch(batch));
  world.hec.fault = undefined;

  const second = await startDaemon(config);
  await until("the others have arrived", () => world.balance().delivered === 40, 100_000);
  await comparable(config, 50);
  const before = await reconcile(config);
  const fix = await reconcile(config, "--fix");
  expect(fix).toMatchObject({ code: 0, queued: 10 });
  await until("all have arrived", () => world.balance().delivered === 50);
  await settled(client);
  const after = await reconcile(config);

  expect(before.code).toBe(3);
  expect(before.missing.map(({ why }) => why)).toEqual(Array.from({ length: 10 }, () => "lost"));
  expect(more.map(({ alertId }) => alertId)).toEqual(expect.arrayContaining(idsOf(before.missing)));
  expect(after).toEqual({ code: 0, checked: 50, queued: 0, missing: [] });
  expect(new Set(world.hec.events.map(({ fields }) => Number(fields["seq"])))).toEqual(
    new Set(Array.from({ length: 50 }, (_, index) => index + 1)),
  );
  const [row] = (await second.snapshot()).ledger;
  expect(row).toMatchObject({ enqueued: 50, delivered: 50, waiting: 0, bytes: 0, seq: 50 });
  expect(world.balance()).toMatchObject({ ...AT_PEACE, missing: [] });
});

it("compares with what the receiver says it has, and sends again what that lacks, as a replay", async () => {
  const { world, client, config } = await delivered(30);
  const lost = world.hec.events.slice(10, 15);
  const kept = world.hec.events.filter((event) => !lost.includes(event));
  const file = join(await temporaryFolder(), "received.csv");
  await writeFile(file, ["event_id", ...kept.map(({ fields }) => `"${fields["event_id"]}"`)].join("\n"));

  await comparable(config, 30);
  const report = await reconcile(config, "--received", file, "--fix");
  await until("they have arrived again", () => world.balance().replayed === 5);
  await settled(client);

  expect(idsOf(report.missing)).toEqual(lost.map(({ fields }) => String(fields["alert_id"])).sort());
  expect(report).toMatchObject({ code: 0, queued: 5 });
  const again = world.hec.events.slice(30);
  expect(again.map(({ fields }) => fields["seq"]).sort()).toEqual(
    lost.map(({ fields }) => fields["seq"]).sort(),
  );
  expect(world.balance()).toMatchObject(AT_PEACE);
});

it("replays a span under the numbers of the first sending", async () => {
  const { world, client, config } = await delivered(40);
  const span = ["replay", "--tenant", "contoso", "--since", "1h"];
  const count = await runCommand(config, ...span, "--dry-run", "--json");
  const first = world.hec.events.length;

  const replayed = await runCommand(config, ...span, "--wait", "--json");
  await until("all have arrived again", () => world.balance().replayed === 40);
  await settled(client);

  expect(JSON.parse(count.out)).toEqual([
    { tenant: "contoso", source: "graph_alerts", sink: "splunk", alerts: 40 },
  ]);
  expect(first).toBe(40);
  expect(JSON.parse(replayed.out)).toMatchObject({ queued: 40 });
  const numbers = (from: number) =>
    new Map(world.hec.events.slice(from, from + 40).map(({ fields }) => [fields["event_id"], fields["seq"]]));
  expect(numbers(40)).toEqual(numbers(0));
  expect(world.balance()).toMatchObject(AT_PEACE);
});

it("keeps a refused alert with the receiver's words, and delivers it once the receiver is mended", async () => {
  const world = await startWorld({ tenants: ["contoso"], limits: "none" });
  afterTest(() => world.close());
  const versions = world.tenant("contoso").add("graph_alerts", 500, { spreadMs: 60_000, size: "small" });
  const poisoned = versions[321]?.alertId ?? "";
  world.hec.poison = (event) => event.bytes.includes(`"id":"${poisoned}"`);
  const queue = { dataDir: await temporaryFolder() };
  const config = await writeConfig(configFor(world, { queue, http: TEST_HTTP }));
  const daemon = await startDaemon(config);
  await until("all but one are settled", async () => {
    const { ledger } = await daemon.snapshot();
    return ledger[0]?.delivered === 499 && ledger[0].waiting === 0;
  });

  const listed = JSON.parse((await runCommand(config, "dead-letters", "list", "--json")).out);
  const shown = await runCommand(config, "dead-letters", "show", listed[0].id);
  const early = await runCommand(config, "dead-letters", "retry", "--all");
  await until(
    "it was refused again",
    async () => (await daemon.metric("dead_letters", { sink: "splunk" })) === 1,
  );
  world.hec.poison = undefined;
  const retried = await runCommand(config, "dead-letters", "retry", "--all", "--json");
  await until("it has arrived", () => world.balance().delivered === 500);
  const left = await runCommand(config, "dead-letters", "list", "--json");

  expect(listed).toHaveLength(1);
  expect(listed[0]).toMatchObject({
    alertId: poisoned,
    sink: "splunk",
    tenant: "contoso",
    reason: "rejected",
  });
  expect(listed[0].message).toContain("Invalid data format");
  expect(shown.out).toContain(`"id":"${poisoned}"`);
  expect(early.out).toContain("1 alert on the way again.");
  expect(JSON.parse(retried.out)).toEqual({ retried: 1, stay: 0 });
  expect(JSON.parse(left.out)).toEqual([]);
  expect(world.balance()).toMatchObject({ ...AT_PEACE, missing: [] });
  expect(new Set(world.hec.events.map(({ fields }) => Number(fields["seq"]))).size).toBe(500);
  const [row] = (await daemon.snapshot()).ledger;
  expect(row).toMatchObject({ enqueued: 502, delivered: 500, waiting: 0, dead: { rejected: 2 }, seq: 500 });
});

it("tells what became of an alert, why a tenant is quiet, and how everything stands", async () => {
  const { world, config, versions } = await delivered(5);
  const [first] = versions;
  world.tenant("contoso").graph.fault = { kind: "forbidden" };

  const alert = await runCommand(config, "explain", "alert", first?.alertId ?? "");
  const stranger = await runCommand(config, "explain", "alert", "no-such-alert");
  await until("a round has failed", async () =>
    (await runCommand(config, "explain", "tenant", "contoso")).out.includes("failed in a row"),
  );
  const tenant = await runCommand(config, "explain", "tenant", "contoso");
  const status = await runCommand(config, "status");

  expect(alert.out).toMatch(
    /contoso graph_alerts, revision 1 of .*, splunk: seq \d, batch b-[0-9a-f]{8}, queued .*, delivered .* after .* and 1 request/,
  );
  expect(stranger).toMatchObject({
    code: 3,
    out: expect.stringContaining("Nothing is known of alert no-such-alert"),
  });
  expect(tenant.out).toContain("unauthorized");
  expect(tenant.out).toContain("the customer's consent");
  expect(tenant.out).toContain("splunk: 5 alerts delivered, 0 waiting");
  expect(status.out).toContain("queued 5 = delivered 5 + dead-lettered 0 + waiting 0\n");
});

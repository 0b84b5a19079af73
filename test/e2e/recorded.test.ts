import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { startWorld } from "../../src/simulate/world.ts";
import { configFor, startDaemon, TEST_HTTP, writeConfig } from "../support/daemon.ts";
import { afterTest, temporaryFolder } from "../support/processes.ts";
import { until } from "../support/until.ts";

/** Recorded alerts of live tenants lie beside the checkout where their licences allow it. */
const RECORDED = resolve("../shared/data/defender");

const FILES = [
  { file: "graph-alerts-v2.ndjson", source: "graph_alerts" },
  { file: "graph-alert-updates.ndjson", source: "graph_alerts" },
  { file: "synthetic-graph-evidence.ndjson", source: "graph_alerts" },
  { file: "synthetic-alert-lifecycle.ndjson", source: "graph_alerts" },
  { file: "mde-alerts.ndjson", source: "mde_alerts" },
  { file: "mde-alerts-no-expand.ndjson", source: "mde_alerts" },
] as const;

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

interface Recorded {
  readonly tenantId?: string;
  readonly aadTenantId?: string;
  readonly id: string;
  readonly lastUpdateDateTime?: string;
  readonly lastUpdateTime?: string;
}

describe.runIf(existsSync(RECORDED))("recorded alerts", () => {
  it.each(FILES)("go through unharmed, byte for byte: $file", async ({ file, source }) => {
    const lines = readFileSync(resolve(RECORDED, file), "utf8").trim().split("\n");
    const records = lines.map((line) => {
      // The life of one alert is written as steps, with the alert of each inside.
      const raw = line.startsWith('{"step"')
        ? line.slice(line.indexOf('"alert":') + '"alert":'.length, -1)
        : line;
      return { raw, alert: JSON.parse(raw) as Recorded };
    });
    const tenantOf = ({ alert }: (typeof records)[number]) => alert.tenantId ?? alert.aadTenantId ?? "";
    const tenantIds = [...new Set(records.map(tenantOf).filter((id) => GUID.test(id)))];
    if (tenantIds.length === 0) tenantIds.push("00000000-0000-4000-8000-000000000001");
    const world = await startWorld({
      tenants: tenantIds.map((tenantId, index) => ({ id: `t${index}`, tenantId })),
      limits: "none",
    });
    afterTest(() => world.close());
    const queue = { dataDir: await temporaryFolder() };
    const defaults = { sources: [source] };
    const daemon = await startDaemon(
      await writeConfig(configFor(world, { queue, http: TEST_HTTP, defaults })),
    );
    const versionOf = ({ alert }: (typeof records)[number]) =>
      `${alert.id} ${alert.lastUpdateDateTime ?? alert.lastUpdateTime}`;
    const owed = new Map<string, string>();

    // Versions of one alert follow each other, as they did; a version repeated is not sent again.
    for (const [index, record] of records.entries()) {
      const tenant = world.tenants.find(({ tenantId }) => tenantId === tenantOf(record)) ?? world.tenants[0];
      tenant?.plant(source, record.raw, Date.now() - 1000);
      owed.set(versionOf(record), owed.get(versionOf(record)) ?? record.raw);
      const next = records[index + 1];
      if (next === undefined || records.slice(0, index + 1).some(({ alert }) => alert.id === next.alert.id)) {
        await until("all so far have arrived", () => world.hec.events.length >= owed.size);
      }
    }

    const arrived = world.hec.events.map(({ bytes }) => bytes.toString());
    const named = arrived.map((raw) => versionOf({ raw, alert: JSON.parse(raw) as Recorded }));
    expect(named.sort()).toEqual([...owed.keys()].sort());
    expect(arrived.sort()).toEqual([...owed.values()].sort());
    expect(daemon.log().filter(({ level }) => level === "error")).toEqual([]);
  });
});

it("carries numbers beyond 2^53, odd escapes and white space of the source to the receiver as they are", async () => {
  const world = await startWorld({ tenants: ["contoso"], limits: "none" });
  afterTest(() => world.close());
  const tenant = world.tenant("contoso");
  const now = new Date().toISOString();
  const raw = `{ "id":"da1_-1",\n "tenantId":"${tenant.tenantId}","lastUpdateDateTime":"${now}","createdDateTime":"${now}",
    "appId":9007199254740993123,"ratio":1.10,"title":"\\u00e9\\ud83d\\ude00 \\"quoted\\" \\\\ ]}","text":"é😀\u2028","evidence":[{"a":[[],{}]}] }`;
  tenant.plant("graph_alerts", raw, Date.now() - 1000);
  const queue = { dataDir: await temporaryFolder() };

  await startDaemon(await writeConfig(configFor(world, { queue, http: TEST_HTTP })));
  await until("it has arrived", () => world.hec.events.length === 1);

  expect(world.hec.events[0]?.bytes.toString()).toBe(raw);
});

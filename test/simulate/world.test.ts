import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { request } from "node:https";
import { promisify } from "node:util";
import { describe, expect, it, vi } from "vitest";
import { exactNumber } from "../../src/simulate/invention.ts";
import type { WorldTenant } from "../../src/simulate/tenant.ts";
import { startWorld, type World } from "../../src/simulate/world.ts";
import { aWorld, callApi, eventOf, get, post } from "./support.ts";

describe("the balance of a world", () => {
  it("is even when every version arrives once, whatever its numbers and letters", async () => {
    const world = await aWorld({ tenants: ["contoso", "fabrikam"] });
    for (const tenant of world.tenants) {
      for (const source of ["graph_alerts", "mde_alerts", "graph_incidents"] as const) tenant.add(source, 20);
    }

    await send(
      world,
      world.expected().map((version) => eventOf(version)),
    );

    expect(world.balance()).toEqual({
      held: 120,
      awaited: 0,
      owed: 120,
      delivered: 120,
      missing: [],
      duplicates: 0,
      replayed: 0,
      alien: 0,
      altered: 0,
      crossed: 0,
    });
  });

  it("names what is missing, and tells repetitions from replays", async () => {
    const { world, versions } = await aWorldWith(3);
    const [first, second] = versions.map((version) => eventOf(version));
    const replay = versions.map((version) => eventOf(version, { replay: "true" }))[1];

    await send(world, [first, first, second, replay]);

    const { missing, duplicates, replayed, delivered } = world.balance();
    expect({ missing, duplicates, replayed, delivered }).toEqual({
      missing: [versions[2]],
      duplicates: 1,
      replayed: 1,
      delivered: 2,
    });
    expect(versions.map((version) => world.tally.arrivals(version))).toEqual([2, 2, 0]);
  });

  it("takes an alert written anew for the same, unless a value has changed", async () => {
    const world = await aWorld();
    const [spaced, lossy] = world
      .tenant("contoso")
      .add("graph_alerts", 2, { with: { appId: exactNumber("9223372036854775807") } });
    if (spaced === undefined || lossy === undefined) throw new Error("no alerts");

    await send(world, [
      `{"event":${spaced.raw.replace(",", " ,\n")}}`,
      `{"event":${JSON.stringify(JSON.parse(lossy.raw))}}`,
    ]);

    expect(world.balance()).toMatchObject({ delivered: 2, altered: 1, alien: 0 });
    expect(world.tally.alterations.map(({ version }) => version)).toEqual([lossy]);
  });

  it("counts strangers, and alerts in another tenant's name", async () => {
    const { world, versions } = await aWorldWith(1);
    const planted = world.tenant("contoso").plant("graph_alerts", '{"id":"planted"}');

    await send(world, [
      '{"event":{"id":"nobody"}}',
      '{"event":"text"}',
      eventOf(planted),
      ...versions.map((version) => eventOf(version, { tenant_id: "somebody-else" })),
    ]);

    expect(world.balance()).toMatchObject({ held: 1, delivered: 1, alien: 3, crossed: 1 });
    expect(world.tally.aliens).toHaveLength(3);
  });

  it("does not owe what is not visible yet, or was superseded before anybody could see it", async () => {
    const world = await aWorld();
    const tenant = world.tenant("contoso");
    const [soon] = tenant.add("graph_alerts", 1, { lateMs: 60_000 });
    const [hasty] = tenant.add("graph_alerts", 1);
    if (soon === undefined || hasty === undefined) throw new Error("no alerts");
    const next = tenant.update(hasty);

    expect((await callApi(world, tenant, "graph", "/v1.0/security/alerts_v2")).body.value).toHaveLength(1);
    expect(world.expected()).toEqual([next]);
    expect(world.balance()).toMatchObject({ held: 3, awaited: 1, owed: 1, delivered: 0 });
    expect(world.expected({ graceMs: 60_000 })).toEqual([]);
    expect(world.expected({ of: ({ alertId }) => alertId === soon.alertId })).toEqual([]);
  });

  it("is kept for each receiver", async () => {
    const { world, versions } = await aWorldWith(2);
    const second = await world.addHec({ keep: "keys" });

    await send(
      world,
      versions.map((version) => eventOf(version)),
    );
    await post(second.hec, eventOf(versions[0] ?? fail()));

    expect([world.balance().delivered, second.tally.balance().delivered]).toEqual([2, 1]);
  });
});

describe("traffic", () => {
  it("makes new, changed, tied and late alerts at the rate asked for", async () => {
    const world = await aWorld({ tenants: ["contoso", "fabrikam"], quietBeforeUpdateMs: 0 });
    const traffic = world.traffic({
      perSecond: 2000,
      updates: 0.5,
      late: 0.2,
      lateMs: 50,
      ties: 0.3,
      sources: ["graph_alerts", "mde_alerts"],
      size: "small",
    });

    await vi.waitFor(() => expect(traffic.made).toBeGreaterThan(400), 10_000);
    traffic.stop();

    const ledger = world.tenants.flatMap(({ ledger }) => ledger);
    expect(ledger).toHaveLength(traffic.made);
    expect(new Set(ledger.map(({ source }) => source)).size).toBe(2);
    expect(ledger.some(({ revision }) => revision > 1)).toBe(true);
    expect(ledger.some((version, index) => version.updated === ledger[index - 1]?.updated)).toBe(true);
    expect(new Set(world.tenants.map(({ ledger }) => ledger.length > 0))).toEqual(new Set([true]));
  });

  it("changes only what everybody has had time to see", async () => {
    const world = await aWorld({ quietBeforeUpdateMs: 60_000 });
    const traffic = world.traffic({ perSecond: 2000, updates: 1, size: "small" });

    await vi.waitFor(() => expect(traffic.made).toBeGreaterThan(100));

    expect(world.tenant("contoso").ledger.every(({ revision }) => revision === 1)).toBe(true);
  });

  it("reaches a reader who reads again what may arrive late, every version once", async () => {
    const world = await aWorld({ tenants: ["contoso", "fabrikam"], quietBeforeUpdateMs: 0 });
    const readers = world.tenants.map((tenant) => aReader(world, tenant));
    const readAll = async () => {
      const { held, awaited } = world.balance();
      await Promise.all(readers.map((read) => read()));
      expect([world.balance().delivered, awaited]).toEqual([held, 0]);
    };
    const traffic = world.traffic({ perSecond: 500, updates: 0, late: 0.3, lateMs: 200, ties: 0.3 });

    await vi.waitFor(() => expect(traffic.made).toBeGreaterThan(200), 10_000);
    traffic.stop();
    await vi.waitFor(readAll, 20_000);
    for (const { ledger, update } of world.tenants)
      for (const version of ledger.slice(0, 20)) update(version, { lateMs: 50 });
    await vi.waitFor(readAll, 20_000);

    const { missing, ...rest } = world.balance();
    expect(missing.map(({ raw }) => raw)).toEqual([]);
    expect(rest).toMatchObject({ duplicates: 0, alien: 0, altered: 0, crossed: 0 });
  });
});

describe("a world", () => {
  it("gives what a configuration needs to speak to it", async () => {
    const world = await aWorld({
      tenants: [
        "contoso",
        { id: "fabrikam", name: "Fabrikam", tenantId: "00000000-0000-4000-8000-00000000fab1" },
      ],
    });

    expect(world.cloud).toMatchObject({
      authority: expect.stringMatching(/^https:\/\/127\.0\.0\.1:\d+$/),
      graph: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      defender: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    });
    expect(world.tenants).toMatchObject([
      { id: "contoso", name: "Contoso Ltd", clientId: world.tenant("fabrikam").clientId },
      { id: "fabrikam", name: "Fabrikam", tenantId: "00000000-0000-4000-8000-00000000fab1" },
    ]);
    expect(() => world.tenant("nobody")).toThrow("no tenant nobody");
  });

  it("may have a receiver that speaks HTTPS", async () => {
    const world = await aWorld({ hec: { secure: true } });
    const ca = readFileSync(world.cloud.ca);

    const status = await new Promise((resolve, reject) => {
      request(`${world.hec.url}/services/collector/health`, { ca, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on("error", reject)
        .end();
    });

    expect([world.hec.url.slice(0, 8), status]).toEqual(["https://", 200]);
  });

  it("takes in a tenant while it runs", async () => {
    const world = await aWorld({ apps: "per-tenant" });
    const tenant = world.addTenant("fabrikam");
    tenant.add("graph_alerts", 1);

    expect((await callApi(world, tenant, "graph", "/v1.0/security/alerts_v2")).body.value).toHaveLength(1);
    expect(tenant.clientId).not.toBe(world.tenant("contoso").clientId);
  });

  it("refuses connections and takes its files away when it is closed", async () => {
    const world = await startWorld({ tenants: ["contoso"] });
    const { hec } = await world.addHec();
    world.defender.faults.graph.fault = { kind: "hang" };
    const hanging = expect(get(`${world.cloud.graph}/v1.0/security/alerts_v2`)).rejects.toThrow(
      "fetch failed",
    );

    await world.close();

    await hanging;
    await expect(get(`${hec.url}/services/collector/health`)).rejects.toThrow("fetch failed");
    expect(existsSync(world.cloud.ca)).toBe(false);
  });

  it("keeps no process alive once it is closed", async () => {
    const script = `
      import { startWorld } from ${JSON.stringify(new URL("../../src/simulate/world.ts", import.meta.url).href)};
      const world = await startWorld({ tenants: ["contoso"] });
      await world.addHec({ secure: true });
      world.traffic({ perSecond: 10 });
      await fetch(world.hec.url + "/services/collector/health");
      await world.close();
      console.log("closed");`;

    const { stdout } = await promisify(execFile)(process.execPath, [
      "--import",
      "tsx",
      "--input-type=module",
      "-e",
      script,
    ]);

    expect(stdout).toBe("closed\n");
  });
});

/** A reader as simple as can be: reads all of it again and again, and forwards what it has not seen. */
function aReader(world: World, tenant: WorldTenant): () => Promise<void> {
  const seen = new Set<string>();
  return async () => {
    const { body } = await callApi(world, tenant, "graph", `/v1.0/security/alerts_v2?$top=1000`);
    const fresh = tenant.ledger.filter(({ alertId, updatedText }) =>
      body.value.some(
        (alert: Record<string, unknown>) =>
          alert["id"] === alertId && alert["lastUpdateDateTime"] === updatedText,
      ),
    );
    const unsent = fresh.filter(({ alertId, updatedText }) => !seen.has(`${alertId} ${updatedText}`));
    for (const { alertId, updatedText } of unsent) seen.add(`${alertId} ${updatedText}`);
    if (unsent.length > 0)
      await send(
        world,
        unsent.map((version) => eventOf(version)),
      );
  };
}

async function aWorldWith(count: number) {
  const world = await aWorld();
  return { world, versions: world.tenant("contoso").add("graph_alerts", count) };
}

async function send(world: World, events: readonly (string | undefined)[]): Promise<void> {
  expect((await post(world.hec, events.join("\n"))).body).toEqual({ text: "Success", code: 0 });
}

function fail(): never {
  throw new Error("no alert");
}

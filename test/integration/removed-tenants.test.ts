import { beforeEach, describe, expect, it } from "vitest";
import { lookAtTenants } from "../../src/daemon/upkeep.ts";
import { readingLetter } from "../../src/model/dead-letter.ts";
import { alerts, anAlert, CONTOSO } from "../support/alerts.ts";
import { DAY_MS, FENCE, NEW, openBench, PLACE, type StoreBench } from "./bench.ts";

const FABRIKAM = { ...CONTOSO, id: "fabrikam" };
/** A tenant may bear the name of a sink, or of what keys begin with. */
const SPLUNK = { ...CONTOSO, id: "splunk" };
const NOON = 17_778_730_110_000_000n;
const START_MS = 1_000_000_000_000;
const KEPT_MS = 30 * DAY_MS;

let bench: StoreBench;
let told: (readonly [tenant: string, lastMs: number])[];

beforeEach(async () => {
  bench = await openBench();
  told = [];
});

/** What a daemon does now and then that has these tenants in its configuration. */
async function look(tenants: readonly string[], nowMs: number): Promise<void> {
  const config = {
    tenants: tenants.map((id) => ({ id })),
    queue: { rememberRemoved: KEPT_MS },
  };
  await lookAtTenants(bench.store, config, { tenantForgotten: (...what) => told.push(what) }, nowMs);
}

/** Gives a tenant all that can be known of one: two alerts are delivered, one is set aside, windows are open. */
async function live(tenant = CONTOSO): Promise<void> {
  const { store } = bench;
  const at = { tenant: tenant.id, source: PLACE.source };
  await store.begin(at, { since: NOON, from: NOON });
  const batch = await bench.sealed(alerts(2), { id: `b-${tenant.id}`, tenant });
  const step = { cursor: NOON + 5n, since: NOON, roundMs: 1, queued: [] };
  await store.commit(FENCE, at, step);
  await store.noteRound(
    at,
    { atMs: 5, outcome: "completed", code: undefined, message: undefined, failures: 0, nextMs: 9 },
    true,
  );
  const letter = readingLetter(at, anAlert({ id: tenant.id }), "rejected", "words", 9);
  await store.setAside(FENCE, tenant.id, [letter]);
  await store.settle(batch, { delivered: 2, dead: [], attempts: 1 }, 9);
  const span = { from: NOON, to: NOON + 1n };
  const window = {
    id: `replay.${tenant.id}`,
    kind: "replay",
    ...at,
    sinks: ["splunk"],
    createdMs: 1,
  } as const;
  await store.openWindow({ ...window, ...span });
  await store.recordGap(FENCE, at, { sink: "splunk", pointer: "live.splunk", known: undefined }, span, 1);
  await store.takeCall(tenant.id, "graph", [{ most: 9, spanMs: 60_000 }]);
}

/** Every key that names the tenant where its own keys do, and what others hold of it. */
async function tracesOf(tenant: string): Promise<readonly string[]> {
  const keys = await bench.server.client.keys("test:*");
  const ofOthers = (await bench.store.openWindows()).filter((window) => window.tenant === tenant);
  const rows = await Promise.all(["splunk", "-"].map((sink) => bench.row(sink, tenant)));
  return [
    ...keys.filter((key) => key.split(":")[2] === tenant),
    ...ofOthers.map(({ id }) => id),
    ...rows.filter((row) => row !== undefined).map(({ sink }) => `ledger of ${sink}`),
  ].sort();
}

describe("a tenant that was removed", () => {
  it("goes on where it was when it comes back in time", async () => {
    await live();
    const before = await tracesOf("contoso");
    await look(["contoso"], START_MS);

    await look([], START_MS + KEPT_MS);
    await look(["contoso"], START_MS + KEPT_MS);
    await look([], START_MS + 2 * KEPT_MS);

    expect(before.length).toBeGreaterThan(5);
    expect(await tracesOf("contoso")).toEqual(before);
    expect(told).toEqual([]);
  });

  it("is forgotten once it has been away for long, and nobody else is", async () => {
    const others = [FABRIKAM, SPLUNK];
    for (const tenant of [CONTOSO, ...others]) await live(tenant);
    const before = await Promise.all(others.map(({ id }) => tracesOf(id)));
    await look(["contoso", "fabrikam", "splunk"], START_MS);
    const ids = others.map(({ id }) => id);

    await look(ids, START_MS + KEPT_MS + 1);
    await look(ids, START_MS + KEPT_MS + 2);

    expect(told).toEqual([["contoso", START_MS]]);
    expect(await tracesOf("contoso")).toEqual([]);
    expect(await Promise.all(ids.map(tracesOf))).toEqual(before);
    expect((await bench.store.readState("contoso", PLACE.source)).reach).toBeUndefined();
  });

  it("that bears the name of a sink takes nothing of that sink along", async () => {
    for (const tenant of [CONTOSO, SPLUNK]) await live(tenant);
    const before = await tracesOf("contoso");
    await look(["contoso", "splunk"], START_MS);

    await look(["contoso"], START_MS + KEPT_MS + 1);

    expect(told).toEqual([["splunk", START_MS]]);
    expect(await tracesOf("contoso")).toEqual(before);
    const at = { ...PLACE, sink: "splunk" };
    expect(await bench.store.sent(at, alerts(2))).toMatchObject([{ seq: 1 }, { seq: 2 }]);
  });

  it("stays as long as one replica has it, whatever the others have", async () => {
    await live();
    const before = await tracesOf("contoso");

    for (let day = 0; day < 90; day++) {
      await look(["contoso"], START_MS + day * DAY_MS);
      await look(["fabrikam"], START_MS + day * DAY_MS + 1000);
    }

    expect(told).toEqual([]);
    expect(await tracesOf("contoso")).toEqual(before);
  });

  it("leaves a ledger that adds up, and its dead letters to a person", async () => {
    for (const tenant of [CONTOSO, FABRIKAM]) await live(tenant);
    await look(["contoso", "fabrikam"], START_MS);

    await look(["fabrikam"], START_MS + KEPT_MS + 1);

    const rows = await bench.store.ledger("splunk");
    expect(rows).toMatchObject([{ tenant: "fabrikam", enqueued: 2, delivered: 2, waiting: 0 }]);
    expect(await bench.store.backlogBytes("splunk")).toBe(0);
    expect((await bench.store.deadLetters()).map(({ tenant }) => tenant).sort()).toEqual([
      "contoso",
      "fabrikam",
    ]);
  });

  it("waits for what still waits for a sink", async () => {
    await live();
    const batch = await bench.sealed([anAlert({ id: "late" })], { id: "b-late" }, NEW);
    await look(["contoso"], START_MS);

    await look([], START_MS + KEPT_MS + 1);
    expect(told).toEqual([]);
    expect(await bench.row()).toMatchObject({ enqueued: 3, delivered: 2, waiting: 1 });
    await bench.store.settle(batch, { delivered: 1, dead: [], attempts: 1 }, 9);
    await look([], START_MS + KEPT_MS + 2);

    expect(told).toEqual([["contoso", START_MS]]);
    expect(await tracesOf("contoso")).toEqual([]);
    expect(await bench.store.backlogBytes("splunk")).toBe(0);
  });

  it("is not forgotten by who learned of it before it came back", async () => {
    await live();
    const before = await tracesOf("contoso");
    await look(["contoso"], START_MS);
    const [removed] = await bench.store.removedTenants(START_MS + 1);
    await look(["contoso"], START_MS + KEPT_MS);

    expect(await bench.store.forgetTenant(removed!)).toBe(false);

    expect(await tracesOf("contoso")).toEqual(before);
  });

  it("is forgotten by one of two daemons that look at the same time", async () => {
    await live();
    await look(["contoso"], START_MS);

    await Promise.all([look([], START_MS + KEPT_MS + 1), look([], START_MS + KEPT_MS + 1)]);

    expect(told).toHaveLength(1);
    expect(await tracesOf("contoso")).toEqual([]);
  });
});

import { describe, expect, it } from "vitest";
import { parseTicks } from "../../src/model/ticks.ts";
import { createTenantStore, type StoreQuery } from "../../src/simulate/tenant-store.ts";
import { plantedVersion, type Version } from "../../src/simulate/version.ts";

const EVERYTHING: StoreQuery = {
  from: undefined,
  to: undefined,
  test: undefined,
  by: "updated",
  descending: false,
  skip: 0,
  top: 100,
};

describe("what a source shows", () => {
  it("is each alert's newest version that has become visible", () => {
    const store = createTenantStore();
    const first = aVersion("a", "05:00:00Z", 10);
    const second = aVersion("a", "05:00:01Z", 20);
    store.hold(first, 0);
    store.hold(second, 0);

    expect([9, 10, 19, 20].map((now) => store.current("a", now))).toEqual([undefined, first, first, second]);
    expect([first.supersededAt, second.supersededAt]).toEqual([20, undefined]);
    expect(store.ledger).toEqual([first, second]);
  });

  it("never goes back to an older version that arrives later", () => {
    const store = createTenantStore();
    const older = aVersion("a", "05:00:00Z", 20);
    const newer = aVersion("a", "05:00:01Z", 10);
    store.hold(older, 0);
    store.hold(newer, 0);

    expect(store.current("a", 30)).toBe(newer);
    expect(older.supersededAt).toBe(20);
    expect(store.query(EVERYTHING, 30).total).toBe(1);
  });

  it("is in the order of the update times, whatever the order of arrival", () => {
    const store = createTenantStore();
    for (const [id, at, visible] of [
      ["c", "05:00:03Z", 5],
      ["a", "05:00:01Z", 30],
      ["b", "05:00:02Z", 20],
    ] as const) {
      store.hold(aVersion(id, at, visible), 0);
    }

    const ids = (now: number, more: Partial<StoreQuery> = {}) =>
      store.query({ ...EVERYTHING, ...more }, now).versions.map(({ alertId }) => alertId);

    expect([ids(5), ids(20), ids(30)]).toEqual([["c"], ["b", "c"], ["a", "b", "c"]]);
    expect(ids(30, { descending: true })).toEqual(["c", "b", "a"]);
    expect(ids(30, { by: "created", descending: true })).toEqual(["c", "b", "a"]);
  });

  it("is cut to pages and bounds without losing count of the whole", () => {
    const store = createTenantStore();
    for (const second of [1, 2, 3, 4, 5]) store.hold(aVersion(String(second), `05:00:0${second}Z`, 0), 0);
    const bounds = { from: parseTicks("2026-05-04T05:00:02Z"), to: parseTicks("2026-05-04T05:00:05Z") };
    const page = (query: Partial<StoreQuery>) => {
      const { versions, total } = store.query({ ...EVERYTHING, ...query }, 0);
      return [versions.map(({ alertId }) => alertId).join(""), total];
    };

    expect(page(bounds)).toEqual(["234", 3]);
    expect(page({ ...bounds, skip: 1, top: 1 })).toEqual(["3", 3]);
    expect(page({ ...bounds, skip: 2, top: 9, descending: true })).toEqual(["2", 3]);
    expect(page({ ...bounds, skip: 9 })).toEqual(["", 3]);
    expect(page({ from: bounds.to, to: bounds.from })).toEqual(["", 0]);
    expect(page({ ...bounds, test: ({ lastUpdateDateTime }) => lastUpdateDateTime !== bounds.from })).toEqual(
      ["34", 2],
    );
  });

  it("loses what has aged out, but the ledger does not", () => {
    const store = createTenantStore();
    const version = aVersion("a", "05:00:00Z", 0);
    store.hold(version, 0);
    store.remove("a", 7);

    expect(store.visible(8)).toEqual([]);
    expect([store.ledger.length, version.supersededAt]).toEqual([1, 7]);
  });
});

function aVersion(alertId: string, time: string, visibleAt: number): Version {
  const updated = parseTicks(`2026-05-04T${time}`) ?? 0n;
  const draft = {
    tenantId: "t",
    source: "graph_alerts",
    revision: 1,
    updated,
    created: updated,
    visibleAt,
  } as const;
  return plantedVersion("{}", draft, alertId);
}

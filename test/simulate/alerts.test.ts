import { describe, expect, it } from "vitest";
import { isObject, type JsonObject } from "../../src/model/alert.ts";
import { parseTicks } from "../../src/model/ticks.ts";
import { createDirectory } from "../../src/simulate/entra-directory.ts";
import { createTenant, type WorldTenant } from "../../src/simulate/tenant.ts";
import { createTenantApi } from "../../src/simulate/tenant-api.ts";

describe("invented alerts", () => {
  it("are the same for the same seed, byte for byte", () => {
    const [first, second] = [aTenant("a"), aTenant("a")].map((tenant) =>
      tenant.add("graph_alerts", 20).map(({ raw }) => raw),
    );

    expect(first).toEqual(second);
    expect(aTenant("b").add("graph_alerts", 1)[0]?.raw).not.toBe(first?.[0]);
  });

  it("of Graph have the size, evidence and number of keys of real ones", () => {
    const versions = aTenant().add("graph_alerts", 1000);
    const evidence = versions
      .map(({ raw }) => (JSON.parse(raw).evidence as unknown[]).length)
      .sort((a, b) => a - b);
    const keys = versions.map(({ raw }) => countKeys(JSON.parse(raw)));

    expect(mean(versions.map(({ bytes }) => bytes.length))).toBeGreaterThan(4500);
    expect(mean(versions.map(({ bytes }) => bytes.length))).toBeLessThan(7500);
    expect(evidence[500]).toBe(3);
    expect(evidence.at(-1)).toBeGreaterThanOrEqual(11);
    expect(mean(keys)).toBeGreaterThan(100);
    expect(mean(keys)).toBeLessThan(160);
  });

  it("of Graph hold what makes alerts hard to carry", () => {
    const raws = aTenant()
      .add("graph_alerts", 1000)
      .map(({ raw }) => raw);
    const all = raws.join("\n");

    for (const oddity of [
      "\\r\\n",
      "<a href=",
      "\u200b",
      "\ufffd",
      "検出",
      "Büro",
      "\ud83d\udd11",
      "\u2028",
    ]) {
      expect(all, oddity).toContain(oddity);
    }
    expect(all).toMatch(/"appId":\d{19},/);
    expect(raws.some((raw) => raw !== JSON.stringify(JSON.parse(raw)))).toBe(true);
    expect(Math.max(...raws.map((raw) => raw.length))).toBeGreaterThan(150_000);
  });

  it("have times of 7, 2, 1 and no fractional digits", () => {
    const versions = aTenant().add("graph_alerts", 300);

    const digits = new Set(
      versions.map(({ updatedText }) => /\.(\d+)Z$/.exec(updatedText)?.[1]?.length ?? 0),
    );

    expect([...digits]).toEqual(expect.arrayContaining([7, 2, 1, 0]));
    for (const { updatedText, updated } of versions) expect(parseTicks(updatedText)).toBe(updated);
  });

  it("have ids of every form, also with a minus sign, and never the same twice", () => {
    const ids = aTenant()
      .add("graph_alerts", 2000)
      .map(({ alertId }) => alertId);

    expect(new Set(ids).size).toBe(2000);
    for (const prefix of ["da", "fa", "ad", "ma", "sn", "ar"])
      expect(
        ids.some((id) => id.startsWith(prefix)),
        prefix,
      ).toBe(true);
    expect(ids.some((id) => /^da\d+_-\d+$/.test(id))).toBe(true);
  });

  it("of Defender for Endpoint are flat, in PascalCase, and keep every key of an evidence record", () => {
    const alerts = aTenant()
      .add("mde_alerts", 200)
      .map(({ raw }) => JSON.parse(raw));

    expect(new Set(alerts.map(({ severity }) => severity))).toContain("UnSpecified");
    expect(new Set(alerts.map(({ status }) => status))).toEqual(new Set(["New"]));
    for (const { evidence } of alerts) {
      for (const record of evidence) expect(Object.keys(record)).toHaveLength(26);
    }
  });

  it("differ from version to version in more than their time", () => {
    const tenant = aTenant();
    const [first] = tenant.add("graph_alerts", 1);
    if (first === undefined) throw new Error("no alert");
    const second = tenant.update(first);

    const [before, after] = [first, second].map(({ raw }): JsonObject => JSON.parse(raw));

    expect(after?.["id"]).toBe(before?.["id"]);
    expect(after?.["title"]).toBe(before?.["title"]);
    expect(after?.["status"]).not.toBe(before?.["status"]);
    expect(second.updated).toBeGreaterThan(first.updated);
    expect(second.revision).toBe(2);
  });

  it("take the keys they are given, and lose those given as undefined", () => {
    const tenant = aTenant();
    const [given] = tenant.add("graph_alerts", 1, { with: { severity: "high", title: undefined } });
    const [nameless] = tenant.add("graph_alerts", 1, { with: { id: undefined } });
    const [foreign] = tenant.add("mde_alerts", 1, { with: { aadTenantId: "somebody-else" } });

    expect(JSON.parse(given?.raw ?? "")).toMatchObject({ severity: "high" });
    expect(JSON.parse(given?.raw ?? "")).not.toHaveProperty("title");
    expect([given, nameless, foreign].map((version) => version?.genuine)).toEqual([true, false, false]);
  });
});

/** Its clock moves with every look, so that the times of alerts differ. */
function aTenant(seed = "a"): WorldTenant {
  let now = Date.parse("2026-05-04T05:36:51.937Z");
  return createTenant({
    id: "contoso",
    name: "Contoso Ltd",
    tenantId: "00000000-0000-4000-8000-00000000c001",
    clientId: "client",
    clientSecret: "secret",
    seed,
    app: { clientId: "client", secrets: [], certificates: [], federated: [] },
    entra: createDirectory("00000000-0000-4000-8000-00000000c001", []),
    graph: createTenantApi(undefined),
    defender: createTenantApi(undefined),
    now: () => {
      now += 37;
      return now;
    },
    onVersion: () => undefined,
  });
}

function countKeys(value: unknown): number {
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + countKeys(item), 0);
  if (!isObject(value)) return 0;
  return Object.values(value).reduce((sum: number, item) => sum + 1 + countKeys(item), 0);
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

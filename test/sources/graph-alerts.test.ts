import { describe, expect, it } from "vitest";
import { formatTicks } from "../../src/model/ticks.ts";
import { describeSource } from "../support/source-contract.ts";
import { aBench, alertsOf, type Bench, bareAlert, expectAll, HOUR, NOON, tickOf, ticksOf } from "./bench.ts";
import { GRAPH } from "./subjects.ts";

describeSource("graph_alerts", GRAPH);

describe("graph_alerts", () => {
  it("asks for the newer words of enumerations, and so gets them", async () => {
    const bench = await aBench(GRAPH);
    const newer = { serviceSource: "microsoftSentinel", detectionSource: "scheduledAlerts" };
    const versions = bench.add(1, { with: newer });

    const slices = await bench.read();

    expectAll(slices, versions);
    expect(alertsOf(slices)).toMatchObject([{ serviceSource: "microsoftSentinel" }]);
    expect(bench.api.requests.map(({ prefer }) => prefer)).toEqual(["include-unknown-enum-members"]);
  });

  it.each([
    ["its DNS name", [{ deviceDnsName: "ws-001.corp.example", hostName: "ws-001" }], "ws-001.corp.example"],
    ["its host name", [{ deviceDnsName: "", hostName: "ws-001" }], "ws-001"],
    ["the first that has a name", [{}, null, { hostName: "ws-002" }, { hostName: "ws-003" }], "ws-002"],
    ["the only one, outside a list", { hostName: "ws-004" }, "ws-004"],
    ["none", [], undefined],
  ])("names the affected device by %s", async (_, devices, name) => {
    const bench = await aBench(GRAPH);
    const typed = (device: object | null) =>
      device === null ? null : { "@odata.type": "#microsoft.graph.security.deviceEvidence", ...device };
    const user = { "@odata.type": "#microsoft.graph.security.userEvidence", hostName: "not a device" };
    const evidence = Array.isArray(devices) ? [user, ...devices.map(typed)] : typed(devices);
    bench.plant(bareAlert(GRAPH, { evidence }));

    expect(alertsOf(await bench.read()).map(({ device }) => device)).toEqual([name]);
  });

  describe("alerts of one update time beyond what can be paged to", () => {
    it("are asked for by severity", async () => {
      const bench = await aBench(GRAPH, { pageSize: 100 });
      const versions = [
        ...bench.add(30, { size: "small" }),
        ...tied(bench, 300, { severity: "low" }),
        ...tied(bench, 150, { severity: "unknownFutureValue" }),
        ...tied(bench, 400, { severity: "high" }),
      ];

      expectAll(await bench.read(), versions);
      expect(conditionsOf(bench)).toEqual(
        ["unknown", "informational", "low", "medium", "high", "unknownFutureValue"].map(
          (word) => `severity eq '${word}'`,
        ),
      );
    });

    it("are asked for by status too, where one severity has too many", async () => {
      const bench = await aBench(GRAPH, { pageSize: 100 });
      const versions = [
        ...tied(bench, 20, { severity: "low" }),
        ...tied(bench, 500, { severity: "high", status: "new" }),
        ...tied(bench, 300, { severity: "high", status: "resolved" }),
      ];

      expectAll(await bench.read(tickOf(NOON)), versions);
      expect(conditionsOf(bench)).toContain("severity eq 'high' and status eq 'resolved'");
      expect(conditionsOf(bench)).not.toContain("severity eq 'low' and status eq 'new'");
    });

    it("are said to be out of reach where that does not help either, with what was before them kept", async () => {
      const bench = await aBench(GRAPH, { pageSize: 100 });
      const older = bench.add(5, { size: "small", at: formatTicks(ticksOf(NOON) - 1n), spreadMs: 1000 });
      tied(bench, 700, { severity: "high", status: "new" });

      const { slices, error } = await bench.fail();

      expectAll(slices, older);
      expect(slices.at(-1)?.to).toBeLessThanOrEqual(ticksOf(NOON));
      expect(error).toMatchObject({ kind: "transient", code: "instant-out-of-reach" });
      expect(error.message).toContain(NOON);
    });

    it("are not taken for all while the service counts more", async () => {
      const bench = await aBench(GRAPH, { pageSize: 100 });
      // Lists come newest first: what is added first lies behind what can be paged to.
      tied(bench, 5, { severity: "catastrophic" });
      tied(bench, 350, { severity: "high" });
      tied(bench, 350, { severity: "low" });

      const { slices, error } = await bench.fail(tickOf(NOON));

      expect(slices).toEqual([]);
      expect(error).toMatchObject({ kind: "transient", code: "instant-out-of-reach" });
    });

    it("are all there where words that nobody knows stand among those that were paged to", async () => {
      const bench = await aBench(GRAPH, { pageSize: 100 });
      const versions = [
        ...tied(bench, 350, { severity: "high" }),
        ...tied(bench, 350, { severity: "low" }),
        ...tied(bench, 5, { severity: "catastrophic" }),
      ];

      expectAll(await bench.read(tickOf(NOON)), versions);
    });

    it("are simply paged where the service gives links without an end", async () => {
      const bench = await aBench(GRAPH, { pageSize: 100 });
      bench.world.defender.rules.nextLink = "skiptoken";
      const versions = tied(bench, 1500, { severity: "high" });

      expectAll(await bench.read(tickOf(NOON)), versions);
      expect(conditionsOf(bench)).toEqual([]);
    });

    it("cost a bounded number of calls, also in a window of a day", async () => {
      const bench = await aBench(GRAPH);
      const versions = [...tied(bench, 900, { severity: "low" }), ...tied(bench, 900, { severity: "high" })];

      expectAll(await bench.read({ from: HOUR.from, to: HOUR.from + 864_000_000_000n }), versions);
      expect(bench.api.requests.length).toBeLessThan(150);
    });
  });
});

function tied(bench: Bench, count: number, words: Readonly<Record<string, string>>) {
  return bench.add(count, { size: "small", at: NOON, sameInstant: true, spreadMs: 0, with: words });
}

/** What was asked besides the time, each once. */
function conditionsOf(bench: Bench): readonly string[] {
  const filters = bench.api.requests.map(({ query }) => query["$filter"] ?? "");
  const conditions = filters.map((filter) => filter.split(" and ").slice(2).join(" and "));
  return [...new Set(conditions)].filter((condition) => condition !== "");
}

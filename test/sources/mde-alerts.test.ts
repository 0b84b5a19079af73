import { describe, expect, it } from "vitest";
import { describeSource } from "../support/source-contract.ts";
import { aBench, alertsOf, bareAlert, expectAll, NOON, tickOf } from "./bench.ts";
import { MDE } from "./subjects.ts";

describeSource("mde_alerts", MDE);

describe("mde_alerts", () => {
  it("asks for the evidence, and so gets it", async () => {
    const bench = await aBench(MDE);
    bench.add(5);

    const alerts = alertsOf(await bench.read());

    expect(alerts.map(({ raw }) => JSON.parse(String(raw)).evidence.length)).not.toContain(0);
  });

  it("tells the machine, and the product that the API does not name", async () => {
    const bench = await aBench(MDE);
    bench.plant(bareAlert(MDE, { id: "a", computerDnsName: "srv-002.corp.example" }));
    bench.plant(bareAlert(MDE, { id: "b", computerDnsName: null }));

    expect(alertsOf(await bench.read())).toMatchObject([
      { device: "srv-002.corp.example", serviceSource: "microsoftDefenderForEndpoint" },
      { device: undefined, serviceSource: "microsoftDefenderForEndpoint" },
    ]);
  });

  it("asks a link that names the API's old host at the API itself", async () => {
    const bench = await aBench(MDE);
    const versions = bench.add(2, { at: NOON, sameInstant: true, spreadMs: 0 });
    const link = "https://api.securitycenter.microsoft.com/api/alerts?$expand=evidence&$skip=2";
    bench.api.fault = { kind: "foreign-next-link", link, times: 1 };

    expectAll(await bench.read(tickOf(NOON)), versions);
    expect(bench.api.requests.map(({ query }) => query["$skip"])).toEqual([undefined, "2"]);
  });

  it("reads thousands of alerts of one update time", async () => {
    const bench = await aBench(MDE);
    const versions = bench.add(2500, { size: "small", at: NOON, sameInstant: true, spreadMs: 0 });

    expectAll(await bench.read(tickOf(NOON)), versions);
  });
});

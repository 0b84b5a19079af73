import { describe, expect, it } from "vitest";
import { describeSource } from "../support/source-contract.ts";
import { aBench, alertsOf, bareAlert, expectAll } from "./bench.ts";
import { INCIDENTS } from "./subjects.ts";

describeSource("graph_incidents", INCIDENTS);

describe("graph_incidents", () => {
  it("never asks for more than the list allows, nor for the alerts in it", async () => {
    const bench = await aBench(INCIDENTS, { pageSize: 1000 });
    const versions = bench.add(120);

    expectAll(await bench.read(), versions);
    expect(bench.api.requests.length).toBeGreaterThan(2);
    expect(bench.api.requests.every(({ status }) => status === 200)).toBe(true);
  });

  it("brings a merged incident as what it is, with the id of the one that took it in", async () => {
    const bench = await aBench(INCIDENTS);
    bench.plant(
      bareAlert(INCIDENTS, { status: "redirected", redirectIncidentId: "924", displayName: "Merged" }),
    );

    const [stub] = alertsOf(await bench.read());

    expect(stub).toMatchObject({ title: "Merged", serviceSource: "microsoft365Defender" });
    expect(JSON.parse(String(stub?.raw))).toMatchObject({ status: "redirected", redirectIncidentId: "924" });
  });
});

import { describe, expect, it } from "vitest";
import type { Alert } from "../../src/model/alert.ts";
import { describeSource } from "../support/source-contract.ts";
import { aBench, alertsOf, type Bench, bareAlert, endless, expectAll, NOON } from "./bench.ts";
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

const ENOUGH = 10_000_000;

/** A tenant whose incidents are wanted with their alerts, and one of them with three. */
async function aBenchWithAlerts(options: { readonly maxAnswerBytes?: number } = {}) {
  const bench = await aBench(INCIDENTS, { incidentAlerts: true, ...options });
  const [version] = bench.add(1);
  if (version === undefined) throw new Error("There is no incident.");
  const within = bench.tenant.add("graph_alerts", 3, { with: { incidentId: version.alertId } });
  bench.tenant.add("graph_alerts", 2, { with: { incidentId: "another" } });
  const [listed] = alertsOf(await bench.read());
  if (listed === undefined) throw new Error("The incident is not listed.");
  bench.api.requests.length = 0;
  return { bench, version, within, listed };
}

const complete = (bench: Bench, alert: Alert, maxBytes = ENOUGH) =>
  bench.reader.complete?.(alert, maxBytes, endless());

describe("graph_incidents with their alerts", () => {
  it("are read so only where it is asked for", async () => {
    expect((await aBench(INCIDENTS)).reader.complete).toBeUndefined();
  });

  it("are the source's own text by the id, under the name and the version of the list", async () => {
    const { bench, version, within, listed } = await aBenchWithAlerts();

    const found = await complete(bench, listed);

    if (typeof found !== "object") throw new Error(`It was not had: ${found}.`);
    const { raw, ...facts } = found;
    expect({ ...facts, raw: listed.raw }).toEqual(listed);
    for (const { raw: text } of within) expect(String(raw)).toContain(text);
    const { alerts, "@odata.context": _, ...incident } = JSON.parse(String(raw));
    expect(incident).toEqual(JSON.parse(version.raw));
    expect(alerts).toHaveLength(within.length);
    expect(bench.api.requests).toMatchObject([
      { path: `${INCIDENTS.path}/${version.alertId}`, query: { $expand: "alerts" } },
    ]);
  });

  it("are not asked for where an incident was merged: there are none in it", async () => {
    const { bench } = await aBenchWithAlerts();
    bench.plant(bareAlert(INCIDENTS, { id: "77", status: "Redirected", redirectIncidentId: "924" }), NOON);
    const stub = alertsOf(await bench.read()).find(({ id }) => id === "77");
    bench.api.requests.length = 0;

    expect(await complete(bench, stub!)).toBe(stub);
    expect(bench.api.requests).toEqual([]);
  });

  it.each([
    ["fits no request of a sink", {}, 2000],
    ["is more than may be read", { maxAnswerBytes: 12_000 }, ENOUGH],
  ])("are left out where the incident %s", async (_, options, maxBytes) => {
    const { bench, listed } = await aBenchWithAlerts(options);

    expect(await complete(bench, listed, maxBytes)).toBe("too-large");
  });

  it("are left out where the incident has changed since it was listed", async () => {
    const { bench, version, listed } = await aBenchWithAlerts();
    bench.tenant.update(version);

    expect(await complete(bench, listed)).toBe("changed");
  });

  it.each([
    ["fails", { kind: "server-error" }, 2],
    ["is gone", { kind: "not-found" }, 1],
    ["is refused", { kind: "forbidden" }, 1],
    ["is no incident", { kind: "html" }, 1],
  ] as const)("are left out where what is asked for %s", async (_, fault, calls) => {
    const { bench, listed } = await aBenchWithAlerts();
    bench.api.fault = { ...fault };

    expect(await complete(bench, listed)).toBe("failed");
    expect(bench.api.requests).toHaveLength(calls);
  });

  it("are read where the service stumbles once", async () => {
    const { bench, listed } = await aBenchWithAlerts();
    bench.api.fault = { kind: "server-error", times: 1 };

    expect(await complete(bench, listed)).toMatchObject({ id: listed.id, version: listed.version });
  });

  it("wait where the service asks to wait", async () => {
    const { bench, listed } = await aBenchWithAlerts();
    bench.api.fault = { kind: "throttled", retryAfter: "7" };

    await expect(complete(bench, listed)).rejects.toMatchObject({ kind: "throttled", retryAfterMs: 7000 });
  });
});

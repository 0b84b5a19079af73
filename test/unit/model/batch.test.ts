import { describe, expect, it } from "vitest";
import { type Alert, eventId } from "../../../src/model/alert.ts";
import {
  type BatchLimits,
  batchId,
  divide,
  envelopes,
  queuedAlert,
  readableMs,
  requestBytes,
} from "../../../src/model/batch.ts";
import { randomFrom } from "../../../src/simulate/random.ts";
import { aBatch, alerts, anAlert, CONTOSO } from "../../support/alerts.ts";

const WIDE: BatchLimits = { maxAlerts: 10_000, maxBytes: 1_000_000_000 };

function sizes(of: readonly Alert[], limits: Partial<BatchLimits>): number[] {
  return [...divide(of, { ...WIDE, ...limits })].map((run) => run.length);
}

describe("divide", () => {
  it("gives nothing for nothing", () => {
    expect(sizes([], {})).toEqual([]);
  });

  it("fills each run up to the number of alerts", () => {
    expect(sizes(alerts(7), { maxAlerts: 3 })).toEqual([3, 3, 1]);
    expect(sizes(alerts(6), { maxAlerts: 3 })).toEqual([3, 3]);
    expect(sizes(alerts(2), { maxAlerts: 1 })).toEqual([1, 1]);
  });

  it("fills each run up to the number of bytes", () => {
    const [alert] = alerts(1, { raw: "x".repeat(1000) });
    const one = requestBytes(alert ?? anAlert());

    expect(sizes(alerts(5, { raw: "x".repeat(1000) }), { maxBytes: 2 * one })).toEqual([2, 2, 1]);
    expect(sizes(alerts(5, { raw: "x".repeat(1000) }), { maxBytes: 2 * one - 1 })).toEqual([1, 1, 1, 1, 1]);
  });

  it("counts bytes, not characters", () => {
    const wide = alerts(4, { raw: "漢".repeat(1000) });

    expect(sizes(wide, { maxBytes: 8000 })).toEqual([2, 2]);
  });

  it("leaves an alert that alone is over the limit alone", () => {
    const mixed = [anAlert(), anAlert({ id: "huge", raw: "x".repeat(50_000) }), anAlert({ id: "last" })];

    expect(sizes(mixed, { maxBytes: 10_000 })).toEqual([1, 1, 1]);
  });

  it("loses nothing, keeps the order and respects both limits, whatever the alerts", () => {
    const random = randomFrom("divide");
    for (let round = 0; round < 300; round++) {
      const limits = { maxAlerts: random.whole(1, 40), maxBytes: random.whole(800, 20_000) };
      const all = Array.from({ length: random.whole(0, 200) }, (_, index) =>
        anAlert({ id: `a${index}`, raw: random.pick(["x", "é", "漢"]).repeat(random.whole(0, 3000)) }),
      );

      const runs = [...divide(all, limits)];

      expect(runs.flat()).toEqual(all);
      for (const run of runs) {
        expect(run.length).toBeGreaterThan(0);
        expect(run.length).toBeLessThanOrEqual(limits.maxAlerts);
        const bytes = run.reduce((sum, alert) => sum + requestBytes(alert), 0);
        if (run.length > 1) expect(bytes).toBeLessThanOrEqual(limits.maxBytes);
      }
    }
  });
});

describe("batchId", () => {
  const id = (tenant: string, source: string, sink: string, of = alerts(3)) =>
    batchId(tenant, source, sink, of);

  it("is the same for the same alerts", () => {
    expect(id("contoso", "graph_alerts", "splunk")).toBe(id("contoso", "graph_alerts", "splunk"));
  });

  it("differs by tenant, source, sink, alerts and their versions", () => {
    const ids = [
      id("contoso", "graph_alerts", "splunk"),
      id("fabrikam", "graph_alerts", "splunk"),
      id("contoso", "mde_alerts", "splunk"),
      id("contoso", "graph_alerts", "archive"),
      id("contoso", "graph_alerts", "splunk", alerts(2)),
      id("contoso", "graph_alerts", "splunk", [...alerts(3)].reverse()),
      id("contoso", "graph_alerts", "splunk", alerts(3, { version: "1" })),
    ];

    expect(new Set(ids).size).toBe(ids.length);
  });

  it("differs by the occasion on which the same alerts are sent once more", () => {
    const ids = ["", "replay.1", "replay.2"].map((again) =>
      batchId("contoso", "graph_alerts", "splunk", alerts(3), again),
    );

    expect(new Set(ids).size).toBe(ids.length);
    expect(ids[0]).toBe(id("contoso", "graph_alerts", "splunk"));
  });

  it("is one that BullMQ takes: no colon, not digits alone", () => {
    expect(id("contoso", "graph_alerts", "splunk")).toMatch(/^b-[0-9a-f]{40}$/);
  });
});

describe("a queued alert", () => {
  it("has all that a sink needs without parsing it", () => {
    const alert = anAlert({ device: "ws-001" });

    expect(queuedAlert(CONTOSO, alert)).toEqual({
      alertId: alert.id,
      version: alert.version,
      eventId: eventId(CONTOSO.tenantId, alert),
      updatedMs: alert.updatedMs,
      device: "ws-001",
      raw: alert.raw,
    });
  });
});

describe("the envelopes of a batch", () => {
  it("carry the numbers that they were sealed with, each its own", () => {
    const batch = aBatch(alerts(3));

    const sent = envelopes(batch, { seqs: [41, 7, 42], revisions: [1, 7, 2] });

    expect(sent.map(({ seq, revision }) => [seq, revision])).toEqual([
      [41, 1],
      [7, 7],
      [42, 2],
    ]);
    expect(sent.map(({ alertId, raw }) => [alertId, raw])).toEqual(
      batch.alerts.map(({ alertId, raw }) => [alertId, raw]),
    );
    expect(sent[0]).toMatchObject({ tenant: CONTOSO, source: "graph_alerts", replay: false });
  });

  it("say so when they are a replay", () => {
    const batch = { ...aBatch(alerts(1)), window: { kind: "replay", from: "", to: "" } as const };

    expect(envelopes(batch, { seqs: [1], revisions: [1] })[0]?.replay).toBe(true);
  });
});

describe("readableMs", () => {
  it("is the last update, and not before the round that would have brought it", () => {
    const batch = { ...aBatch(alerts(1)), notReadableBeforeMs: 5000 };
    const [alert] = batch.alerts;
    if (alert === undefined) throw new Error("no alert");

    const readable = [9000, 3000, undefined].map((updatedMs) => readableMs(batch, { ...alert, updatedMs }));

    expect(readable).toEqual([9000, 5000, 5000]);
  });
});

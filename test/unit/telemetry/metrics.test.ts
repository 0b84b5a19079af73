import { describe, expect, it } from "vitest";
import { METRICS } from "../../../src/telemetry/measures.ts";
import { createMetrics } from "../../../src/telemetry/metrics.ts";
import { wantsOpenMetrics } from "../../../src/telemetry/open-metrics.ts";
import { linesOf } from "./lines.ts";

/** What Prometheus 2.42 sends. */
const PROMETHEUS_ACCEPT =
  "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

describe("the table", () => {
  it("has the metrics and the labels that dashboards of others rely on", () => {
    const place = ["tenant", "source"];
    const lane = ["tenant", "sink"];
    const labels = Object.fromEntries(Object.entries(METRICS).map(([name, entry]) => [name, entry.labels]));

    expect(labels).toMatchObject({
      poll_total: [...place, "outcome"],
      poll_duration_seconds: expect.any(Array),
      poll_lag_seconds: place,
      alerts_read_total: place,
      alerts_new_total: place,
      alerts_duplicate_total: place,
      alerts_enqueued_total: lane,
      alerts_delivered_total: lane,
      alerts_dead_lettered_total: [...lane, "reason"],
      delivery_latency_seconds: ["sink"],
      deliver_batches_total: ["sink", "outcome"],
      sink_backlog_alerts: ["sink"],
      sink_backlog_bytes: ["sink"],
      sink_oldest_seconds: ["sink"],
      sink_breaker_open: ["sink"],
      gaps_open: ["sink"],
      throttled_total: place,
      credential_expires_timestamp_seconds: ["tenant"],
      redis_up: [],
    });
  });
});

describe("histograms", () => {
  it("count every value into the buckets at and above it", async () => {
    const metrics = createMetrics();

    metrics.observe("poll_duration_seconds", { source: "graph_alerts" }, [0.05, 0.06, 61]);
    metrics.observe("poll_duration_seconds", { source: "graph_alerts" }, [1000], 2);

    const lines = await linesOf(metrics, "poll_duration_seconds");
    const bucket = (le: string) => lines.get(`_bucket{source="graph_alerts",le="${le}"}`);
    expect(["0.05", "0.1", "60", "300", "+Inf"].map(bucket)).toEqual([1, 2, 2, 3, 5]);
    expect(lines.get('_count{source="graph_alerts"}')).toBe(5);
    expect(lines.get('_sum{source="graph_alerts"}')).toBeCloseTo(2061.11, 6);
  });
});

describe("what is known no more", () => {
  it("is forgotten, of every kind of metric, and the rest is kept", async () => {
    const metrics = createMetrics();
    for (const tenant of ["contoso", "gone"]) {
      metrics.count("throttled_total", { tenant, source: "graph_alerts" });
      metrics.set("credential_expires_timestamp_seconds", { tenant }, 5);
    }
    for (const sink of ["splunk", "gone"]) metrics.observe("delivery_latency_seconds", { sink }, [1]);
    metrics.set("redis_up", {}, 1);

    await metrics.keep({ tenant: new Set(["contoso"]), sink: new Set(["splunk"]) });

    const { text } = await metrics.page(undefined);
    expect(text).not.toContain('"gone"');
    expect(text).toContain('alertferry_throttled_total{tenant="contoso",source="graph_alerts"} 1');
    expect(text).toContain('alertferry_credential_expires_timestamp_seconds{tenant="contoso"} 5');
    expect(text).toContain('alertferry_delivery_latency_seconds_count{sink="splunk"} 1');
    expect(text).toContain("alertferry_redis_up 1");
  });
});

describe("the notation", () => {
  it.each([
    { accept: PROMETHEUS_ACCEPT, open: true },
    { accept: "application/openmetrics-text", open: true },
    { accept: "text/plain, application/openmetrics-text;q=0.5", open: false },
    { accept: "application/openmetrics-text;q=0", open: false },
    { accept: "text/html,*/*", open: false },
    { accept: undefined, open: false },
  ])("is OpenMetrics only where that is preferred: $accept", ({ accept, open }) => {
    expect(wantsOpenMetrics(accept)).toBe(open);
  });

  it("holds the same samples either way, whoever asked before", async () => {
    const metrics = createMetrics();
    metrics.count("throttled_total", { tenant: "contoso", source: "graph_alerts" }, 3);
    const samples = (text: string) =>
      text.split("\n").filter((line) => line.startsWith("alertferry_") && line !== "");

    const open = await metrics.page(PROMETHEUS_ACCEPT);
    const plain = await metrics.page("text/plain");
    const again = await metrics.page(PROMETHEUS_ACCEPT);

    expect(open.contentType).toBe("application/openmetrics-text; version=1.0.0; charset=utf-8");
    expect(plain.contentType).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(open.text).toMatch(/\n# TYPE alertferry_throttled counter\n(.*\n)*.*# EOF\n$/);
    expect(open.text).not.toContain("\n\n");
    expect(plain.text).toContain("# TYPE alertferry_throttled_total counter\n");
    expect(samples(plain.text)).toEqual(samples(open.text));
    expect(samples(again.text)).toEqual(samples(open.text));
  });
});

import { expect, it } from "vitest";
import { loadConfig } from "../../../src/config/load.ts";
import { watchExpiry } from "../../../src/daemon/expiry.ts";
import { measure } from "../../../src/daemon/measure.ts";
import { DEAD_LETTER_REASONS } from "../../../src/model/dead-letter.ts";
import { SourceError } from "../../../src/model/failure.ts";
import type { Snapshot } from "../../../src/pipeline/snapshot.ts";
import type { LedgerRow } from "../../../src/queue/ports.ts";
import { createEvents } from "../../../src/telemetry/events.ts";
import { createLogger } from "../../../src/telemetry/logger.ts";
import { createMetrics } from "../../../src/telemetry/metrics.ts";
import { writeConfig } from "../../support/daemon.ts";
import { linesOf } from "../telemetry/lines.ts";

const SINKS = ["splunk", "archive"];

async function configOf(tenants: readonly string[], sinks: readonly string[] = SINKS) {
  const file = await writeConfig({
    defaults: {
      auth: {
        type: "client-secret",
        clientId: "3f0c4a57-6a0d-4d0e-9d5b-0b6a5d1f2c11",
        clientSecret: "a-long-secret",
      },
      sources: ["graph_alerts"],
      sinks,
    },
    tenants: tenants.map((id, at) => ({
      id,
      tenantId: `00000000-0000-4000-8000-${`${at}`.padStart(12, "0")}`,
    })),
    sinks: Object.fromEntries(sinks.map((sink) => [sink, { type: "file", path: `/tmp/${sink}` }])),
  });
  return loadConfig(file).config;
}

function aRow(tenant: string, sink: string, facts: Partial<LedgerRow> = {}): LedgerRow {
  return { tenant, sink, enqueued: 9, delivered: 7, waiting: 0, bytes: 0, seq: 9, dead: {}, ...facts };
}

function snapshotOf(tenants: readonly string[], ledger: readonly LedgerRow[], sinks = SINKS): Snapshot {
  return {
    at: "2026-05-04T05:00:12Z",
    verdict: { level: "well", sentence: "" },
    totals: { enqueued: 0, delivered: 0, dead: 0, waiting: 0, balances: true },
    setAside: 0,
    credentials: [],
    tenants: tenants.map((tenant) => ({
      tenant,
      state: "on time",
      holes: 0,
      source: "graph_alerts",
      cursor: "2026-05-04T05:00:00Z",
      lagSeconds: 12,
      lastPoll: null,
      outcome: "completed",
      error: null,
      failures: 0,
      nextPoll: null,
      lastNew: null,
      unusuallyQuiet: false,
      usualHours: null,
    })),
    sinks: sinks.map((sink) => ({
      sink,
      state: "taking",
      oldestAt: null,
      backlogAlerts: 0,
      backlogBytes: 0,
      oldestSeconds: 0,
      gaps: 0,
      deadLetters: 0,
      resting: null,
    })),
    windows: [],
    ledger,
  };
}

function newEvents() {
  const metrics = createMetrics();
  const quiet = createLogger({ level: "fatal", secrets: [] }, { write: () => undefined });
  return { metrics, events: createEvents(quiet, metrics) };
}

it("makes no series of alerts, of error codes or of reasons nobody knows, however many tenants there are", async () => {
  const tenants = Array.from({ length: 500 }, (_, at) => `tenant-${at}`);
  const config = await configOf(tenants);
  const { metrics, events } = newEvents();
  const dead = Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`a reason of its own ${at}`, 1]));
  const ledger = tenants.flatMap((tenant) => SINKS.map((sink) => aRow(tenant, sink, { dead })));
  for (const tenant of tenants) {
    const place = { tenant, source: "graph_alerts" };
    const round = { window: { kind: "live", from: "a", to: "b" }, read: 5, fresh: 1 } as const;
    events.pollCompleted(place, { ...round, duplicates: 4, suppressed: 0, setAside: [] }, 20);
    for (let at = 0; at < 5; at += 1)
      events.pollFailed(place, new SourceError("transient", "no", { code: `code-${tenant}-${at}` }), 1, 1000);
  }
  for (let batch = 0; batch < 2000; batch += 1) {
    events.accepted("splunk", [batch, batch * 7]);
    events.travelled("splunk", "read", [batch], 3);
  }

  await measure(metrics, snapshotOf(tenants, ledger), config);

  const { text } = await metrics.page(undefined);
  const series = text.split("\n").filter((line) => line.startsWith("alertferry_"));
  const perPlace = ["completed", "transient"].length + ["read", "new", "duplicate", "suppressed"].length;
  const gauges = ["poll_lag_seconds", "poll_failures", "holes_open", "tenant_quiet"].length;
  const perSink = ["enqueued", "delivered", "waiting", "dead-lettered as other"].length;
  const forAll = 200;
  expect(series.length).toBeLessThan(tenants.length * (perPlace + gauges + perSink * SINKS.length) + forAll);
  expect(text).toContain(
    'alertferry_alerts_dead_lettered_total{tenant="tenant-7",sink="splunk",reason="other"} 50',
  );
  expect(text).not.toContain("code-tenant");
  expect(text).not.toContain("of its own");
});

it("tells every reason that the daemon gives by its own word", async () => {
  const config = await configOf(["contoso"]);
  const { metrics } = newEvents();
  const dead = Object.fromEntries(DEAD_LETTER_REASONS.map((reason, at) => [reason, at + 1]));

  await measure(metrics, snapshotOf(["contoso"], [aRow("contoso", "none", { dead })]), config);

  const lines = await linesOf(metrics, "alerts_dead_lettered_total");
  expect([...lines]).toEqual(
    DEAD_LETTER_REASONS.map((reason, at) => [`{tenant="contoso",sink="none",reason="${reason}"}`, at + 1]),
  );
  expect((await linesOf(metrics, "alerts_enqueued_total")).size).toBe(0);
});

it("forgets a tenant, a sink and an application that are configured no more, once nothing of them waits", async () => {
  const { metrics, events } = newEvents();
  const both = await configOf(["contoso", "gone"]);
  const one = await configOf(["contoso"], ["splunk"]);
  const rows = (waiting: number) => [
    aRow("contoso", "splunk"),
    aRow("gone", "splunk", { waiting }),
    ...(waiting > 0 ? [aRow("gone", "archive", { waiting })] : []),
  ];
  const place = { tenant: "gone", source: "graph_alerts" };
  const refusal = new SourceError("unauthorized", "no", { app: "an-app-of-its-own", code: "AADSTS7000215" });
  events.pollFailed(place, refusal, 1, 1000);
  events.credentialExpires("gone", Date.now());
  events.accepted("archive", [1000]);
  await measure(metrics, snapshotOf(["contoso", "gone"], rows(2)), both);
  const before = (await metrics.page(undefined)).text;
  await measure(metrics, snapshotOf(["contoso"], rows(2).slice(0, 2), ["splunk"]), one);
  const waiting = await linesOf(metrics, "alerts_waiting");
  await measure(metrics, snapshotOf(["contoso"], rows(0), ["splunk"]), one);
  const { text } = await metrics.page(undefined);

  expect(before).toContain('alertferry_poll_lag_seconds{tenant="gone",source="graph_alerts"} 12');
  expect(waiting.get('{tenant="gone",sink="splunk"}')).toBe(2);
  expect(text).not.toMatch(/"gone"|"archive"|an-app-of-its-own/);
  expect(text).toContain('alertferry_alerts_delivered_total{tenant="contoso",sink="splunk"} 7');
});

it("forgets when a credential ends that has no end any more", async () => {
  const { metrics, events } = newEvents();
  const tenants = (await configOf(["contoso", "fabrikam"])).tenants.map((tenant) => ({
    without: tenant,
    dated: { ...tenant, auth: { ...tenant.auth, expires: "2026-05-04" } },
  }));
  const series = async () => [...(await linesOf(metrics, "credential_expires_timestamp_seconds"))];
  const [contoso, fabrikam] = tenants;
  if (contoso === undefined || fabrikam === undefined) throw new Error("There are two.");

  watchExpiry([contoso.dated, fabrikam.dated], events).stop();
  const before = await series();
  watchExpiry([contoso.dated, fabrikam.without], events).stop();

  const end = Date.parse("2026-05-05") / 1000;
  expect(before).toEqual([
    ['{tenant="contoso"}', end],
    ['{tenant="fabrikam"}', end],
  ]);
  expect(await series()).toEqual([['{tenant="contoso"}', end]]);
});

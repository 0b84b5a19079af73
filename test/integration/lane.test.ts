import { expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { Lane } from "../../src/daemon/lane.ts";
import { startTally } from "../../src/daemon/tally.ts";
import { totalOf } from "../../src/model/delay.ts";
import { DeliverQueues } from "../../src/queue/deliver-queue.ts";
import type { SealedBatch } from "../../src/queue/ports.ts";
import { startWorld } from "../../src/simulate/world.ts";
import type { CommonSettings } from "../../src/sinks/sink.ts";
import { createEvents } from "../../src/telemetry/events.ts";
import { createLogger } from "../../src/telemetry/logger.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { aBatch, anAlert } from "../support/alerts.ts";
import { configFor, writeConfig } from "../support/daemon.ts";
import { afterTest } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { FENCE, NEW, openBench } from "./bench.ts";

/** The lane of a sink at a simulated Splunk, which ends with the test. Not started yet. */
async function aLane(more: Partial<CommonSettings> = {}) {
  const world = await startWorld({ tenants: ["contoso"] });
  afterTest(() => world.close());
  const { server, store } = await openBench();
  const settings = loadConfig(await writeConfig(configFor(world))).config.sinks["splunk"];
  if (settings === undefined) throw new Error("There is a sink.");
  const said: { event: string; level: string; reason?: string }[] = [];
  const stream = { write: (line: string) => void said.push(JSON.parse(line)) };
  const events = createEvents(createLogger({ level: "info", secrets: [] }, stream), createMetrics());
  const bull = { redis: server.client, prefix: "test", onError: () => undefined };
  const outbox = new DeliverQueues(bull);
  const tally = startTally(store);
  const lane = new Lane("splunk", { ...settings, ...more }, bull, store, events, tally);
  afterTest(async () => {
    await lane.stop(AbortSignal.abort());
    await outbox.close();
    await tally.stop();
  });
  return { world, store, said, outbox, lane, tally };
}

it("sends no alert whose text names another tenant than its batch, wherever it was mixed up", async () => {
  const { world, store, said, outbox, lane, tally } = await aLane();
  const own = anAlert({ id: "own" });
  const foreign = anAlert({ id: "foreign" });
  const clean = aBatch([own, foreign]);
  const batch = {
    ...clean,
    alerts: clean.alerts.map((alert) =>
      alert.alertId === "own"
        ? alert
        : {
            ...alert,
            raw: Buffer.from(
              JSON.stringify({ id: "foreign", tenantId: "99999999-2222-4333-8444-555555555555" }),
            ),
          },
    ),
  };
  const sealed = await store.seal(FENCE, batch, [own, foreign], NEW);
  if (typeof sealed === "string") throw new Error(`It was not sealed: ${sealed}.`);

  await outbox.enqueue([sealed]);
  await lane.start();
  await until("it is settled", async () => (await store.backlogBytes("splunk")) === 0);

  expect(world.hec.events.map(({ fields }) => fields["alert_id"])).toEqual(["own"]);
  await tally.stop();
  const minute = Math.floor(Date.now() / 60_000);
  const history = await store.history("splunk", minute - 1, minute);
  expect(history.map(({ counts }) => totalOf(counts))).toEqual([1]);
  const [row] = await store.ledger("splunk");
  expect(row).toMatchObject({ delivered: 1, dead: { "tenant-mismatch": 1 } });
  expect(said.map(({ level, event, reason }) => [level, event, reason])).toContainEqual([
    "error",
    "deliver.tenant-mismatch",
    "tenant-mismatch",
  ]);
});

it("takes more batches in hand for a receiver that is far away, and gives it more requests at once", async () => {
  const batch = { maxAlerts: 1, maxBytes: 1_000_000, linger: 0 };
  const { world, store, outbox, lane } = await aLane({ concurrency: 2, maxConcurrency: 6, batch });
  const { hec } = world;
  hec.fault = { kind: "slow", delayMs: 50 };
  let gone = 0;
  let most = 0;
  hec.onStage(({ stage }) => {
    if (stage !== "gone") return;
    most = Math.max(most, hec.counts.requests - gone);
    gone += 1;
  });
  const sealed: SealedBatch[] = [];
  for (let index = 0; index < 120; index++) {
    const alert = anAlert({ id: `far-${index}` });
    const one = await store.seal(FENCE, aBatch([alert]), [alert], NEW);
    if (typeof one === "string") throw new Error(`It was not sealed: ${one}.`);
    sealed.push(one);
  }

  await outbox.enqueue(sealed);
  await lane.start();
  await until("all is settled", async () => (await store.backlogBytes("splunk")) === 0);

  expect(most).toBeGreaterThan(2);
  expect(most).toBeLessThanOrEqual(6);
  expect([...hec.keys.values()].filter((times) => times !== 1)).toEqual([]);
  expect(hec.keys.size).toBe(120);
});

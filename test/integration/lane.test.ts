import { expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { Lane } from "../../src/daemon/lane.ts";
import { startTally } from "../../src/daemon/tally.ts";
import { totalOf } from "../../src/model/delay.ts";
import { DeliverQueues } from "../../src/queue/deliver-queue.ts";
import { startWorld } from "../../src/simulate/world.ts";
import { createEvents } from "../../src/telemetry/events.ts";
import { createLogger } from "../../src/telemetry/logger.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { aBatch, anAlert } from "../support/alerts.ts";
import { configFor, writeConfig } from "../support/daemon.ts";
import { afterTest } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { FENCE, NEW, openBench } from "./bench.ts";

it("sends no alert whose text names another tenant than its batch, wherever it was mixed up", async () => {
  const world = await startWorld({ tenants: ["contoso"] });
  afterTest(() => world.close());
  const { server, store } = await openBench();
  const settings = loadConfig(await writeConfig(configFor(world))).config.sinks["splunk"];
  if (settings === undefined) throw new Error("There is a sink.");
  const said: { event: string; level: string; reason?: string }[] = [];
  const stream = { write: (line: string) => void said.push(JSON.parse(line)) };
  const events = createEvents(createLogger({ level: "info", secrets: [] }, stream), createMetrics());
  const bull = { redis: server.client, prefix: "test", onError: () => undefined };
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
  const outbox = new DeliverQueues(bull);
  const tally = startTally(store);
  const lane = new Lane("splunk", settings, bull, store, events, tally);
  afterTest(async () => {
    await lane.stop(AbortSignal.abort());
    await outbox.close();
  });

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

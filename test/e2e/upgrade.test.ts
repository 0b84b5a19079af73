import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { ReceivedEvent } from "../../src/simulate/hec-receiver.ts";
import { startWorld } from "../../src/simulate/world.ts";
import { readKeyspace, writeKeyspace } from "../releases/keyspace.ts";
import {
  FROZEN_KEY,
  frozenSinks,
  type GivenAlert,
  type HeldVersion,
  RELEASES,
  readRelease,
} from "../releases/release.ts";
import { configFor, runCommand, startDaemon, TEST_HTTP, writeConfig } from "../support/daemon.ts";
import { afterTest } from "../support/processes.ts";
import { startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";

/** A Redis as a release left it, and the world that it had read. */
async function thaw(version: string) {
  const { redis, held, given } = readRelease(version);
  const tenants = new Map(held.map(({ tenant, tenantId }) => [tenant, { id: tenant, tenantId }]));
  const world = await startWorld({ tenants: [...tenants.values()], limits: "none" });
  afterTest(() => world.close());
  for (const { tenant, raw, updatedText, isShown } of held) {
    if (isShown) world.tenant(tenant).plant("graph_alerts", raw, updatedText);
  }
  const archive = await world.addHec();
  const { url, client } = await startRedis();
  await writeKeyspace(client, redis);
  const config = await writeConfig(
    configFor(world, {
      queue: { redis: url, encryptionKey: FROZEN_KEY },
      http: TEST_HTTP,
      defaults: { sinks: ["splunk", "archive"] },
      sinks: frozenSinks(world.hec.listener.origin, archive.hec.listener.origin, world.hecToken),
    }),
  );
  const receivers = { splunk: world.hec, archive: archive.hec };
  return { world, receivers, held, given, client, config };
}

const nameOf = (alert: { readonly alertId: string; readonly revision: number }) =>
  `${alert.alertId} ${alert.revision}`;
const isReplay = ({ fields }: ReceivedEvent) => String(fields["replay"]) === "true";
const receivedName = ({ fields }: ReceivedEvent) => `${fields["alert_id"]} ${fields["revision"]}`;

/** What a sink has got before and after, replays aside: which versions, and the numbers of one tenant. */
function gotInAll(sink: string, given: readonly GivenAlert[], events: readonly ReceivedEvent[]) {
  const before = given.filter((alert) => alert.sink === sink);
  const after = events.filter((event) => !isReplay(event));
  const numbers = (tenant: string) =>
    [
      ...before.filter((alert) => alert.tenant === tenant).map(({ seq }) => seq),
      ...after.filter(({ fields }) => fields["tenant"] === tenant).map(({ fields }) => Number(fields["seq"])),
    ].sort((a, b) => a - b);
  return { versions: [...before.map(nameOf), ...after.map(receivedName)].sort(), numbers };
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
const ofTenant = (held: readonly HeldVersion[], id: string) => held.filter(({ tenant }) => tenant === id);

describe.each(readdirSync(RELEASES))("what %s left in Redis", (version) => {
  it("is gone on with: each alert reaches each sink once, the numbers have no hole, what was set aside can be sent", async () => {
    const { receivers, held, given, client, config } = await thaw(version);
    const daemon = await startDaemon(config);

    await until("all but the dead letter has arrived", async () => {
      const { ledger, windows } = await daemon.snapshot();
      return windows.length === 0 && ledger.every(({ waiting }) => waiting === 0);
    });
    const [letter] = JSON.parse((await runCommand(config, "dead-letters", "list", "--json")).out);
    const retried = await runCommand(config, "dead-letters", "retry", "--all", "--json");
    await until("the dead letter has arrived", async () => {
      const { ledger } = await daemon.snapshot();
      return ledger.every(({ waiting }) => waiting === 0);
    });

    expect(letter).toMatchObject({ sink: "splunk", tenant: "contoso", reason: "rejected" });
    expect(JSON.parse(retried.out)).toEqual({ retried: 1, stay: 0 });
    for (const [sink, { events }] of Object.entries(receivers)) {
      const got = gotInAll(sink, given, events);
      expect(got.versions, sink).toEqual(held.map(nameOf).sort());
      for (const tenant of ["contoso", "fabrikam"]) {
        expect(got.numbers(tenant), `${sink} ${tenant}`).toEqual(upTo(ofTenant(held, tenant).length));
      }
      const texts = new Set(held.map(({ raw }) => raw));
      expect(events.filter(({ text }) => !texts.has(text))).toEqual([]);
    }
    const firstNumbers = new Map(
      [
        ...given.filter(({ sink }) => sink === "splunk"),
        ...receivers.splunk.events
          .filter((event) => !isReplay(event))
          .map(({ fields }) => ({
            eventId: String(fields["event_id"]),
            seq: Number(fields["seq"]),
          })),
      ].map(({ eventId, seq }) => [eventId, seq]),
    );
    const replays = receivers.splunk.events.filter(isReplay);
    expect(replays.length).toBeGreaterThan(0);
    for (const { fields } of replays)
      expect(firstNumbers.get(String(fields["event_id"]))).toBe(fields["seq"]);
    for (const { enqueued, delivered, dead } of (await daemon.snapshot()).ledger) {
      const deadLettered = Object.values(dead).reduce((sum, count) => sum + count, 0);
      expect(enqueued).toBe(delivered + deadLettered);
    }
    expect(daemon.log().filter(({ level }) => level === "error" || level === "fatal")).toEqual([]);
    await client.quit();
  });
});

it("refuses what a newer version wrote, with a sentence and without touching it", async () => {
  const { client, config } = await thaw("0.1.0");
  await client.set("alertferry:format", "99");
  const before = await readKeyspace(client);

  const { code, err } = await runCommand(config, "run");
  const looked = await runCommand(config, "status");

  expect(code).toBe(1);
  expect(err).toMatch(/Redis holds alerts in format 99; .*Run the version that wrote it/);
  expect(`${err}${looked.err}`).not.toMatch(/\n\s+at /);
  expect(looked).toMatchObject({ code: 1, err: expect.stringContaining("format 99") });
  const steady = (lines: readonly string[]) => lines.filter((line) => !line.startsWith('["PEXPIRE"'));
  expect(steady(await readKeyspace(client))).toEqual(steady(before));
});

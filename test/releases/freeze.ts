import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Redis } from "ioredis";
import type { HecReceiver } from "../../src/simulate/hec-receiver.ts";
import { startWorld, type World } from "../../src/simulate/world.ts";
import { freePort, newFolder, removeFolder, startChild } from "../chaos/children.ts";
import {
  type DaemonProcess,
  PROGRAM,
  type Settings,
  spawnDaemon,
  writeConfig,
} from "../chaos/daemon-process.ts";
import { until } from "../support/until.ts";
import { readKeyspace } from "./keyspace.ts";
import {
  FROZEN_FILES,
  FROZEN_KEY,
  type FrozenSinks,
  frozenSinks,
  type GivenAlert,
  type HeldVersion,
  RELEASES,
} from "./release.ts";

/**
 * `npm run freeze -- 0.2.0`, once for each release and with the program as it is released: stops it in the middle of
 * its work and keeps what lies in Redis then. `test/e2e/upgrade.test.ts` has today's program go on from there.
 */

/** Deflate is what every Node can read; zstd came with 22.15. */
const WITHOUT_ZSTD = `data:text/javascript,${encodeURIComponent(
  'import zlib from "node:zlib"; delete zlib.zstdCompress; delete zlib.zstdDecompress;',
)}`;
const SMALL = { size: "small" } as const;

interface Scene {
  readonly world: World;
  readonly archive: Awaited<ReturnType<World["addHec"]>>;
  readonly sinks: FrozenSinks;
  readonly folder: string;
  readonly redis: string;
}

async function main([version]: readonly string[]): Promise<void> {
  if (version === undefined) throw new Error("usage: npm run freeze -- VERSION");
  const folder = await newFolder();
  const port = await freePort();
  const server = startChild("redis-server", [
    ...["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "yes"],
  ]);
  const world = await startWorld({
    tenants: ["contoso", "fabrikam"],
    limits: "none",
    quietBeforeUpdateMs: 0,
  });
  try {
    await until("redis-server listens", () => server.out().includes("Ready to accept connections"));
    const archive = await world.addHec();
    const sinks = frozenSinks(world.hec.listener.origin, archive.hec.listener.origin, world.hecToken);
    const scene = { world, archive, sinks, folder, redis: `redis://127.0.0.1:${port}` };
    await play(scene);
    await keep(join(RELEASES, version), scene, port);
  } finally {
    server.kill("SIGKILL");
    await server.ended;
    await world.close();
    await removeFolder(folder);
  }
}

/** Has everything lie in Redis that can: cursors, what was sent, a dead letter, batches plain and sealed, a gap, a replay. */
async function play(scene: Scene): Promise<void> {
  const { world, archive } = scene;
  await withDaemon(scene, {}, async (daemon) => {
    for (const tenant of world.tenants) tenant.add("graph_alerts", 8, { spreadMs: 3_600_000, ...SMALL });
    await until("the history has arrived", () => everywhere(scene, 16));
    for (const tenant of world.tenants) {
      for (const version of tenant.ledger.slice(0, 3)) tenant.update(version);
    }
    await until("the updates have arrived", () => everywhere(scene, 22));
    world.hec.poison = () => true;
    world.tenant("contoso").add("graph_alerts", 1, SMALL);
    await until("one is set aside", async () => (await daemon.metric("alerts_dead_lettered_total")) === 1);
    await until("the other sink has it", () => archive.tally.balance().delivered === 23);
  });
  world.hec.fault = { kind: "queue-full" };
  archive.hec.fault = { kind: "queue-full" };
  await leaveWaiting(scene, {}, 12);
  await leaveWaiting(scene, { encryptionKey: FROZEN_KEY }, 24);
  await command(scene, "replay", "--tenant", "contoso", "--sink", "splunk", "--since", "2h");
}

function everywhere({ world, archive }: Scene, alerts: number): boolean {
  return [world.tally, archive.tally].every((tally) => tally.balance().delivered === alerts);
}

/** Brings alerts of which nobody takes any, until so many of each tenant wait for Splunk. */
async function leaveWaiting(scene: Scene, queue: Settings, wait: number): Promise<void> {
  await withDaemon(scene, queue, async (daemon) => {
    for (const tenant of scene.world.tenants) tenant.add("graph_alerts", 12, SMALL);
    await until("they wait, and the archive has a gap", async () => {
      const { ledger, sinks } = await daemon.status();
      const waiting = ledger.filter(({ sink }) => sink === "splunk").map((row) => row.waiting);
      return waiting.every((count) => count === wait) && sinks.some(({ gaps }) => gaps > 0);
    });
  });
}

async function configure({ world, folder, sinks, redis }: Scene, queue: Settings = {}): Promise<string> {
  return await writeConfig(folder, world, { queue: { redis, ...queue }, sinks });
}

async function withDaemon(
  scene: Scene,
  queue: Settings,
  work: (daemon: DaemonProcess) => Promise<void>,
): Promise<void> {
  const daemon = spawnDaemon(await configure(scene, queue), ["--import", WITHOUT_ZSTD]);
  try {
    await daemon.ready();
    await work(daemon);
  } finally {
    daemon.child.kill("SIGTERM");
    await daemon.child.ended;
  }
}

async function command(scene: Scene, ...args: string[]): Promise<void> {
  const child = startChild(process.execPath, [PROGRAM, ...args, "--config", await configure(scene)]);
  if ((await child.ended) !== 0) throw new Error(child.err());
}

async function keep(folder: string, { world, archive }: Scene, port: number): Promise<void> {
  const redis = new Redis({ port, replyMapping: "legacy" });
  const held = world.tenants.flatMap((tenant) =>
    tenant.ledger.map(
      ({ tenantId, alertId, updatedText, revision, supersededAt, raw }): HeldVersion => ({
        tenant: tenant.id,
        ...{ tenantId, alertId, updatedText, revision, isShown: supersededAt === undefined, raw },
      }),
    ),
  );
  const given = [...givenTo("splunk", world.hec), ...givenTo("archive", archive.hec)];
  const write = (file: string, lines: readonly string[]) =>
    writeFile(join(folder, file), lines.map((line) => `${line}\n`).join(""));
  await mkdir(folder, { recursive: true });
  await write(FROZEN_FILES.redis, await readKeyspace(redis));
  await write(
    FROZEN_FILES.held,
    held.map((version) => JSON.stringify(version)),
  );
  await write(
    FROZEN_FILES.given,
    given.map((alert) => JSON.stringify(alert)),
  );
  redis.disconnect();
}

function givenTo(sink: string, { events }: HecReceiver): GivenAlert[] {
  return events.map(({ fields }) => ({
    sink,
    tenant: String(fields["tenant"]),
    eventId: String(fields["event_id"]),
    alertId: String(fields["alert_id"]),
    seq: Number(fields["seq"]),
    revision: Number(fields["revision"]),
  }));
}

await main(process.argv.slice(2));

import { execFile } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { until } from "../support/until.ts";
import { type DrainWanted, drain } from "./drain.ts";
import { atShare, type Row, rowOf } from "./rows.ts";
import { type Configured, openStage, type Stage, startDaemon } from "./stage.ts";

/** How much is done; `--quick` does a tenth of it, to see that everything works. */
export interface Extent {
  readonly runs: number;
  readonly alerts: number;
  readonly seconds: number;
  readonly say: (line: string) => void;
}

type Part = (extent: Extent) => Promise<readonly Row[]>;

const LONGEST_MS = 300_000;
const run = promisify(execFile);

async function drained(name: string, extent: Extent, wanted: Omit<DrainWanted, "runs" | "perTenant">) {
  const perTenant = Math.ceil(extent.alerts / wanted.tenants);
  const figures = await drain({
    ...wanted,
    perTenant,
    runs: extent.runs,
    onRun: (row, index) =>
      extent.say(
        `${name}, run ${index}: ${Math.round(row.alertsPerSecond)} alerts/s, ${(row.alertsPerSecond / row.barePerSecond).toFixed(2)} of the bare loop's ${Math.round(row.barePerSecond)}`,
      ),
  });
  return rowOf(name, {
    "alerts/s": figures.map((row) => row.alertsPerSecond),
    "once warm, alerts/s": figures.map((row) => row.warmPerSecond),
    "MB/s": figures.map((row) => row.megabytesPerSecond),
    "bare loop, alerts/s": figures.map((row) => row.barePerSecond),
    "of the bare loop": figures.map((row) => row.alertsPerSecond / row.barePerSecond),
    "daemon, CPU s per 10,000": figures.map((row) => row.daemonCpuPer10k),
    "Redis, CPU s per 10,000": figures.map((row) => row.redisCpuPer10k),
    "daemon at most, MB": figures.map((row) => row.peakMb),
    "held up at most, ms": figures.map((row) => row.heldUpMs),
    lost: figures.map((row) => row.missing),
    repeated: figures.map((row) => row.repeated),
  });
}

const drains: Part = async (extent) => [
  await drained("pages of 250", extent, { tenants: 10, settings: { poll: { pageSize: 250 } } }),
  await drained("pages of 1,000", extent, { tenants: 10 }),
  await drained("pages of 1,000, requests not compressed", extent, {
    tenants: 10,
    settings: { sink: { gzip: false } },
  }),
  await drained("pages of 1,000, compressed by the source", extent, { tenants: 10, compress: true }),
  await drained("pages of 1,000, one alert in 500 of 240 kB", extent, { tenants: 10, size: "real" }),
];

const growth: Part = async (all) => {
  const extent = { ...all, runs: Math.min(all.runs, 3) };
  const half = { ...extent, alerts: all.alerts / 2 };
  return [
    await drained("half as many alerts", half, { tenants: 10 }),
    await drained("twice as many alerts", { ...extent, alerts: all.alerts * 2 }, { tenants: 10 }),
    await drained("1 tenant", half, { tenants: 1 }),
    await drained("100 tenants", half, { tenants: 100 }),
    await drained("2 sinks", half, { tenants: 10, settings: { sinks: ["splunk", "second"] } }),
    await drained("requests of 50", half, { tenants: 10, settings: { sink: { batch: { maxAlerts: 50 } } } }),
    await drained("requests of 200", half, {
      tenants: 10,
      settings: { sink: { batch: { maxAlerts: 200 } } },
    }),
  ];
};

const scale: Part = async (all) => {
  const extent = { ...all, runs: Math.min(all.runs, 3), alerts: all.alerts / 2 };
  return [
    await drained("1 process", extent, { tenants: 10 }),
    await drained("2 processes, one Redis", extent, { tenants: 10, processes: 2 }),
    await drained("4 processes, one Redis", extent, { tenants: 10, processes: 4 }),
  ];
};

/** Tenants without news, each read every minute. */
const idle: Part = async ({ seconds, say }) => {
  const rows: Row[] = [];
  for (const tenants of [10, 100, 1000]) {
    const stage = await openStage({ tenants, seed: "idle", compress: false });
    const config = await stage.configure({ poll: { interval: "60s" } });
    const daemon = await startDaemon(config);
    try {
      // Every tenant has been read by then.
      await sleep(Math.max(seconds, 65) * 1000);
      const [before, commands] = [await daemon.figures(), await commandsOf(config)];
      await sleep(seconds * 1000);
      const after = await daemon.figures();
      const row = rowOf(`${tenants} tenants`, {
        "daemon, % of a core": [((after.daemon.cpu - before.daemon.cpu) / seconds) * 100],
        "Redis, % of a core": [((after.redis.cpu - before.redis.cpu) / seconds) * 100],
        "Redis commands/s": [((await commandsOf(config)) - commands) / seconds],
        "daemon, MB": [after.daemon.rssMb],
        "daemon at most, MB": [after.daemon.peakMb],
      });
      rows.push(row);
      say(`idle, ${tenants} tenants: ${JSON.stringify(row.values)}`);
    } finally {
      await daemon.end();
      await stage.close();
    }
  }
  return rows;
};

/** From the moment at which a page is asked for that holds an alert to its acceptance by the receiver. */
const delay: Part = async ({ seconds, say }) => {
  const rows: Row[] = [];
  for (const perSecond of [100, 1000]) {
    const stage = await openStage({ tenants: 10, seed: "delay", compress: false });
    const daemon = await startDaemon(await stage.configure({ poll: { interval: "1s", overlap: "2s" } }));
    try {
      await stage.askSource({ do: "trickle", perSecond, seconds: 5 });
      await stage.askSource({ do: "report" });
      const before = await daemon.figures();
      await stage.askSource({ do: "trickle", perSecond, seconds });
      const cpu = (await daemon.figures()).daemon.cpu - before.daemon.cpu;
      const wanted = perSecond * (seconds + 5);
      const hasAll = async () => (await stage.askReceiver({ do: "report" })).distinct >= wanted;
      await until("all alerts have arrived", hasAll, LONGEST_MS);
      const { asked } = await stage.askSource({ do: "report" });
      const { times } = await stage.askReceiver({ do: "report", withTimes: true });
      const delays = Object.entries(asked).map(([id, atMs]) => (times[id] ?? Number.NaN) - atMs);
      const row = rowOf(`${perSecond} alerts/s`, {
        "p50, ms": [atShare(delays, 0.5)],
        "p95, ms": [atShare(delays, 0.95)],
        "p99, ms": [atShare(delays, 0.99)],
        "daemon, % of a core": [(cpu / seconds) * 100],
      });
      rows.push(row);
      say(`delay, ${perSecond} alerts/s: ${JSON.stringify(row.values)}`);
    } finally {
      await daemon.end();
      await stage.close();
    }
  }
  return rows;
};

/** What waits for a receiver that is away. */
const backlog: Part = async ({ alerts, say }) => {
  const rows: Row[] = [];
  for (const count of [alerts / 4, alerts, 2 * alerts]) {
    const stage = await openStage({ tenants: 10, seed: "backlog", compress: false });
    try {
      await stage.askSource({ do: "fill", perTenant: count / 10, spreadMs: 600_000 });
      await stage.askReceiver({ do: "fail", ms: 3_600_000 });
      const sink = { backlog: { maxBytes: "20GB" } };
      const config = await stage.configure({ poll: { interval: "10m", overlap: "1h" }, sink });
      const daemon = await startDaemon(config);
      const empty = await memoryOf(config);
      await until("all of it waits", async () => (await waitingAt(config)) >= count, LONGEST_MS);
      const row = rowOf(`${count} alerts wait`, {
        "Redis, bytes per alert": [((await memoryOf(config)) - empty) / count],
        "daemon at most, MB": [(await daemon.figures()).daemon.peakMb],
      });
      rows.push(row);
      say(`backlog, ${count}: ${JSON.stringify(row.values)}`);
      await daemon.end("SIGKILL");
    } finally {
      await stage.close();
    }
  }
  return rows;
};

const start: Part = async ({ runs, say }) => {
  const stage = await openStage({ tenants: 10, seed: "start", compress: false });
  const ready: number[] = [];
  try {
    for (let index = 0; index < runs; index++) {
      const daemon = await startDaemon(await stage.configure({}));
      ready.push(daemon.readyMs);
      await daemon.end();
    }
  } finally {
    await stage.close();
  }
  say(`start: ${ready.join(", ")} ms`);
  return [rowOf("with the embedded Redis, 10 tenants", { "ready after, ms": ready })];
};

/** Killed in the middle of a drain and started again at once. */
const resume: Part = async ({ runs, alerts, say }) => {
  const gaps: number[] = [];
  const lost: number[] = [];
  const stage = await openStage({ tenants: 10, seed: "resume", compress: false });
  try {
    await stage.askSource({ do: "fill", perTenant: alerts / 20, spreadMs: 600_000 });
    for (let index = 0; index < runs; index++) {
      await stage.askReceiver({ do: "clear" });
      const config = await stage.configure({
        poll: { interval: "1s", overlap: "6h", initialLookback: "6h" },
      });
      const first = await startDaemon(config);
      await until(
        "a fifth is there",
        async () => (await arrivedAt(stage)).distinct > alerts / 10,
        LONGEST_MS,
      );
      await first.end("SIGKILL");
      const [killedAt, { events }] = [performance.now(), await arrivedAt(stage)];
      const second = await startDaemon(config);
      await until("alerts arrive again", async () => (await arrivedAt(stage)).events > events, LONGEST_MS);
      gaps.push(performance.now() - killedAt);
      await until("all are there", async () => (await arrivedAt(stage)).distinct >= alerts / 2, LONGEST_MS);
      lost.push(alerts / 2 - (await arrivedAt(stage)).distinct);
      await second.end();
    }
  } finally {
    await stage.close();
  }
  say(`resume: ${gaps.map(Math.round).join(", ")} ms`);
  return [rowOf("killed with SIGKILL and started again", { "alerts flow again after, ms": gaps, lost })];
};

/** The receiver answers 503 for 15 s while the drain begins. */
const outage: Part = async ({ runs, alerts, say }) => {
  const healed: number[] = [];
  const [lost, repeated]: [number[], number[]] = [[], []];
  const stage = await openStage({ tenants: 10, seed: "outage", compress: false });
  try {
    await stage.askSource({ do: "fill", perTenant: alerts / 20, spreadMs: 600_000 });
    for (let index = 0; index < runs; index++) {
      await stage.askReceiver({ do: "clear" });
      await stage.askReceiver({ do: "fail", ms: 15_000 });
      const beganAt = performance.now();
      const poll = { interval: "10m", overlap: "6h", initialLookback: "6h" };
      const daemon = await startDaemon(await stage.configure({ poll }));
      await until("all are there", async () => (await arrivedAt(stage)).distinct >= alerts / 2, LONGEST_MS);
      healed.push(performance.now() - beganAt - 15_000);
      const { events, distinct } = await arrivedAt(stage);
      lost.push(alerts / 2 - distinct);
      repeated.push(events - distinct);
      await daemon.end();
    }
  } finally {
    await stage.close();
  }
  say(`outage: ${healed.map(Math.round).join(", ")} ms`);
  return [rowOf("15 s of 503", { "drained after healing, ms": healed, lost, repeated })];
};

function arrivedAt(stage: Stage) {
  return stage.askReceiver({ do: "report" });
}

async function redisInfo({ folder }: Configured, section: string, field: string): Promise<number> {
  const { stdout } = await run("redis-cli", ["-s", join(folder, "data/redis.sock"), "info", section]);
  return Number(new RegExp(`^${field}:(\\d+)`, "m").exec(stdout)?.[1]);
}

const commandsOf = (config: Configured) => redisInfo(config, "stats", "total_commands_processed");
const memoryOf = (config: Configured) => redisInfo(config, "memory", "used_memory");

async function waitingAt({ url }: Configured): Promise<number> {
  const sinks = (await (await fetch(`${url}/api/sinks`)).json()) as { readonly backlogAlerts: number }[];
  return sinks.reduce((sum, { backlogAlerts }) => sum + backlogAlerts, 0);
}

/** In the order in which they are played. */
export const PARTS = { start, drains, delay, outage, resume, backlog, growth, scale, idle } satisfies Record<
  string,
  Part
>;

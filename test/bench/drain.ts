import { until } from "../support/until.ts";
import type { Size } from "./source.ts";
import {
  type Figures,
  heldUpMs,
  openStage,
  runBare,
  type Stage,
  type StageSettings,
  startDaemon,
  startRedis,
} from "./stage.ts";

/** What carrying over what a source holds came to. */
export interface DrainFigures {
  /** From the first call of the source to the last acceptance, of processes that have just started. */
  readonly alertsPerSecond: number;
  readonly megabytesPerSecond: number;
  /** Of the bare loop in the same run, right before. */
  readonly barePerSecond: number;
  readonly warmPerSecond: number;
  /** CPU seconds of all threads, once warm. */
  readonly daemonCpuPer10k: number;
  readonly redisCpuPer10k: number;
  readonly peakMb: number;
  /** How long the event loop was held up at most, ms. */
  readonly heldUpMs: number;
  readonly missing: number;
  readonly repeated: number;
}

export interface DrainWanted {
  readonly tenants: number;
  readonly perTenant: number;
  readonly runs: number;
  readonly settings?: StageSettings;
  /** Whether the source compresses its pages. */
  readonly compress?: boolean;
  /** Processes that share the work through the first one's Redis. */
  readonly processes?: number;
  readonly seed?: string;
  readonly size?: Size;
  readonly onRun?: (figures: DrainFigures, run: number) => void;
}

/** All of it was updated within ten minutes, and the overlap reaches back to it however long the runs take. */
const SPREAD_MS = 600_000;
const POLL = { interval: "10m", overlap: "6h", initialLookback: "6h" };
const LONGEST_MS = 300_000;

/** The part of all that has arrived when the processes are warm: their code is compiled, their memory has its size. */
const WARM_TENTHS = 2;

/** A fresh daemon finds everything at the source and carries it over; right before it the bare loop does the same. */
export async function drain(wanted: DrainWanted): Promise<DrainFigures[]> {
  const {
    tenants,
    perTenant,
    runs,
    settings,
    compress = false,
    processes = 1,
    seed = "bench",
    size = "usual",
    onRun,
  } = wanted;
  const stage = await openStage({ tenants, seed, compress });
  const figures: DrainFigures[] = [];
  try {
    await stage.askSource({ do: "fill", perTenant, spreadMs: SPREAD_MS, size });
    for (let run = 1; run <= runs; run++) {
      const row = await drainOnce(stage, { ...settings, poll: { ...POLL, ...settings?.poll } }, processes);
      figures.push(row);
      onRun?.(row, run);
    }
  } finally {
    await stage.close();
  }
  return figures;
}

async function drainOnce(stage: Stage, settings: StageSettings, processes: number): Promise<DrainFigures> {
  const redis = processes === 1 ? undefined : await startRedis();
  const shared = redis === undefined ? settings : { ...settings, queue: { redis: redis.url } };
  const configs = await Promise.all(Array.from({ length: processes }, () => stage.configure(shared)));
  const [first] = configs;
  if (first === undefined) throw new Error("There is no drain by no process.");
  await stage.askReceiver({ do: "clear" });
  const bare = await runBare(first);
  await stage.askReceiver({ do: "clear" });
  const { alerts, bytes } = await stage.askSource({ do: "report" });
  const daemons = await Promise.all(configs.map((config) => startDaemon(config, redis?.pid)));
  try {
    const expected = alerts * (settings.sinks?.length ?? 1);
    const arrived = async () => (await stage.askReceiver({ do: "report" })).events;
    const figuresNow = () => Promise.all(daemons.map((daemon) => daemon.figures()));
    const coldShare = WARM_TENTHS / 10;
    await until("the processes are warm", async () => (await arrived()) >= expected * coldShare, LONGEST_MS);
    const [before, already] = [cpuOf(await figuresNow()), await arrived()];
    await until("all alerts have arrived", async () => (await arrived()) >= expected, LONGEST_MS);
    const figures = await figuresNow();
    const after = cpuOf(figures);
    const heldUp = await Promise.all(configs.map(heldUpMs));
    const got = await stage.askReceiver({ do: "report" });
    const { firstCallMs } = await stage.askSource({ do: "report" });
    const seconds = (got.lastMs - firstCallMs) / 1000;
    const warmSeconds = (got.lastMs - (got.tenths[WARM_TENTHS - 1] ?? Number.NaN)) / 1000;
    const per10k = (cpu: number) => (cpu * 10_000) / (alerts * (1 - already / expected));
    return {
      alertsPerSecond: alerts / seconds,
      megabytesPerSecond: bytes / 1e6 / seconds,
      barePerSecond: alerts / bare.seconds,
      warmPerSecond: (alerts * (1 - coldShare)) / warmSeconds,
      daemonCpuPer10k: per10k(after.daemon - before.daemon),
      redisCpuPer10k: per10k(after.redis - before.redis),
      peakMb: Math.max(...figures.map(({ daemon }) => daemon.peakMb)),
      heldUpMs: Math.max(...heldUp),
      missing: alerts - got.distinct,
      repeated: got.events - expected,
    };
  } finally {
    await Promise.all(daemons.map((daemon) => daemon.end()));
    await redis?.end();
  }
}

/** Of all daemons, and of the Redis that they share. */
function cpuOf(figures: readonly Figures[]): Readonly<Record<keyof Figures, number>> {
  return {
    daemon: figures.reduce((sum, { daemon }) => sum + daemon.cpu, 0),
    redis: figures[0]?.redis.cpu ?? Number.NaN,
  };
}

import { until } from "../support/until.ts";
import type { Size } from "./source.ts";
import {
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
  readonly alertsPerSecond: number;
  readonly megabytesPerSecond: number;
  /** Of the bare loop in the same run, right before. */
  readonly barePerSecond: number;
  /** CPU seconds of all threads, from the start of the process. */
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
    const hasAll = async () => (await stage.askReceiver({ do: "report" })).events >= expected;
    await until("all alerts have arrived", hasAll, LONGEST_MS);
    const figures = await Promise.all(daemons.map((daemon) => daemon.figures()));
    const heldUp = await Promise.all(configs.map(heldUpMs));
    const got = await stage.askReceiver({ do: "report" });
    const { firstCallMs } = await stage.askSource({ do: "report" });
    const seconds = (got.lastMs - firstCallMs) / 1000;
    return {
      alertsPerSecond: alerts / seconds,
      megabytesPerSecond: bytes / 1e6 / seconds,
      barePerSecond: alerts / bare.seconds,
      daemonCpuPer10k: (figures.reduce((sum, { daemon }) => sum + daemon.cpu, 0) * 10_000) / alerts,
      redisCpuPer10k: ((figures[0]?.redis.cpu ?? Number.NaN) * 10_000) / alerts,
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

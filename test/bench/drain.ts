import { until } from "../support/until.ts";
import { openStage, runBare, type Stage, type StageSettings, startDaemon } from "./stage.ts";

export interface DrainFigures {
  readonly alertsPerSecond: number;
  readonly megabytesPerSecond: number;
  /** Of the bare loop in the same run, right before. */
  readonly barePerSecond: number;
  readonly daemonCpuPer10k: number;
  readonly redisCpuPer10k: number;
  readonly daemonPeakMb: number;
  readonly redisPeakMb: number;
  readonly missing: number;
  readonly repeated: number;
}

export interface DrainWanted {
  readonly tenants: number;
  readonly perTenant: number;
  readonly runs: number;
  readonly settings: StageSettings;
  readonly compress: boolean;
  readonly onRun?: (figures: DrainFigures, run: number) => void;
}

/** All of it was updated within ten minutes; the overlap reaches back to it however long the runs take. */
const SPREAD_MS = 600_000;
const POLL = { interval: "10m", overlap: "3h", initialLookback: "3h" };

/** A fresh daemon finds everything at the source and carries it over; before it the bare loop does the same. */
export async function drain({
  tenants,
  perTenant,
  runs,
  settings,
  compress,
  onRun,
}: DrainWanted): Promise<DrainFigures[]> {
  const stage = await openStage({ tenants, seed: "drain", compress });
  const figures: DrainFigures[] = [];
  try {
    await stage.askSource({ do: "fill", perTenant, spreadMs: SPREAD_MS });
    for (let run = 1; run <= runs; run++) {
      const row = await drainOnce(stage, { ...settings, poll: { ...POLL, ...settings.poll } });
      figures.push(row);
      onRun?.(row, run);
    }
  } finally {
    await stage.close();
  }
  return figures;
}

async function drainOnce(stage: Stage, settings: StageSettings): Promise<DrainFigures> {
  const config = await stage.configure(settings);
  await stage.askReceiver({ do: "clear" });
  const bare = await runBare(config);
  await stage.askReceiver({ do: "clear" });
  const { alerts, bytes } = await stage.askSource({ do: "report" });
  const daemon = await startDaemon(config);
  try {
    const hasAll = async () => (await stage.askReceiver({ do: "report" })).distinct >= alerts;
    await until("all alerts have arrived", hasAll, 300_000);
    const { daemon: own, redis } = await daemon.figures();
    const got = await stage.askReceiver({ do: "report" });
    const { firstCallMs } = await stage.askSource({ do: "report" });
    const seconds = (got.lastMs - firstCallMs) / 1000;
    return {
      alertsPerSecond: alerts / seconds,
      megabytesPerSecond: bytes / 1e6 / seconds,
      barePerSecond: alerts / bare.seconds,
      daemonCpuPer10k: (own.cpu * 10_000) / alerts,
      redisCpuPer10k: (redis.cpu * 10_000) / alerts,
      daemonPeakMb: own.peakMb,
      redisPeakMb: redis.peakMb,
      missing: alerts - got.distinct,
      repeated: got.events - got.distinct,
    };
  } finally {
    await daemon.end();
  }
}

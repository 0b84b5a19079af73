import { randomFrom } from "../../src/simulate/random.ts";
import type { DaemonProcess } from "./daemon-process.ts";
import { Stage } from "./stage.ts";

/** How long it took from `kill -9` until what waited has arrived, ms, run by run. */
export interface Resume {
  readonly what: string;
  readonly runsMs: readonly number[];
}

/** Measures what a death costs in time: a daemon that is started again at once, and a replica that is not. */
export async function measureResume(
  seed: string,
  runs: number,
  say: (line: string) => void,
): Promise<readonly Resume[]> {
  const measured: Resume[] = [];
  for (const [what, act] of [
    ["one daemon with its own Redis, started again at once", startedAgain],
    ["one of two replicas on one Redis, with requests in hand", takenOver],
  ] as const) {
    const runsMs: number[] = [];
    for (let run = 0; run < runs; run++) runsMs.push(await act(`${seed}.resume.${run}`));
    say(`resume  ${what}: median ${median(runsMs)} ms of ${runsMs.join(", ")}`);
    measured.push({ what, runsMs });
  }
  return measured;
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
}

async function startedAgain(seed: string): Promise<number> {
  return await onStage(seed, "embedded", async (stage) => {
    const first = await stage.start();
    return async () => {
      const killedAt = kill(first);
      await first.child.ended;
      stage.world.hec.fault = undefined;
      stage.spawn();
      return killedAt;
    };
  });
}

async function takenOver(seed: string): Promise<number> {
  return await onStage(seed, "external", async (stage) => {
    const first = await stage.start();
    return async () => {
      await stage.start();
      const killedAt = kill(first);
      stage.world.hec.fault = undefined;
      return killedAt;
    };
  });
}

/** Kills while the receiver holds requests, and waits until all that was there then has arrived. */
async function onStage(
  seed: string,
  redis: "embedded" | "external",
  begin: (stage: Stage) => Promise<() => Promise<number>>,
): Promise<number> {
  const trial = { seed, random: randomFrom(seed, "resume"), scale: "small" as const };
  const stage = await Stage.open(trial, { redis, sink: { timeout: "30s" } });
  try {
    stage.world.hec.fault = { kind: "hang" };
    stage.addHistory();
    const die = await begin(stage);
    await stage.until("requests are under way", () => stage.flight.openRequests > 0);
    const killedAt = await die();
    await stage.until("all has arrived", () => stage.world.balance().delivered === stage.owed);
    return Math.round(performance.now() - killedAt);
  } finally {
    await stage.close();
  }
}

function kill({ child }: DaemonProcess): number {
  child.kill("SIGKILL");
  return performance.now();
}

import type { LedgerRow } from "../../src/queue/ledger.ts";
import type { Outcome, Trial } from "./cell.ts";
import { judge, type Promises } from "./judge.ts";
import { Stage, type StageWishes } from "./stage.ts";

export interface PlayWishes extends StageWishes, Omit<Promises, "ledger"> {}

const STOP_WITHIN_MS = 30_000;
const KEPT_LINES = 40;

/**
 * Plays one run: opens a stage, lets `act` do its worst, waits until all is at rest, stops every daemon in good order,
 * and judges. What goes wrong on the way is a broken rule too, and the stage is always cleared.
 */
export async function play(
  trial: Trial,
  wishes: PlayWishes,
  act: (stage: Stage) => Promise<void>,
): Promise<Outcome> {
  const stage = await Stage.open(trial, wishes);
  try {
    const flaws: string[] = [];
    let ledger: readonly LedgerRow[] = [];
    try {
      await act(stage);
      await stage.rest();
      ledger = (await stage.daemon.status()).ledger;
      flaws.push(...(await leftBehind(stage)), ...(await stopAll(stage)));
    } catch (cause) {
      flaws.push(cause instanceof Error ? cause.message : String(cause));
    }
    const { broken, ...figures } = judge(stage, { ...wishes, ledger });
    const all = [...flaws, ...broken];
    const log = all.length > 0 ? [...lastWords(stage), ...(await stage.autopsy().catch(() => []))] : [];
    return { ...figures, broken: all, log };
  } finally {
    await stage.close();
  }
}

async function leftBehind(stage: Stage): Promise<readonly string[]> {
  const batches = await stage.batchesLeft();
  return batches > 0 ? [`${batches} batches lie in Redis that nobody will deliver`] : [];
}

/** What still runs must end by itself, in time and with 0. */
async function stopAll({ daemons }: Stage): Promise<readonly string[]> {
  const running = daemons.filter(({ child }) => child.isAlive());
  const ends = running.map(async ({ child }) => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<"late">((done) => {
      timer = setTimeout(() => done("late"), STOP_WITHIN_MS);
    });
    child.kill("SIGTERM");
    const end = await Promise.race([child.ended, late]);
    clearTimeout(timer);
    return end === 0 ? [] : [`a daemon that was asked to stop ended with ${end}`];
  });
  return (await Promise.all(ends)).flat();
}

function lastWords({ daemons }: Stage): readonly string[] {
  return daemons.flatMap((daemon, index) =>
    daemon
      .log()
      .slice(-KEPT_LINES)
      .map((line) => `daemon ${index + 1}: ${JSON.stringify(line)}`),
  );
}

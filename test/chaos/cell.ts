import type { Random } from "../../src/simulate/random.ts";

/** One box of the matrix: something that is broken, and what must hold nonetheless. */
export interface Cell {
  /** `kill-daemon/embedded/sealing`: what `--only` and the tables call it. */
  readonly name: string;
  /** What happens, in one sentence for people. */
  readonly what: string;
  /** Whether a process or a reply dies in it: only then may an alert arrive a second time. */
  readonly mayRepeat: boolean;
  /** Whether this machine can play it; absent: any can. */
  readonly isPossible?: () => boolean;
  run(trial: Trial): Promise<Outcome>;
}

/** One run of a cell. The seed decides everything but how fast processes are. */
export interface Trial {
  readonly seed: string;
  readonly random: Random;
  /** Small numbers for a test that must end soon, large ones for a long search. */
  readonly scale: "small" | "large";
}

export interface Outcome {
  /** Versions of alerts that the simulated source has shown. */
  readonly held: number;
  readonly lost: number;
  /** Arrivals beyond the first of a version. */
  readonly duplicates: number;
  /** The most duplicates there may be: what had reached the receiver and was not settled when something died. */
  readonly inFlight: number;
  /** From the trouble (a death) or its end (an outage) to the arrival of the last alert that waited then. */
  readonly recoveryMs: number | undefined;
  /** Every rule that did not hold, in words; empty when all is well. */
  readonly broken: readonly string[];
  /** What the daemons said last, for whoever has to find the cause. */
  readonly log: readonly string[];
}

import { TICKS_PER_MS, type Ticks, ticksFromMs } from "../../../src/model/ticks.ts";
import type { PollSettings } from "../../../src/model/window.ts";
import type { Random } from "../../../src/simulate/random.ts";
import type { MemorySource, Version } from "../../support/memory-source.ts";
import { later } from "./attempts.ts";

/** A clock of a source may be ahead of ours. */
export const AHEAD_MS = 1500;

export interface ChangeParts {
  readonly random: Random;
  readonly source: MemorySource;
  readonly poll: PollSettings;
  /** Of the changes, those that show within the overlap. */
  readonly lateShare: number;
  readonly nowMs: () => number;
  readonly edges: () => readonly Ticks[];
  readonly onShow: (id: string, ticks: Ticks) => void;
}

/** What happens at a source, by chance. */
export interface Changes {
  /** An alert that was there before anybody read. */
  begin(): void;
  /** One change: an alert appears, is updated, or vanishes, or many are updated at once. */
  next(): void;
}

export function createChanges({
  random,
  source,
  poll,
  lateShare,
  nowMs,
  edges,
  onShow,
}: ChangeParts): Changes {
  let names = 0;

  const now = (): Ticks => ticksFromMs(nowMs()) + BigInt(random.whole(0, 9999));

  /** Cut to some of the seven digits. */
  function rounded(ticks: Ticks): Ticks {
    const unit = random.pick([1n, 1n, 10n, 10_000n, 1_000_000n, 10_000_000n]);
    return ticks - (ticks % unit);
  }

  /** The time of a change: now, late, on an edge, that of another, or ahead. */
  function someTicks(): Ticks {
    if (random.chance(lateShare)) return rounded(now() - BigInt(random.whole(0, poll.overlap * 12_000)));
    const chance = random.next();
    if (chance < 0.55) return rounded(now());
    if (chance < 0.7) {
      const known = edges();
      const edge = known[random.whole(0, known.length - 1)];
      return edge === undefined ? now() : edge + BigInt(random.whole(-1, 1));
    }
    if (chance < 0.9) return source.history.at(-random.whole(1, 5))?.ticks ?? now();
    return now() + BigInt(random.whole(0, AHEAD_MS)) * TICKS_PER_MS;
  }

  function show(id: string, ticks: Ticks): void {
    source.show(id, ticks);
    onShow(id, ticks);
  }

  const appear = (ticks: Ticks): void => show(`a${names++}`, ticks);

  function update({ id, ticks: old }: Version): void {
    const ticks = someTicks();
    show(id, ticks > old ? ticks : later(old + 1n, now()));
  }

  function incident(shown: readonly Version[]): void {
    const ticks = now();
    for (const { id, ticks: old } of shown) if (old < ticks && random.chance(0.6)) show(id, ticks);
  }

  return {
    begin() {
      const backMs = random.whole(0, Math.max(2000, poll.initialLookback));
      appear(rounded(now() - BigInt(backMs) * TICKS_PER_MS));
    },
    next() {
      const shown = source.shown();
      const one = shown[random.whole(0, shown.length - 1)];
      const what = random.next();
      if (one === undefined || what < 0.45) appear(someTicks());
      else if (what < 0.9) update(one);
      else if (what < 0.97) incident(shown);
      else source.remove(one.id);
    },
  };
}

import type { Version } from "../../support/memory-source.ts";
import type { Attempt } from "./attempts.ts";
import type { History } from "./history.ts";
import type { Given, Lane } from "./lanes.ts";

/**
 * What is wrong with what the sinks were given, by the source's own history. Nothing must be.
 *
 * A version is owed to a sink that accepts it when a round could not but see it: it lies in what the round owes by the
 * clock and the settings, was committed, and was shown from the round's beginning to its end. Where the round found the
 * sink full it must have been shown until no window was open for the sink any more; likewise what the first round left
 * to the backfill, and what the source failed to give out. Whatever is given exists, has one number in a row without a hole, and is given once but for replays.
 */
export function faultsOf(history: History): string[] {
  const faults = history.isAtRest ? [] : ["it never comes to rest"];
  if (history.hasGoneBack) faults.push("the cursor goes back");
  for (const lane of history.lanes) {
    const { given } = lane;
    const { sink, accepts } = lane.route;
    const bound = history.source.history.filter(({ alert }) => accepts(alert));
    const owed = bound.filter((version) => isOwed(version, lane, history));
    faults.push(...missing(owed, given).map((name) => `${sink} misses ${name}`));
    faults.push(...notReplayed(bound, lane, history).map((name) => `${sink} misses ${name} in a replay`));
    faults.push(...strangers(bound, given).map((name) => `${sink} was given ${name}, which is none`));
    faults.push(...repeated(given).map((name) => `${sink} was given ${name} again`));
    faults.push(...holes(given).map((seq) => `${sink} was not given number ${seq}`));
  }
  faults.push(...revisionFaults(history));
  return faults;
}

function isOwed(version: Version, lane: Lane, history: History): boolean {
  return history.attempts.some((attempt, index) => {
    if (version.ticks >= attempt.from && version.ticks < attempt.to) {
      if (!isShown(version, attempt.begin, attempt.end)) return false;
      const isLeft =
        attempt.refused.has(lane.route.sink) ||
        attempt.holes.some(({ from, to }) => version.ticks >= from && version.ticks < to);
      return !isLeft || isShown(version, attempt.begin, quietAfter(attempt, lane));
    }
    return index === 0 && isLeftToBackfill(version, attempt, lane, history);
  });
}

function isLeftToBackfill(version: Version, first: Attempt, lane: Lane, history: History): boolean {
  const since = first.lookback ?? first.from;
  if (version.ticks < since || version.ticks >= first.from) return false;
  return isShown(version, history.firstMoment, quietAfter(first, lane));
}

function isShown({ appeared, vanished }: Version, begin: number, end: number): boolean {
  return appeared <= begin && (vanished === undefined || vanished > end);
}

/** The first moment after a round at which no window was open for the sink. */
function quietAfter({ step }: Attempt, { quiet }: Lane): number {
  return quiet.find((each) => each.step >= step)?.moment ?? Number.POSITIVE_INFINITY;
}

function missing(owed: readonly Version[], given: readonly Given[]): string[] {
  const names = new Set(given.map(nameOf));
  return owed
    .map(({ id, ticks }) => nameOf({ id, version: String(ticks) }))
    .filter((name) => !names.has(name));
}

/** A replay sends what its span shows from when it was ordered to the end. */
function notReplayed(bound: readonly Version[], { route, given }: Lane, { replays }: History): string[] {
  const replayed = given.filter(({ isReplay }) => isReplay);
  const mine = replays.filter(({ sinks }) => sinks.includes(route.sink));
  const owed = bound.filter((version) =>
    mine.some(({ from, to, moment }) => {
      const isWithin = version.ticks >= from && version.ticks < to;
      return isWithin && isShown(version, moment, Number.POSITIVE_INFINITY);
    }),
  );
  return missing(owed, replayed);
}

function strangers(bound: readonly Version[], given: readonly Given[]): string[] {
  const real = new Set(bound.map(({ id, ticks }) => `${id} ${ticks}`));
  return given.map(nameOf).filter((name) => !real.has(name));
}

/** What was given twice without being asked for, or once more under another number. */
function repeated(given: readonly Given[]): string[] {
  const first = new Map<string, Given>();
  const unasked = new Set<string>();
  return given.flatMap((each) => {
    const name = nameOf(each);
    const { seq } = first.get(name) ?? each;
    first.set(name, first.get(name) ?? each);
    const isNew = each.isReplay || unasked.size < unasked.add(name).size;
    return isNew && seq === each.seq ? [] : [name];
  });
}

function holes(given: readonly Given[]): number[] {
  const seqs = new Set(given.map(({ seq }) => seq));
  const wanted = Array.from({ length: new Set(given.map(nameOf)).size }, (_, index) => index + 1);
  return wanted.filter((seq) => !seqs.has(seq));
}

/** The versions of an alert are numbered in their order, for all sinks alike. */
function revisionFaults({ lanes }: History): string[] {
  const revisions = new Map<string, Map<bigint, Set<number>>>();
  for (const { id, version, revision } of lanes.flatMap(({ given }) => given)) {
    const versions = revisions.get(id) ?? new Map<bigint, Set<number>>();
    revisions.set(id, versions);
    const known = versions.get(BigInt(version)) ?? new Set();
    versions.set(BigInt(version), known.add(revision));
  }
  return [...revisions].flatMap(([id, versions]) => {
    const inOrder = [...versions].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => [...each].join("+"));
    const isRight = inOrder.every((revision, index) => revision === String(index + 1));
    return isRight ? [] : [`the versions of ${id} are numbered ${inOrder.join(", ")}`];
  });
}

function nameOf({ id, version }: { readonly id: string; readonly version: string }): string {
  return `${id} ${version}`;
}

import type { Ticks } from "../../../src/model/ticks.ts";
import type { Version } from "../../support/memory-source.ts";
import type { Attempt, Given, History } from "./history.ts";

/**
 * What is wrong with what the sinks were given, by the source's own history. Nothing must be.
 *
 * A version is owed to a sink that accepts it when a round could not but see it: it lies in what the round owes by the
 * clock and the settings, was committed, and was shown from the round's beginning to its end. Where the round found the
 * sink full it must have been shown until no window was open for the sink any more; likewise what the first round left
 * to the backfill. Whatever is given is given once, in numbers without a hole, and exists.
 */
export function faultsOf(history: History): string[] {
  const faults = history.isAtRest ? [] : ["it never comes to rest"];
  for (const { sink, accepts } of history.routes) {
    const given = history.given.get(sink) ?? [];
    const owed = history.source.history.filter(
      (version) => accepts(version.alert) && isOwed(version, sink, history),
    );
    faults.push(...missing(owed, given).map((name) => `${sink} misses ${name}`));
    faults.push(
      ...strangers(history, given, accepts).map((name) => `${sink} was given ${name}, which is none`),
    );
    faults.push(...repeated(given).map((name) => `${sink} was given ${name} again`));
    faults.push(...holes(given).map((seq) => `${sink} was not given number ${seq}`));
  }
  faults.push(...revisionFaults(history));
  return faults;
}

function isOwed(version: Version, sink: string, history: History): boolean {
  return history.attempts.some((attempt, index) => {
    if (version.ticks >= attempt.from && version.ticks < attempt.to) {
      if (!isShown(version, attempt.begin, attempt.end)) return false;
      return (
        !attempt.refused.has(sink) || isShown(version, attempt.begin, quietAfter(attempt, sink, history))
      );
    }
    return index === 0 && isLeftToBackfill(version, attempt, sink, history);
  });
}

function isLeftToBackfill({ ...version }: Version, first: Attempt, sink: string, history: History): boolean {
  const since: Ticks = first.lookback ?? first.from;
  if (version.ticks < since || version.ticks >= first.from) return false;
  return isShown(version, history.firstMoment, quietAfter(first, sink, history));
}

function isShown({ appeared, vanished }: Version, begin: number, end: number): boolean {
  return appeared <= begin && (vanished === undefined || vanished > end);
}

/** The first moment after a round at which no window was open for the sink. */
function quietAfter({ step }: Attempt, sink: string, { quiet }: History): number {
  return quiet.get(sink)?.find((each) => each.step >= step)?.moment ?? Number.POSITIVE_INFINITY;
}

function missing(owed: readonly Version[], given: readonly Given[]): string[] {
  const names = new Set(given.map(nameOf));
  return owed
    .map(({ id, ticks }) => nameOf({ id, version: String(ticks) }))
    .filter((name) => !names.has(name));
}

function strangers(
  { source }: History,
  given: readonly Given[],
  accepts: (alert: Version["alert"]) => boolean,
): string[] {
  const real = new Set(
    source.history.filter(({ alert }) => accepts(alert)).map(({ id, ticks }) => `${id} ${ticks}`),
  );
  return given.map(nameOf).filter((name) => !real.has(name));
}

/** What came in two batches; a batch comes to a sink once, since its content is gone after it. */
function repeated(given: readonly Given[]): string[] {
  const met = new Set<string>();
  return given.map(nameOf).filter((name) => met.size === met.add(name).size);
}

function holes(given: readonly Given[]): number[] {
  const seqs = new Set(given.map(({ seq }) => seq));
  const wanted = Array.from({ length: given.length }, (_, index) => index + 1);
  return wanted.filter((seq) => !seqs.has(seq));
}

/** The versions of an alert are numbered in their order, for all sinks alike. */
function revisionFaults({ given }: History): string[] {
  const revisions = new Map<string, Map<bigint, Set<number>>>();
  for (const { id, version, revision } of [...given.values()].flat()) {
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

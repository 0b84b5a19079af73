/**
 * `well`: nobody need look. `attention`: it may heal by itself, and should be looked at if it stays. `trouble`: it stands
 * still, or a person must act.
 */
export type Level = "well" | "attention" | "trouble";

/** In what state a tenant's source, a sink, or one tenant at one sink is. Page, commands and API use these words. */
export const STATES = {
  "on time": { level: "well", means: "The source is read as often as it should be." },
  "not read yet": { level: "attention", means: "No round of it has ended so far." },
  paced: { level: "attention", means: "It is read as fast as Microsoft's limit on calls allows." },
  throttled: { level: "attention", means: "Microsoft asked us to wait; it is waited out." },
  failing: { level: "attention", means: "Rounds fail for a passing reason, and are tried again." },
  quiet: { level: "attention", means: "It is silent in hours that usually bring something." },
  incomplete: {
    level: "attention",
    means: "Microsoft fails to give out a span of it, which is tried again.",
  },
  refused: { level: "trouble", means: "The credential or the consent is refused." },
  misconfigured: { level: "trouble", means: "The tenant, its cloud or the query is set up wrongly." },
  overdue: { level: "trouble", means: "Its next round should have begun and did not." },

  taking: { level: "well", means: "The sink takes what comes." },
  behind: { level: "attention", means: "The sink takes alerts, and the oldest waits for minutes." },
  "asked to wait": { level: "attention", means: "The sink asked us to wait." },
  unreachable: { level: "trouble", means: "The sink does not answer, or fails." },
  refusing: { level: "trouble", means: "The sink refuses our credentials, or is set up wrongly." },

  "nothing yet": { level: "well", means: "Nothing was queued for the sink so far." },
  delivered: { level: "well", means: "All that was queued is delivered or set aside." },
  "on its way": { level: "well", means: "Alerts wait their turn at a sink that takes them." },
  waiting: { level: "attention", means: "Alerts wait for a sink that rests." },
  gap: {
    level: "attention",
    means: "A span was left at Microsoft, and is read again once the sink has drained.",
  },
} as const satisfies Record<string, { readonly level: Level; readonly means: string }>;

export type State = keyof typeof STATES;

/** A round that is so much later than it was to be has not begun. */
const OVERDUE_MS = 120_000;
/** So many failed rounds in a row are no bad luck. */
const FAILS_AT = 3;
/** What waits for so long at a sink that takes alerts is behind. */
const BEHIND_S = 300;

interface PlaceFacts {
  readonly outcome: string | null;
  readonly failures: number;
  readonly nextMs: number | undefined;
  readonly unusuallyQuiet: boolean;
  readonly holes: number;
}

export function placeState(facts: PlaceFacts, nowMs: number): State {
  const { outcome, failures, nextMs, unusuallyQuiet, holes } = facts;
  if (nextMs !== undefined && nowMs - nextMs > OVERDUE_MS) return "overdue";
  switch (outcome) {
    case null:
      return "not read yet";
    case "completed":
      if (holes > 0) return "incomplete";
      return unusuallyQuiet ? "quiet" : "on time";
    case "paced":
    case "throttled":
    case "misconfigured":
      return outcome;
    case "unauthorized":
      return "refused";
    default:
      // One failed round is made up for by the next.
      return failures < FAILS_AT ? "on time" : "failing";
  }
}

interface SinkFacts {
  readonly backlogAlerts: number;
  readonly oldestSeconds: number;
  readonly resting: { readonly kind: string } | null;
}

export function sinkState({ backlogAlerts, oldestSeconds, resting }: SinkFacts): State {
  switch (resting?.kind) {
    case undefined:
      return backlogAlerts > 0 && oldestSeconds > BEHIND_S ? "behind" : "taking";
    case "throttled":
      return "asked to wait";
    case "transient":
      return "unreachable";
    default:
      return "refusing";
  }
}

/** How one tenant stands at one sink. `row` is its row in the ledger of the sink. */
export function routeState(
  row: { readonly waiting: number } | undefined,
  atSink: State,
  hasGap: boolean,
): State {
  if (hasGap) return "gap";
  if (row === undefined) return "nothing yet";
  if (row.waiting === 0) return "delivered";
  return atSink === "taking" ? "on its way" : "waiting";
}

const WEIGHT: Readonly<Record<Level, number>> = { well: 0, attention: 1, trouble: 2 };

export function worstOf(levels: Iterable<Level>): Level {
  let worst: Level = "well";
  for (const level of levels) if (WEIGHT[level] > WEIGHT[worst]) worst = level;
  return worst;
}

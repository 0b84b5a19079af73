import { aboutSoLong, grouped, listed, plural } from "../model/words.ts";
import type { LedgerRow } from "../queue/ports.ts";
import { type Level, STATES, type State, worstOf } from "./states.ts";

/** From so long before its end on a credential is spoken of. */
const ENDING_MS = 7 * 86_400_000;

/** Whether everything is delivered, as one sentence from the ledger. */
export interface Verdict {
  readonly level: Level;
  readonly sentence: string;
}

/** The sums of the ledger. At rest `enqueued` = `delivered` + `dead` + `waiting`. */
export interface Totals {
  readonly enqueued: number;
  readonly delivered: number;
  readonly dead: number;
  readonly waiting: number;
  readonly balances: boolean;
}

export interface VerdictFacts {
  readonly places: readonly { readonly tenant: string; readonly state: State }[];
  readonly sinks: readonly SinkFacts[];
  readonly totals: Totals;
  /** Dead letters that lie there, those that were bound for no sink among them. */
  readonly deadLetters: number;
  readonly credentials: readonly { readonly expires: string }[];
  readonly nowMs: number;
}

interface SinkFacts {
  readonly sink: string;
  readonly state: State;
  readonly backlogAlerts: number;
  readonly oldestSeconds: number;
  readonly gaps: number;
  readonly resting: { readonly since: string } | null;
}

export function totalsOf(ledger: readonly LedgerRow[]): Totals {
  const sum = (count: (row: LedgerRow) => number) => ledger.reduce((total, row) => total + count(row), 0);
  const dead = sum((row) => Object.values(row.dead).reduce((total, count) => total + count, 0));
  const [enqueued, delivered, waiting] = [
    sum((row) => row.enqueued),
    sum((row) => row.delivered),
    sum((row) => row.waiting),
  ];
  return { enqueued, delivered, dead, waiting, balances: enqueued === delivered + dead + waiting };
}

export function verdictOf(facts: VerdictFacts): Verdict {
  const { places, sinks, totals, deadLetters } = facts;
  const ending = endingClauses(facts);
  const level = worstOf([
    ...places.map(({ state }) => STATES[state].level),
    ...sinks.map(({ state }) => STATES[state].level),
    ...sinks.map(({ gaps }) => (gaps > 0 ? "attention" : "well")),
    deadLetters > 0 ? "attention" : "well",
    ending.length > 0 ? "attention" : "well",
    totals.balances ? "well" : "trouble",
  ]);
  const clauses = [
    totals.balances ? deliveryClause(facts) : "the ledger does not add up: run `alertferry reconcile`",
    ...gapClauses(sinks),
    ...(deadLetters === 0
      ? []
      : [`${plural(deadLetters, "dead letter")} ${deadLetters === 1 ? "waits" : "wait"} for a person`]),
    ...placeClauses(places),
    ...ending,
  ];
  const said = clauses.join("; ");
  return { level, sentence: `${said.charAt(0).toUpperCase()}${said.slice(1)}.` };
}

function deliveryClause({ sinks, totals, nowMs }: VerdictFacts): string {
  const { enqueued, delivered, dead, waiting } = totals;
  const slow = sinks.filter(({ state, backlogAlerts }) => state !== "taking" && backlogAlerts > 0);
  const idle = sinks.filter(({ state, backlogAlerts }) => state !== "taking" && backlogAlerts === 0);
  const resting = idle.map((sink) => `${sink.sink} ${doing(sink, nowMs)}`);
  if (slow.length > 0) {
    const waits = slow.map((sink, index) => {
      const what =
        index === 0
          ? `${plural(sink.backlogAlerts, "alert")} ${sink.backlogAlerts === 1 ? "waits" : "wait"}`
          : grouped(sink.backlogAlerts);
      return `${what} for ${sink.sink}, which ${doing(sink, nowMs)}`;
    });
    return [...waits, ...resting].join(", and ");
  }
  return [flow(enqueued - dead, delivered, waiting, sinks.length), ...resting].join("; ");
}

/** An alert that goes to several sinks is counted at each. */
function flow(owed: number, delivered: number, waiting: number, sinks: number): string {
  if (owed === 0) return "no alert was read so far";
  const several = `deliveries to ${sinks} sinks`;
  if (waiting > 0) {
    const of = sinks > 1 ? `${grouped(owed)} ${several}` : `${plural(owed, "alert")} that were read`;
    const done = sinks > 1 ? "made" : "delivered";
    const rest = `${grouped(waiting)} ${waiting === 1 ? "is" : "are"} on the way`;
    return `${grouped(delivered)} of ${of} have been ${done}, and ${rest}`;
  }
  if (sinks > 1) return `everything that was read has been delivered: ${grouped(delivered)} ${several}`;
  return owed === 1
    ? "the one alert that was read has been delivered"
    : `all ${grouped(delivered)} alerts that were read have been delivered`;
}

function doing({ state, resting, oldestSeconds }: SinkFacts, nowMs: number): string {
  if (resting === null) return `is ${aboutSoLong(oldestSeconds)} behind`;
  const what =
    state === "refusing" ? "refusing" : state === "unreachable" ? "out of reach" : "asking us to wait";
  return `has been ${what} for ${aboutSoLong((nowMs - Date.parse(resting.since)) / 1000)}`;
}

function gapClauses(sinks: readonly SinkFacts[]): string[] {
  const open = sinks.filter(({ gaps }) => gaps > 0);
  if (open.length === 0) return [];
  const count = open.reduce((sum, { gaps }) => sum + gaps, 0);
  return [
    `${plural(count, "gap")} ${count === 1 ? "is" : "are"} open for ${listed(open.map(({ sink }) => sink))}`,
  ];
}

/** What is not read cannot be missing from the ledger, so it is said beside it. */
function placeClauses(places: VerdictFacts["places"]): string[] {
  const tenantsIn = (...states: State[]) => [
    ...new Set(places.filter(({ state }) => states.includes(state)).map(({ tenant }) => tenant)),
  ];
  const clause = (names: readonly string[], one: string, many: string) =>
    names.length === 0
      ? []
      : [names.length === 1 ? `${names[0]} ${one}` : `${plural(names.length, "tenant")} ${many}`];
  return [
    ...clause(tenantsIn("refused", "misconfigured", "overdue"), "cannot be read", "cannot be read"),
    ...clause(tenantsIn("throttled"), "is throttled", "are throttled"),
    ...clause(tenantsIn("failing"), "fails to be read", "fail to be read"),
    ...clause(tenantsIn("incomplete"), "is incomplete at Microsoft", "are incomplete at Microsoft"),
    ...clause(tenantsIn("quiet"), "is unusually quiet", "are unusually quiet"),
  ];
}

/** Of those that have ended the tenants tell. */
function endingClauses({ credentials, nowMs }: VerdictFacts): string[] {
  const ending = credentials.filter(({ expires }) => {
    const leftMs = Date.parse(expires) - nowMs;
    return leftMs > 0 && leftMs < ENDING_MS;
  });
  if (ending.length === 0) return [];
  return [`${plural(ending.length, "credential")} ${ending.length === 1 ? "ends" : "end"} within a week`];
}

import { expect, it } from "vitest";
import { placeState, routeState, type State, sinkState } from "../../../src/pipeline/states.ts";
import { totalsOf, type VerdictFacts, verdictOf } from "../../../src/pipeline/verdict.ts";

const NOW = Date.parse("2026-05-04T12:00:00Z");
const ago = (seconds: number) => new Date(NOW - seconds * 1000).toISOString();

const aSink = (more: Partial<VerdictFacts["sinks"][number]> = {}) => ({
  ...{ sink: "splunk", state: "taking" as State, backlogAlerts: 0, oldestSeconds: 0, gaps: 0, resting: null },
  ...more,
});
const aRow = (delivered: number, waiting = 0, dead: Record<string, number> = {}, enqueued?: number) => ({
  ...{ tenant: "contoso", sink: "splunk", bytes: 0, seq: 0, delivered, waiting, dead },
  enqueued: enqueued ?? delivered + waiting + Object.values(dead).reduce((sum, count) => sum + count, 0),
});

interface Story {
  readonly rows?: readonly ReturnType<typeof aRow>[];
  readonly sinks?: VerdictFacts["sinks"];
  readonly places?: VerdictFacts["places"];
  readonly deadLetters?: number;
  readonly credentials?: VerdictFacts["credentials"];
}

function told({
  rows = [],
  sinks = [aSink()],
  places = [],
  deadLetters = 0,
  credentials = [],
}: Story): [string, string] {
  const { level, sentence } = verdictOf({
    sinks,
    places,
    deadLetters,
    credentials,
    totals: totalsOf(rows),
    nowMs: NOW,
  });
  return [level, sentence];
}

it.each<[string, Story, [string, string]]>([
  ["nothing was read", {}, ["well", "No alert was read so far."]],
  ["one was", { rows: [aRow(1)] }, ["well", "The one alert that was read has been delivered."]],
  [
    "all is there",
    { rows: [aRow(12_345)] },
    ["well", "All 12,345 alerts that were read have been delivered."],
  ],
  [
    "two sinks have all",
    { rows: [aRow(5), aRow(5)], sinks: [aSink(), aSink({ sink: "qradar" })] },
    ["well", "Everything that was read has been delivered: 10 deliveries to 2 sinks."],
  ],
  [
    "alerts flow",
    { rows: [aRow(100, 1)], sinks: [aSink({ backlogAlerts: 1 })] },
    ["well", "100 of 101 alerts that were read have been delivered, and 1 is on the way."],
  ],
  [
    "a sink is away",
    {
      rows: [aRow(100, 37)],
      sinks: [aSink({ state: "refusing", backlogAlerts: 37, resting: { since: ago(250) } })],
    },
    ["trouble", "37 alerts wait for splunk, which has been refusing for 4 minutes."],
  ],
  [
    "a sink is away that is owed nothing",
    { rows: [aRow(2)], sinks: [aSink({ state: "unreachable", resting: { since: ago(20) } })] },
    [
      "trouble",
      "All 2 alerts that were read have been delivered; splunk has been out of reach for less than a minute.",
    ],
  ],
  [
    "the queue of a sink has grown old",
    { rows: [aRow(2, 1)], sinks: [aSink({ state: "behind", backlogAlerts: 1, oldestSeconds: 400 })] },
    ["attention", "1 alert waits for splunk, which is 6 minutes behind."],
  ],
  [
    "gaps, dead letters and tenants in trouble come after it",
    {
      rows: [aRow(9, 0, { rejected: 1 })],
      sinks: [aSink({ gaps: 2 })],
      deadLetters: 1,
      places: [
        { tenant: "contoso", state: "refused" },
        { tenant: "contoso", state: "refused" },
        { tenant: "fabrikam", state: "throttled" },
        { tenant: "tailspin", state: "throttled" },
      ],
    },
    [
      "trouble",
      "All 9 alerts that were read have been delivered; 2 gaps are open for splunk; 1 dead letter waits for a person; contoso cannot be read; 2 tenants are throttled.",
    ],
  ],
  [
    "a credential is about to end",
    {
      rows: [aRow(9)],
      credentials: [{ expires: ago(-3 * 86_400) }, { expires: ago(-30 * 86_400) }, { expires: ago(1) }],
    },
    ["attention", "All 9 alerts that were read have been delivered; 1 credential ends within a week."],
  ],
  [
    "the ledger does not add up",
    { rows: [aRow(9, 0, {}, 10)] },
    ["trouble", "The ledger does not add up: run `alertferry reconcile`."],
  ],
])("says in one sentence when %s", (_, story, said) => {
  expect(told(story)).toEqual(said);
});

it("names the state of a place by its last round, its next one and its rhythm", () => {
  const place = { outcome: "completed", failures: 0, nextMs: NOW + 1000, unusuallyQuiet: false, holes: 0 };
  const state = (more: Partial<typeof place> | { outcome: null }) => placeState({ ...place, ...more }, NOW);

  expect(state({})).toBe("on time");
  expect(state({ outcome: null })).toBe("not read yet");
  expect(state({ unusuallyQuiet: true })).toBe("quiet");
  expect(state({ holes: 1 })).toBe("incomplete");
  expect(state({ outcome: "unauthorized" })).toBe("refused");
  expect(state({ outcome: "transient", failures: 2 })).toBe("on time");
  expect(state({ outcome: "transient", failures: 3 })).toBe("failing");
  expect(state({ nextMs: NOW - 121_000 })).toBe("overdue");
});

it("names the state of a sink, and of a tenant at it", () => {
  const sink = { backlogAlerts: 3, oldestSeconds: 2, resting: null };

  expect(sinkState(sink)).toBe("taking");
  expect(sinkState({ ...sink, oldestSeconds: 301 })).toBe("behind");
  expect(sinkState({ ...sink, resting: { kind: "throttled" } })).toBe("asked to wait");
  expect(sinkState({ ...sink, resting: { kind: "transient" } })).toBe("unreachable");
  expect(sinkState({ ...sink, resting: { kind: "misconfigured" } })).toBe("refusing");
  expect(routeState(undefined, "taking", false)).toBe("nothing yet");
  expect(routeState({ waiting: 0 }, "refusing", false)).toBe("delivered");
  expect(routeState({ waiting: 1 }, "taking", false)).toBe("on its way");
  expect(routeState({ waiting: 1 }, "refusing", false)).toBe("waiting");
  expect(routeState({ waiting: 0 }, "taking", true)).toBe("gap");
});

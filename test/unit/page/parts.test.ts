import { expect, it } from "vitest";
import { changeOf, drawParts, type PageFacts } from "../../../src/page/parts.ts";
import type { Snapshot } from "../../../src/pipeline/snapshot.ts";
import type { State } from "../../../src/pipeline/states.ts";

const AT = "2026-05-04T12:00:00.000Z";
const NAMES = Array.from({ length: 300 }, (_, at) => `tenant-${at + 1}`);

const aPlace = (tenant: string, state: State, message = "") => ({
  ...{ tenant, state, source: "graph_alerts", cursor: AT, lagSeconds: 0, lastPoll: AT, nextPoll: AT },
  ...{ outcome: "completed", failures: 0, lastNew: AT, unusuallyQuiet: false, usualHours: null, holes: 0 },
  error: message === "" ? null : { code: null, message },
});

function someFacts(states: Readonly<Record<string, State>> = {}, more: Partial<Snapshot> = {}): PageFacts {
  const sink = { sink: "splunk", state: "taking" as State, backlogAlerts: 0, backlogBytes: 0 };
  return {
    letters: [],
    snapshot: {
      ...{ at: AT, windows: [], setAside: 0, credentials: [] },
      verdict: { level: "well", sentence: "All is well." },
      totals: { enqueued: 300, delivered: 300, dead: 0, waiting: 0, balances: true },
      tenants: NAMES.map((name) => aPlace(name, states[name] ?? "on time")),
      sinks: [{ ...sink, oldestSeconds: 0, oldestAt: null, gaps: 0, deadLetters: 0, resting: null }],
      ledger: NAMES.map((tenant) => ({
        ...{ tenant, sink: "splunk", enqueued: 1, delivered: 1, waiting: 0, bytes: 0, seq: 1, dead: {} },
      })),
      ...more,
    },
  };
}

it("puts tenants in trouble first, then those worth a look, then the others as they are configured", () => {
  const { rows } = drawParts(someFacts({ "tenant-200": "throttled", "tenant-250": "refused" }));

  const order = [...rows.keys()].map((id) => id.replace("tenant-tenant-", ""));
  expect(order.slice(0, 3)).toEqual(["250", "200", "1"]);
  expect(order).toHaveLength(300);
});

it("sends nothing of what has not changed, and the order only when it is another", () => {
  const before = drawParts(someFacts());
  const after = drawParts(someFacts({ "tenant-7": "throttled" }));

  expect(changeOf(before, before)).toEqual({ ...changeOf(before), sections: {}, rows: {}, order: undefined });
  expect(changeOf(before).order).toHaveLength(300);
  expect(changeOf(after, before).order?.[0]).toBe("tenant-tenant-7");
  expect(JSON.stringify(changeOf(before, before)).length).toBeLessThan(200);
  expect(JSON.stringify(changeOf(before)).length).toBeLessThan(250_000);
});

it("escapes whatever comes from outside", () => {
  const hostile = `<img src=x onerror="alert(1)">'&`;
  const facts = someFacts({}, { tenants: [aPlace("contoso", "refused", hostile)] });
  const letters = [
    {
      id: "d-1",
      tenant: "contoso",
      sink: "splunk",
      reason: "rejected",
      message: hostile,
      at: AT,
      canRetry: true,
    },
  ];
  const [sink] = facts.snapshot.sinks;
  const sinks = sink === undefined ? [] : [{ ...sink, deadLetters: 1 }];

  const { sections, rows } = drawParts({ letters, snapshot: { ...facts.snapshot, sinks } });

  const page = [...Object.values(sections), ...rows.values()].join("");
  expect(page).not.toContain("<img");
  expect(page.match(/&lt;img src=x onerror=&quot;alert\(1\)&quot;&gt;&#39;&amp;/g)).toHaveLength(2);
});

it("gathers dead letters that one sink refused in the same words, and offers what can be sent again", () => {
  const letter = {
    tenant: "contoso",
    sink: "splunk",
    reason: "rejected",
    message: "Invalid data format",
    at: AT,
  };
  const letters = [
    { ...letter, id: "d-1", canRetry: true },
    { ...letter, id: "d-2", tenant: "fabrikam", canRetry: true },
    { ...letter, id: "d-3", sink: "none", reason: "missing-id", canRetry: false },
  ];
  const facts = someFacts({}, { setAside: 3 });

  const drawn = drawParts({ ...facts, letters }).sections["dead-letters"] ?? "";

  expect(drawn.match(/data-ids="([^"]*)"/g)).toEqual([`data-ids="d-1 d-2"`]);
  expect(drawn).toContain("contoso and fabrikam");
  expect(drawn.match(/<tr/g)).toHaveLength(3);
});

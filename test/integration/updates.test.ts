import { describe, expect, it } from "vitest";
import type { Alert } from "../../src/model/alert.ts";
import type { Updates } from "../../src/model/updates.ts";
import { forward, type ReaderParts, type Sealing, Tally } from "../../src/pipeline/forward.ts";
import type { Place, Route } from "../../src/pipeline/routes.ts";
import { randomFrom } from "../../src/simulate/random.ts";
import { anAlert, CONTOSO } from "../support/alerts.ts";
import { FENCE, openBench, type StoreBench } from "./bench.ts";

const FIRST = 17_778_730_110_300_000n;
const STEPS = 250;

const route = (sink: string): Route => ({
  sink,
  limits: { maxAlerts: 100, maxBytes: 1_000_000 },
  maxBacklogBytes: 1_000_000_000,
  accepts: () => true,
});
const ROUTES = [route("splunk"), route("archive")];

/** Rounds of reading of one place, without what reads. */
function aReader({ store }: StoreBench, updates: Updates) {
  const parts: ReaderParts = {
    store,
    outbox: { enqueue: async () => undefined },
    windows: { addWindows: async () => undefined },
    nowMs: Date.now,
    onFresh: () => undefined,
  };
  const poll = { interval: 1000, overlap: 0, settle: 0, initialLookback: 0, pageSize: 100 };
  const reader = { read: async function* () {}, probe: async () => 0 };
  const place: Place = {
    tenant: CONTOSO,
    source: "graph_alerts",
    reader,
    backlogReader: reader,
    poll,
    updates,
    routes: ROUTES,
  };
  const tally = new Tally();
  return {
    tally,
    /** Gives what was sealed, as `sink id version`. */
    async meets(alerts: readonly Alert[], routes = ROUTES, again?: string): Promise<string[]> {
      const how: Sealing = {
        fence: FENCE,
        window: { kind: "live", from: "", to: "" },
        long: undefined,
        routes,
        again,
        notReadableBeforeMs: 0,
      };
      const { sealed } = await forward({ to: 0n, alerts, unreadable: [] }, place, parts, how, tally);
      const batches = await Promise.all(sealed.map(({ id }) => store.loadBatch(id)));
      return batches.flatMap((each) =>
        (each?.batch.alerts ?? []).map(({ alertId, version }) => `${each?.batch.sink} ${alertId} ${version}`),
      );
    },
  };
}

const version = (of: number, material: string, id = "da1_1") =>
  anAlert({ id, version: String(FIRST + BigInt(of)), material });

describe("updates: material", () => {
  it("leaves out what says nothing new, counts it once, and knows it again after a restart", async () => {
    const bench = await openBench();
    const before = aReader(bench, "material");

    const first = await before.meets([version(1, "new")]);
    const moved = await before.meets([version(2, "new")]);
    const after = aReader(bench, "material");
    const overlap = await after.meets([version(2, "new")]);
    const changed = await after.meets([version(3, "resolved")]);
    const back = await after.meets([version(4, "new")]);

    expect([first.length, moved.length, overlap.length, changed.length, back.length]).toEqual([
      2, 0, 0, 2, 2,
    ]);
    expect([before.tally.suppressed, after.tally.suppressed]).toEqual([2, 0]);
    expect(after.tally.duplicates).toBe(1);
    expect(await bench.row()).toMatchObject({ enqueued: 3, seq: 3 });
  });

  it("asks each sink by itself: one that missed a change gets it with the next version", async () => {
    const reader = aReader(await openBench(), "material");
    const [splunk] = ROUTES;
    await reader.meets([version(1, "new")]);
    await reader.meets([version(2, "resolved")], splunk === undefined ? [] : [splunk]);

    expect(await reader.meets([version(3, "resolved")])).toEqual([`archive da1_1 ${FIRST + 3n}`]);
  });

  it("does not take an older version that comes late for the newest", async () => {
    const reader = aReader(await openBench(), "material");
    await reader.meets([version(5, "resolved")]);
    await reader.meets([version(3, "new")]);

    expect(await reader.meets([version(6, "new")])).toHaveLength(2);
  });

  it("sends what was left out when it is asked for once more, with a number of its own", async () => {
    const bench = await openBench();
    const reader = aReader(bench, "material");
    await reader.meets([version(1, "new")]);
    await reader.meets([version(2, "new")]);

    expect(await reader.meets([version(2, "new")], ROUTES, "replay 1")).toHaveLength(2);
    expect(await bench.row()).toMatchObject({ enqueued: 2, seq: 2 });
  });
});

describe.each(["all", "material", "first-only"] as const)("updates: %s", (updates) => {
  it.each(["one", "two", "three"])(
    "sends each sink exactly what it is to have, in history %s",
    async (seed) => {
      const reader = aReader(await openBench(), updates);
      const random = randomFrom(seed, updates);
      const current = new Map<string, Alert>();
      const given = new Map(ROUTES.map(({ sink }) => [sink, { known: new Set<string>(), last: new Map() }]));
      const expected: string[] = [];
      const sent: string[] = [];

      for (let step = 1; step <= STEPS; step++) {
        const id = `da${random.whole(0, 5)}_1`;
        const material = random.pick(["new", "inProgress", "resolved"]);
        if (random.chance(0.7)) current.set(id, version(step, material, id));
        const routes = ROUTES.filter(() => random.chance(0.8));
        const slice = [...current.values()].filter(() => random.chance(0.5));
        for (const { sink } of routes) {
          const { known, last } = given.get(sink) ?? { known: new Set<string>(), last: new Map() };
          for (const alert of slice) {
            const name = `${sink} ${alert.id} ${alert.version}`;
            if (known.has(name)) continue;
            known.add(name);
            const before = last.get(alert.id);
            const isOld = before !== undefined && (updates === "first-only" || before === alert.material);
            if (updates !== "all" && isOld) continue;
            last.set(alert.id, alert.material);
            expected.push(name);
          }
        }
        sent.push(...(await reader.meets(slice, routes)));
      }

      expect(sent.sort()).toEqual(expected.sort());
    },
  );
});

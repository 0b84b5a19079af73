import { expect, it } from "vitest";
import { watchSilence } from "../../src/daemon/silence.ts";
import { HOURS_OF_WEEK } from "../../src/model/rhythm.ts";
import { takeSnapshot } from "../../src/pipeline/snapshot.ts";
import type { RoundNote } from "../../src/queue/places.ts";
import { openBench, PLACE } from "./bench.ts";

const HOUR_MS = 3_600_000;
const BLIND = { tenant: "fabrikam", source: "graph_alerts" };

it("tells a tenant that is unusually quiet from one that we cannot see, once, and when it is heard again", async () => {
  const { store } = await openBench();
  const nowMs = Date.now();
  const note = (atMs: number, more: Partial<RoundNote> = {}): RoundNote => ({
    ...{ atMs, outcome: "completed", code: undefined, message: undefined, failures: 0, nextMs: atMs },
    ...more,
  });
  // Five weeks with something in every hour, and nothing in the last twenty.
  for (let back = 5 * HOURS_OF_WEEK; back >= 20; back--) {
    for (const place of [PLACE, BLIND]) await store.noteRound(place, note(nowMs - back * HOUR_MS), true);
  }
  await store.noteRound(PLACE, note(nowMs), false);
  const failed = { outcome: "unauthorized", code: "AADSTS7000229", message: "No consent.", failures: 9 };
  await store.noteRound(BLIND, note(nowMs, failed), false);
  const said: string[] = [];
  const tell = ({ tenant }: { tenant: string }, isUnusual: boolean, usualHours: number) =>
    void said.push(`${tenant} ${isUnusual} ${Math.round(usualHours)}`);
  const watch = watchSilence([PLACE, BLIND], store, { tenantSilence: tell }, () => nowMs);
  watch.stop();

  await watch.look();
  const { tenants } = await takeSnapshot(store, {
    places: [PLACE, BLIND],
    sinks: [],
    credentials: () => [],
  });
  await store.noteRound(PLACE, note(nowMs), true);
  await watch.look();

  expect(said).toEqual(["contoso true 19", "fabrikam false 19", "contoso false 0", "fabrikam false 19"]);
  expect(tenants).toMatchObject([
    { tenant: "contoso", unusuallyQuiet: true, error: null },
    { tenant: "fabrikam", unusuallyQuiet: false, error: { code: "AADSTS7000229" } },
  ]);
});

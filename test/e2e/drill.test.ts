import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { EVENTS } from "../../src/telemetry/catalogue.ts";
import { INCIDENTS } from "../drill/incidents.ts";
import { playDrill } from "../drill/play.ts";
import { openDrill } from "../drill/stage.ts";
import { storiesIn } from "../drill/verdict.ts";
import { afterTest } from "../support/processes.ts";

const STORIES = INCIDENTS.flatMap(({ story }) => story);

it("leaves one story in the log of each of five incidents, loses nothing, and says the same in status, api and metrics", async () => {
  const stage = await openDrill();
  afterTest(stage.close);

  // Throws where status, /api/status and /metrics do not agree, in any of the six states.
  const balance = await playDrill(stage);

  const told = storiesIn(stage.log());
  expect(told.map(({ event }) => event)).toEqual(STORIES.map(({ event }) => event));
  expect(told).toMatchObject([...STORIES]);
  const runbook = readFileSync("docs/runbook.md", "utf8");
  for (const line of told) {
    const row = Object.entries(EVENTS).find(([event]) => event === line.event)?.[1];
    expect({ level: line.level, msg: line["msg"] }).toEqual({ level: row?.level, msg: row?.says });
    const anchor = line["runbook"];
    if (anchor !== undefined) expect(runbook).toContain(`\n### ${String(anchor).replace("runbook#", "")}\n`);
  }
  for (const row of balance) {
    expect(row, `${row.tenant} at ${row.sink}`).toMatchObject({
      delivered: row.held,
      arrived: row.held,
      enqueued: row.held + row.dead,
      waiting: 0,
      isGapless: true,
    });
  }
  expect(balance.filter(({ dead }) => dead > 0)).toMatchObject([
    { tenant: "tailspin", sink: "splunk", dead: 1 },
  ]);
  expect(stage.world.balance()).toMatchObject({ missing: [], altered: 0, alien: 0, crossed: 0 });
});

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DIAGNOSES } from "../../../src/model/diagnosis.ts";
import { EVENTS } from "../../../src/telemetry/catalogue.ts";
import { RUNBOOK } from "../../../src/telemetry/runbook.ts";
import { anchorOf } from "../../../src/telemetry/voice.ts";
import { openLog, type SaidLine } from "../../support/log.ts";
import {
  aLetter,
  aRound,
  BUSY,
  EXPIRED,
  EXPIRED_FOR_ALL,
  letEverythingHappen,
  PLACE,
  REFUSED,
  REMIND_MS,
  THROTTLED,
  UNREACHABLE,
} from "./stories.ts";

/** What stands in every line. */
const ALWAYS = ["level", "time", "event", "msg", "runbook"];
const LOUD = ["warn", "error", "fatal"];

function everything(): SaidLine[] {
  const { events, clock, said } = openLog();
  letEverythingHappen(events, clock);
  return said();
}

const anchorsOf = (page: string) =>
  [...readFileSync(page, "utf8").matchAll(/^#+ (.+)$|<a id="([^"]+)">/gm)].map(([, heading, id]) =>
    (heading ?? id ?? "").toLowerCase().replaceAll(" ", "-"),
  );

describe("the catalogue", () => {
  it("is what the code says, in both directions: each event is said, and none that does not stand there", () => {
    const said = new Set(everything().map(({ event }) => event));

    expect([...said].sort()).toEqual(Object.keys(EVENTS).sort());
  });

  it("names the fields of each event, all of them and no other", () => {
    const found = new Map<string, Set<string>>();
    for (const line of everything()) {
      const fields = Object.keys(line).filter((field) => !ALWAYS.includes(field));
      found.set(line.event, new Set([...(found.get(line.event) ?? []), ...fields]));
    }

    for (const [event, { fields }] of Object.entries(EVENTS)) {
      expect([...(found.get(event) ?? [])].sort(), event).toEqual([...fields].sort());
    }
  });

  it("stands for what the daemon does: each thing that can be said is said by some part of it", () => {
    const parts = readdirSync("src", { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts") && !file.startsWith("telemetry"))
      .map((file) => readFileSync(join("src", file), "utf8"))
      .join("\n");

    for (const name of Object.keys(openLog().events)) {
      expect(parts).toMatch(new RegExp(`\\bevents\\.${name}\\b`));
    }
  });

  it("gives each line its level and its sentence", () => {
    const rows = new Map(Object.entries(EVENTS));

    for (const { event, level, msg } of everything()) {
      const row = rows.get(event);
      expect({ level, msg }, event).toEqual({ level: row?.level, msg: row?.says });
    }
  });

  it("leads from each line that a person may have to look at to a section of the runbook, and from no other", () => {
    const sections = anchorsOf("docs/runbook.md");

    for (const line of everything()) {
      const anchor = line["runbook"];
      if (!LOUD.includes(line.level)) expect(anchor, line.event).toBeUndefined();
      else expect(sections, line.event).toContain(String(anchor).replace(/^runbook#/, ""));
    }
  });

  it("has a section of the runbook for each alarm and each refusal, and a row of the page for each event", () => {
    const alarms = Object.entries(EVENTS).filter(([, { level }]) => LOUD.includes(level));
    const events = anchorsOf("docs/events.md");

    expect(Object.keys(RUNBOOK).sort()).toEqual(alarms.map(([name]) => name).sort());
    expect(anchorsOf("docs/runbook.md")).toEqual([
      "runbook",
      "refusals-of-microsoft",
      ...Object.keys(DIAGNOSES),
      "events",
      ...Object.keys(RUNBOOK).map(anchorOf),
    ]);
    for (const name of Object.keys(EVENTS)) expect(events).toContain(anchorOf(name));
  });

  it("tells of each alarm who acts, what to do and how to see that it is over, by events and metrics that exist", () => {
    const names = new Set(Object.keys(EVENTS));

    for (const [event, { remedy, healed }] of Object.entries(RUNBOOK)) {
      for (const text of [remedy, healed]) expect(text, event).toMatch(/^[A-Z`].*\.$/s);
      for (const [, named = ""] of `${remedy} ${healed}`.matchAll(/`([a-z-]+\.[a-z-]+)`/g)) {
        if (
          /^(error|clouds|http|queue|redis|poll|backlog|tenants)\.(\w*|log)$/.test(named) &&
          !names.has(named)
        )
          continue;
        expect(names, `${event} names ${named}`).toContain(named);
      }
    }
  });
});

describe("a state", () => {
  it("is said when it begins, then every ten minutes with a count, and once when it ends", () => {
    const { events, clock, said } = openLog("info");

    for (let minute = 0; minute < 25; minute++) {
      events.pollFailed(PLACE, UNREACHABLE, minute + 1, 1000);
      clock.advance(60_000);
    }
    events.pollCompleted(PLACE, aRound(), 5);
    events.pollCompleted(PLACE, aRound(), 5);

    expect(said().map(({ event, repeated, durationMs }) => ({ event, repeated, durationMs }))).toEqual([
      { event: "poll.failed", repeated: undefined, durationMs: undefined },
      { event: "poll.failed", repeated: 9, durationMs: undefined },
      { event: "poll.failed", repeated: 9, durationMs: undefined },
      { event: "poll.recovered", repeated: 4, durationMs: 25 * 60_000 },
    ]);
  });

  it("is said anew when it changes, and each tenant has its own", () => {
    const { events, said } = openLog("info");

    for (const error of [UNREACHABLE, UNREACHABLE, THROTTLED, THROTTLED, EXPIRED]) {
      events.pollFailed(PLACE, error, 1, 1000);
    }
    events.pollFailed({ ...PLACE, tenant: "fabrikam" }, EXPIRED, 1, 1000);

    expect(said().map(({ event, tenant }) => [event, tenant])).toEqual([
      ["poll.failed", "contoso"],
      ["poll.throttled", "contoso"],
      ["auth.failed", "contoso"],
      ["auth.failed", "fabrikam"],
    ]);
  });

  it("of an application is one story, however many tenants share it", () => {
    const { events, said } = openLog("info");
    const tenants = Array.from({ length: 50 }, (_, index) => ({ ...PLACE, tenant: `tenant-${index}` }));

    for (let round = 0; round < 3; round++)
      for (const place of tenants) events.pollFailed(place, EXPIRED_FOR_ALL, 1, 1000);
    for (const place of tenants) events.pollCompleted(place, aRound(), 5);

    expect(said()).toMatchObject([
      { event: "auth.failed", app: "3f0c4a57", runbook: "runbook#secret-expired" },
      { event: "auth.recovered", app: "3f0c4a57", tenants: 50 },
    ]);
  });

  it("of a sink at rest is said again every ten minutes while its probes fail", () => {
    const { events, clock, said } = openLog("info");

    for (let minute = 0; minute < 12; minute++) {
      events.sinkOpened("splunk", BUSY, 1000);
      clock.advance(60_000);
    }
    events.sinkClosed("splunk", 720_000);

    expect(said().map(({ event, repeated }) => [event, repeated])).toEqual([
      ["sink.opened", undefined],
      ["sink.opened", 9],
      ["sink.closed", 1],
    ]);
  });

  it("of Redis has an end too, also where a round finds it", () => {
    const { events, said } = openLog("info");

    for (let again = 0; again < 2; again++) {
      events.redisTrouble(new Error("OOM command not allowed"));
      events.redisTrouble(new Error("OOM command not allowed"));
      events.pollCompleted(PLACE, aRound(), 5);
    }

    expect(said().map(({ event }) => event)).toEqual([
      "redis.trouble",
      "redis.recovered",
      "redis.trouble",
      "redis.recovered",
    ]);
  });
});

describe("an error that comes again and again", () => {
  it("is said at once and then as one count, not once for each alert", () => {
    const { events, clock, said } = openLog("info");

    for (let letter = 0; letter < 1000; letter++) events.deadLettered(aLetter({ id: `d-${letter}` }));
    clock.advance(REMIND_MS);
    clock.advance(REMIND_MS);
    events.deadLettered(aLetter({ id: "d-later" }));

    expect(said().map(({ event, deadLetter, repeated }) => [event, deadLetter, repeated])).toEqual([
      ["deliver.dead-lettered", "d-0", undefined],
      ["deliver.dead-lettered", "d-999", 999],
      ["deliver.dead-lettered", "d-later", undefined],
    ]);
  });

  it("does not go unsaid when the daemon stops", () => {
    const { events, said } = openLog("info");

    for (let half = 0; half < 8; half++) events.deliverHalved("splunk", REFUSED, 512 >> half);
    events.daemonStopping("SIGTERM");
    events.daemonStopped(10);

    expect(said().map(({ event, repeated }) => [event, repeated])).toEqual([
      ["deliver.halved", undefined],
      ["daemon.stopping", undefined],
      ["deliver.halved", 7],
      ["daemon.stopped", undefined],
    ]);
  });

  it("of a sink that fails now and then is told of once in ten minutes, with its end", () => {
    const { events, clock, said } = openLog("info");

    for (let minute = 0; minute < 21; minute++) {
      events.deliverRetrying("splunk", BUSY, 1, 100);
      clock.advance(1000);
      events.deliverCompleted("splunk", { alerts: 1, bytes: 1, shortened: 0, durationMs: 1 });
      clock.advance(59_000);
    }

    const once = ["deliver.retrying", "deliver.recovered"];
    expect(said().map(({ event }) => event)).toEqual([...once, ...once, ...once]);
  });

  it("of records that are no alerts is one line for each reason of a page", () => {
    const { events, said } = openLog("info");
    const letters = Array.from({ length: 40 }, (_, index) =>
      aLetter({ id: `d-${index}`, sink: "none", reason: index < 30 ? "missing-id" : "tenant-mismatch" }),
    );

    events.pollCompleted(PLACE, aRound(2, letters), 5);

    expect(said().map(({ event, alerts }) => [event, alerts])).toEqual([
      ["poll.set-aside", 30],
      ["poll.tenant-mismatch", 10],
      ["poll.completed", 2],
    ]);
  });
});

describe("a healthy daemon", () => {
  it("says one line a poll that found something, and nothing at info when nothing is new", () => {
    const { events, said } = openLog("info");

    events.pollCompleted(PLACE, aRound(0), 5);
    events.pollCompleted(PLACE, aRound(7), 5);
    events.deliverCompleted("splunk", { alerts: 7, bytes: 1, shortened: 0, durationMs: 1 });
    events.batchSettled("splunk", "b-1", "delivered");

    expect(said()).toMatchObject([{ event: "poll.completed", alerts: 7 }]);
  });
});

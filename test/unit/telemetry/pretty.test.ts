import { describe, expect, it } from "vitest";
import { EVENTS } from "../../../src/telemetry/catalogue.ts";
import { prettyLine } from "../../../src/telemetry/pretty.ts";
import { openLog } from "../../support/log.ts";
import { BUSY, EXPIRED, letEverythingHappen, PLACE } from "./stories.ts";

/** What a person reads of the lines, without the clock. */
function read(text: string): string {
  const lines = text.split("\n").filter(Boolean);
  return lines.map((line) => prettyLine(line, false).replace(/^\d\d:\d\d:\d\d {2}/, "")).join("");
}

describe("a log for people", () => {
  it("says the sentence first, then whose it is, and what is wrong on lines of its own", () => {
    const { events, text } = openLog("info");

    events.sinkOpened("splunk", BUSY, 500);
    events.sinkClosed("splunk", 200_000);
    events.pollFailed(PLACE, EXPIRED, 1, 60_000);

    expect(read(text())).toBe(
      [
        "error  The sink is in trouble and rests; its alerts wait in the queue.  splunk  again in 500 ms",
        "                 9: Splunk answered 503.",
        "                 docs/runbook.md#sink-opened",
        "info   The sink takes alerts again.  splunk  took 3 min 20 s",
        "error  The sign-in or the permission was refused for this tenant.  contoso graph_alerts  attempt 1, again in 60.0 s",
        "                 AADSTS7000222: The secret has expired.",
        "                 we who run the daemon: Make a new secret in the app registration and put it into the configuration, or change to a certificate or a federated credential.",
        "                 docs/runbook.md#secret-expired",
        "",
      ].join("\n"),
    );
  });

  it("holds the sentence of every event, and no braces of JSON where the configuration was not reloaded", () => {
    const { events, clock, text } = openLog();
    letEverythingHappen(events, clock);

    const told = read(text());

    for (const { says } of Object.values(EVENTS)) expect(told).toContain(says);
    expect(told.split("\n").filter((line) => /[{}]/.test(line) && !line.includes("configuration"))).toEqual(
      [],
    );
    expect(told).not.toMatch(/undefined|\[object|NaN/);
  });

  it("is plain text where it goes to no terminal, and the same text in colours where it does", () => {
    const { events, text } = openLog("info");
    events.sinkOpened("splunk", BUSY, 500);

    const plain = read(text());
    const coloured = prettyLine(text(), true);

    expect(plain).not.toContain("\u001b");
    expect(coloured).toContain("\u001b[");
    // Each colour is an escape, a bracket, a number and an m.
    const withoutColours = coloured
      .split("\u001b")
      .map((part) => part.replace(/^\[\d+m/, ""))
      .join("");
    expect(withoutColours.replace(/^\d\d:\d\d:\d\d {2}/, "")).toBe(plain);
  });
});

import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { isObject } from "../../src/model/alert.ts";
import { readMembers } from "../../src/simulate/json-text.ts";
import type { Slice } from "../../src/sources/source.ts";
import { aBench, alertsOf, type SourceSubject, spanOf, ticksOf } from "./bench.ts";
import { GRAPH, MDE } from "./subjects.ts";

/** Recorded alerts, which lie beside the repository where there are any; nothing of them is in it. */
const RECORDED = resolve("../shared/data/defender");
const EVER = spanOf("2000-01-01T00:00:00Z", "2100-01-01T00:00:00Z");

describe.runIf(existsSync(RECORDED))("recorded alerts", () => {
  it.each([
    ["graph-alerts-v2.ndjson", GRAPH],
    ["graph-alert-updates.ndjson", GRAPH],
    ["synthetic-alert-lifecycle.ndjson", GRAPH],
    ["synthetic-graph-evidence.ndjson", GRAPH],
    ["mde-alerts.ndjson", MDE],
    ["mde-alerts-no-expand.ndjson", MDE],
  ])("of %s come through unharmed", async (file, subject) => {
    // One file says in each line which step of an alert's life it is, and holds the alert in it.
    const raws = linesOf(file).map((line) => memberOf(line, "alert") ?? line);

    const slices = await readPlanted(subject, raws);

    expect(slices.flatMap(({ unreadable }) => unreadable.map(({ reason }) => reason))).toEqual([]);
    expect(
      alertsOf(slices)
        .map(({ raw }) => String(raw))
        .sort(),
    ).toEqual([...raws].sort());
  });

  it.each([
    ["graph-alerts_v2", GRAPH],
    ["mde", MDE],
  ])("that are odd come through unharmed or are set aside: %s", async (api, subject) => {
    const oddities = linesOf("malformed.ndjson")
      .flatMap(readOddity)
      .filter((odd) => odd.api === api);

    const outcomes = [];
    for (const { name, raw } of oddities) {
      const [slice] = await readPlanted(subject, [raw]);
      const read = [...(slice?.alerts ?? []), ...(slice?.unreadable ?? [])];
      expect(
        read.map((element) => String(element.raw)),
        name,
      ).toEqual([raw]);
      outcomes.push([name, slice?.unreadable[0]?.reason ?? "an alert"]);
    }

    expect(oddities.length).toBeGreaterThan(6);
    expect(outcomes.filter(([, outcome]) => outcome !== "an alert")).toEqual(
      api === "mde"
        ? []
        : [
            ["missing-id", "missing-id"],
            ["not-an-object", "not-an-object"],
          ],
    );
  });

  it.each([
    ["missing-last-update", { updatedText: "2026-05-04T05:36:50.1732198Z" }],
    [
      "broken-timestamp",
      {
        version: "~2025-07-03T12:16:01+053088Z",
        updatedText: "2025-07-03T12:16:01+053088Z",
        updatedMs: undefined,
      },
    ],
    ["nine-digits", { version: String(ticksOf("2026-05-04T05:36:51.1234567Z")) }],
    ["no-zone", { createdText: "2026-05-04T05:36:50.1732198" }],
    ["offset-not-z", { createdText: "2026-05-04T07:36:50.1732198+02:00" }],
    ["future-update", { version: String(ticksOf("2099-01-01T00:00:00Z")) }],
    ["wrong-tenant", { tenantId: "99999999-9999-4999-8999-999999999999" }],
    ["unknown-future-values", { severity: "unknown" }],
    ["sparse-alert-no-evidence", { device: undefined }],
  ])("with %s are read as they should be", async (name, facts) => {
    const { raw } = linesOf("malformed.ndjson")
      .flatMap(readOddity)
      .find((odd) => odd.name === name)!;

    expect(alertsOf(await readPlanted(GRAPH, [raw]))).toMatchObject([facts]);
  });
});

/** Has the simulated service serve the records, each at its own time where it has one. */
async function readPlanted(subject: SourceSubject, raws: readonly string[]): Promise<readonly Slice[]> {
  const bench = await aBench(subject);
  for (const raw of raws) {
    const record: unknown = JSON.parse(raw);
    const told = isObject(record) ? String(record[subject.updated]) : "";
    bench.plant(raw, /^\d{4}-[\d-]+T[\d:.]+Z$/.test(told) ? told : undefined);
  }
  return await bench.read(EVER);
}

interface Oddity {
  readonly name: string;
  readonly api: string;
  readonly raw: string;
}

/** A line of odd records: the text of its payload, or of each of them. */
function readOddity(line: string): Oddity[] {
  const { case: name, api, payload } = JSON.parse(line) as { case: string; api: string; payload: unknown };
  if (Array.isArray(payload)) return payload.map((each) => ({ name, api, raw: JSON.stringify(each) }));
  return [{ name, api, raw: memberOf(line, "payload") ?? "" }];
}

/** The text of a member of an object, as it stands there. */
function memberOf(line: string, key: string): string | undefined {
  const bytes = Buffer.from(line);
  const span = readMembers(bytes, 0)?.members.find((member) => member.key === key);
  return span === undefined ? undefined : bytes.toString("utf8", span.start, span.end);
}

function linesOf(file: string): readonly string[] {
  return readFileSync(resolve(RECORDED, file), "utf8").trimEnd().split("\n");
}

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { render } from "../../src/formats/index.ts";
import type { Envelope } from "../../src/model/envelope.ts";
import { anyEnvelope } from "./arbitrary.ts";
import { isDetectionFinding } from "./ocsf-schema.ts";
import { at, envelopeOf, FIXTURES, fixture } from "./support.ts";

function findingOf(envelope: Envelope): unknown {
  const finding: unknown = JSON.parse(render("ocsf", envelope, Number.POSITIVE_INFINITY).text);
  isDetectionFinding(finding);
  expect(isDetectionFinding.errors ?? []).toEqual([]);
  return finding;
}

function anAlert(
  members: Readonly<Record<string, unknown>>,
  more: Partial<Omit<Envelope, "raw">> = {},
): Envelope {
  return envelopeOf(
    "graph_alerts",
    { id: "da1", createdDateTime: "2026-05-04T05:36:50.1Z", ...members },
    more,
  );
}

describe("OCSF", () => {
  it.each(FIXTURES)("is a valid Detection Finding for $name", ({ envelope }) => {
    expect(at(findingOf(envelope), "metadata.uid")).toBe(envelope.eventId);
  });

  it("is a valid Detection Finding, whatever the source writes", () => {
    fc.assert(
      fc.property(anyEnvelope, (envelope) => {
        expect(at(findingOf(envelope), "class_uid")).toBe(2004);
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ["new", 1, 1, "Create", 1, "New"],
    ["New", 2, 2, "Update", 1, "New"],
    ["active", 1, 1, "Create", 1, "New"],
    ["inProgress", 1, 2, "Update", 2, "In Progress"],
    ["Resolved", 4, 3, "Close", 4, "Resolved"],
    ["redirected", 2, 3, "Close", 99, "redirected"],
    ["unknown", 1, 2, "Update", 0, "Unknown"],
  ])(
    "tells of status %s at revision %i the activity %i, %s",
    (status, revision, activity, name, id, caption) => {
      const finding = findingOf(anAlert({ status }, { revision }));
      expect(finding).toMatchObject({
        activity_id: activity,
        activity_name: name,
        type_uid: 200400 + activity,
        status_id: id,
        status: caption,
        is_alert: name !== "Close",
      });
    },
  );

  it("tells what a person decided with the profile that it belongs to", () => {
    expect(findingOf(fixture("graph-identity"))).toMatchObject({
      status_id: 3,
      verdict_id: 1,
      verdict: "False Positive",
      assignee: { name: "Automation" },
      metadata: { profiles: ["incident"] },
    });
    expect(at(findingOf(fixture("graph-endpoint")), "metadata.profiles")).toBeUndefined();
  });

  it("has one piece of evidence for each that the alert lists and the schema can hold", () => {
    const evidences = at(findingOf(fixture("graph-endpoint")), "evidences");
    expect(evidences).toHaveLength(8);
    expect(evidences).toMatchObject([
      { device: { hostname: "ws-007.corp.example" }, verdict: "Suspicious" },
      { src_endpoint: { ip: "198.51.100.23" } },
      { src_endpoint: { ip: "203.0.113.99" }, verdict_id: 99, verdict: "malicious" },
      { process: { pid: 7068, file: { name: "powershell.exe" }, user: { email_addr: "mira@corp.example" } } },
      { file: { name: "new.ps1", hashes: [{ algorithm_id: 1 }, { algorithm_id: 2 }, { algorithm_id: 3 }] } },
      { url: { url_string: "https://drop.example/p?a=1&b=2|c^d" } },
      { data: { hive: "HKEY_CURRENT_USER", value: "Updater" } },
      { user: { name: "mira", domain: "CORP" } },
    ]);
  });

  it("names the device of Defender for Endpoint, which stands outside of its evidence", () => {
    expect(at(findingOf(fixture("mde-process")), "evidences")).toMatchObject([
      { device: { hostname: "srv-002.corp.example" } },
      { user: { name: "bela" } },
      { process: { pid: 5500, parent_process: { pid: 756, name: "WmiPrvSE.exe" } } },
    ]);
  });

  it("counts time from the creation of the alert, in milliseconds", () => {
    expect(findingOf(fixture("graph-endpoint"))).toMatchObject({
      time: 1777873010173,
      start_time: 1777871203819,
      end_time: 1777872600000,
      metadata: { original_time: "2026-05-04T05:36:50.1732198Z", modified_time: 1777874462703 },
    });
  });

  it("says of an alert without any time that its time is that of its writing", () => {
    const finding = findingOf(anAlert({ createdDateTime: "today" }));
    expect(at(finding, "unmapped.alertferry.timeUnknown")).toBe(true);
    expect(at(finding, "metadata.original_time")).toBeUndefined();
  });
});

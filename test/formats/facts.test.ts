import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readFacts } from "../../src/formats/facts.ts";
import { anyEnvelope } from "./arbitrary.ts";
import { envelopeOf, FIXTURES, fixture } from "./support.ts";

const TENANT = "a0000000-0000-4000-8000-00000000c001";

function factsOf(source: string, alert: Readonly<Record<string, unknown>>) {
  return readFacts(envelopeOf(source, { id: "da1", ...alert }));
}

function withEvidence(...evidence: readonly object[]) {
  return factsOf("graph_alerts", { evidence });
}

const graph = (type: string, members: object, verdict = "unknown") => ({
  "@odata.type": `#microsoft.graph.security.${type}Evidence`,
  verdict,
  ...members,
});

describe("the facts of an alert", () => {
  it("are read from Graph alerts", () => {
    const facts = readFacts(fixture("graph-endpoint"));
    expect(facts).toMatchObject({
      kind: "alert",
      severity: "high",
      status: "new",
      category: "Execution",
      product: "Microsoft Defender for Endpoint",
      threatName: "Trojan:Win32/Beispiel.A!test",
      incidentId: "4711",
      createdMs: Date.UTC(2026, 4, 4, 5, 36, 50, 173),
      updatedMs: Date.UTC(2026, 4, 4, 6, 1, 2, 703),
      resolvedMs: undefined,
    });
    expect(facts.devices.map(({ name }) => name)).toEqual(["ws-007.corp.example"]);
    expect(facts.ips.map(({ address }) => address)).toEqual(["203.0.113.99", "198.51.100.23"]);
    expect(facts.files.map(({ path }) => path)).toEqual([
      "C:\\Temp\\new.ps1",
      "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe",
    ]);
    expect(facts.users).toMatchObject([
      { account: "mira", domain: "CORP", principalName: "mira@corp.example" },
    ]);
  });

  it("are read from alerts of Defender for Endpoint", () => {
    expect(readFacts(fixture("mde-resolved"))).toMatchObject({
      severity: "unknown",
      serviceSource: "microsoftDefenderForEndpoint",
      reportedBy: "WindowsDefenderAv",
      incidentId: "989",
      threatName: "Trojan:Win32/Beispiel",
      portalLink: `https://security.microsoft.com/alerts/da638200000000000000_-42?tid=${TENANT}`,
      devices: [],
      users: [{ account: "mira", objectId: "5e1f0c6a-0b1d-4c52-9b5e-6f0c7a8b9d10" }],
      files: [{ path: "/tmp/i.sh" }],
      ips: [{ address: "203.0.113.8" }],
      urls: [{ url: "https://drop.example/ü?a=1&b=2" }],
    });
  });

  it("join what Defender for Endpoint tells of one user in two places", () => {
    const { users } = readFacts(fixture("mde-process"));
    expect(users).toMatchObject([{ account: "bela", domain: "CORP", sid: "S-1-5-21-4-5-6-1002" }]);
  });

  it("are read from incidents, with what their alerts name", () => {
    const facts = readFacts(fixture("incident-with-alerts"));
    expect(facts).toMatchObject({
      kind: "incident",
      title: "Multi-stage incident on several endpoints",
      description: "Two alerts on one device.",
      priorityScore: 87,
      techniques: ["T1059.001", "T1105", "T1059.003", "T1566.002"],
      tags: ["VIP", "Büro München", "Defender Experts"],
      firstActivityMs: Date.UTC(2026, 4, 4, 5, 6, 43, 819),
    });
    expect(facts.mails).toMatchObject([{ sender: "ceo@c0rp.example", recipient: "mira@corp.example" }]);
  });

  it("are clean texts that are not empty, whatever the source writes", () => {
    fc.assert(
      fc.property(anyEnvelope, (envelope) => {
        const facts = readFacts(envelope);
        for (const value of Object.values(facts)) {
          if (typeof value !== "string" || value === facts.alertId) continue;
          expect(value).not.toBe("");
          expect(value).not.toMatch(/(?![\t\n\r])[\p{Cc}\p{Cs}]/u);
        }
      }),
    );
  });

  it.each(["null", "7", '"text"', "[1]", "{", ""])(
    "are what the envelope knows where the alert is %j",
    (raw) => {
      const facts = readFacts(envelopeOf("graph_alerts", {}, { raw, alertId: "da1", device: "ws-1" }));
      expect(facts).toMatchObject({
        alertId: "da1",
        severity: "unknown",
        evidence: [],
        devices: [{ name: "ws-1" }],
      });
      expect(facts.portalLink).toBe(`https://security.microsoft.com/alerts/da1?tid=${TENANT}`);
    },
  );

  it("take one object for a list of it, and one text for a list of it", () => {
    const evidence = graph("url", { url: "https://x.example" });
    const facts = factsOf("graph_alerts", { evidence, mitreTechniques: "T1059" });
    expect(facts.urls).toMatchObject([{ url: "https://x.example" }]);
    expect(facts.techniques).toEqual(["T1059"]);
  });

  it("put what is malicious first, then what is suspicious, and what stands inside others last", () => {
    const facts = withEvidence(
      graph("file", { fileDetails: { fileName: "c" } }),
      graph("process", { imageFile: { fileName: "d" } }, "malicious"),
      graph("file", { fileDetails: { fileName: "b" } }, "suspicious"),
      graph("file", { fileDetails: { fileName: "a" } }, "malicious"),
    );
    expect(facts.files.map(({ name }) => name)).toEqual(["a", "b", "c", "d"]);
  });

  it.each([
    ["203.0.113.7", "203.0.113.7"],
    [" 203.0.113.7 ", "203.0.113.7"],
    ["fe80::1%eth0", "fe80::1"],
    ["2001:DB8::1", "2001:DB8::1"],
    ["203.0.113.777", undefined],
    ["", undefined],
    [7, undefined],
  ])("hold of the address %j only %s", (ipAddress, expected) => {
    expect(withEvidence(graph("ip", { ipAddress })).ips[0]?.address).toBe(expected);
  });

  it.each([
    ["C:\\Temp", "x.exe", "C:\\Temp\\x.exe"],
    ["C:\\Temp\\", "x.exe", "C:\\Temp\\x.exe"],
    ["C:\\Temp\\x.exe", "x.exe", "C:\\Temp\\x.exe"],
    ["/usr/bin", "ls", "/usr/bin/ls"],
    ["/", "init", "/init"],
    [undefined, "x.exe", undefined],
    ["C:\\Temp", undefined, undefined],
  ])("join folder %s and name %s to %s", (filePath, fileName, expected) => {
    expect(withEvidence(graph("file", { fileDetails: { filePath, fileName } })).files[0]?.path).toBe(
      expected,
    );
  });

  it.each([
    [
      "with its tenant as it is",
      "https://security.microsoft.com/alerts/a?tid=1&x=2",
      "https://security.microsoft.com/alerts/a?tid=1&x=2",
    ],
    [
      "with the tenant added",
      "https://security.microsoft.us/alerts/a",
      `https://security.microsoft.us/alerts/a?tid=${TENANT}`,
    ],
    [
      "with the tenant behind other words",
      "https://security.microsoft.com/a?x=1#part",
      `https://security.microsoft.com/a?x=1&tid=${TENANT}#part`,
    ],
    [
      "without the space behind it",
      "https://security.microsoft.com/a?tid=1 ",
      "https://security.microsoft.com/a?tid=1",
    ],
    [
      "built anew for a script",
      "javascript:alert(1)",
      `https://security.microsoft.com/alerts/da1?tid=${TENANT}`,
    ],
    [
      "built anew for one that is no link",
      "https://x/ y\n",
      `https://security.microsoft.com/alerts/da1?tid=${TENANT}`,
    ],
    ["built anew for none", null, `https://security.microsoft.com/alerts/da1?tid=${TENANT}`],
  ])("have the portal's link %s", (_, alertWebUrl, expected) => {
    expect(factsOf("graph_alerts", { alertWebUrl }).portalLink).toBe(expected);
  });

  it.each(FIXTURES)("lead into the tenant's portal for $name", ({ envelope }) => {
    expect(readFacts(envelope).portalLink).toMatch(
      /^https:\/\/security\.microsoft\.com\/.*[?&]tid=a0000000-/,
    );
  });
});

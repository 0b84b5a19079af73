import { describe, expect, it } from "vitest";
import { anEnvelope, aRaw, CONTOSO } from "../support/envelopes.ts";
import { inventedEnvelopes } from "../support/invented.ts";
import { endless } from "../support/sink-contract.ts";
import { aReceiver, aSink } from "./collector.ts";

const RAW = aRaw({
  description: "Something was detected.",
  detectorId: "9c3a70ec",
  productName: "Microsoft Defender for Endpoint",
  mitreTechniques: ["T1059.001", "T1105"],
  evidence: [
    { "@odata.type": "#microsoft.graph.security.deviceEvidence", deviceDnsName: "ws-001.corp.example" },
    {
      "@odata.type": "#microsoft.graph.security.userEvidence",
      userAccount: { userPrincipalName: "alice@corp.example" },
    },
    { "@odata.type": "#microsoft.graph.security.ipEvidence", ipAddress: "203.0.113.7" },
  ],
});

async function sent(compat: string, more: object = {}) {
  const hec = await aReceiver();
  await aSink(hec.url, { compat }).deliver([anEnvelope({ raw: RAW, ...more })], endless());
  const [event] = hec.events;
  if (event === undefined) throw new Error("Nothing arrived.");
  return event;
}

describe("compat: addon", () => {
  it("is the default, and the shape that Splunk's add-on expects", async () => {
    const hec = await aReceiver();
    await aSink(hec.url).deliver([anEnvelope({ raw: RAW })], endless());

    expect(hec.events).toMatchObject([{ text: RAW, sourcetype: "ms365:defender:incident:alerts" }]);
  });
});

describe("compat: raw", () => {
  it.each(["graph_alerts", "mde_alerts"])(
    "gives %s unchanged, under a sourcetype of our own",
    async (source) => {
      const event = await sent("raw", { source });

      expect(event.text).toBe(RAW);
      expect(event.sourcetype).toBe(`alertferry:${source}`);
      expect(Object.keys(event.fields)).toHaveLength(9);
    },
  );
});

describe("compat: cim", () => {
  it("adds the fields of the Alerts data model to what the add-on expects", async () => {
    const event = await sent("cim");

    expect(event.text).toBe(RAW);
    expect(event.sourcetype).toBe("ms365:defender:incident:alerts");
    expect(event.fields).toMatchObject({
      tenant: "contoso",
      seq: 1,
      app: "Microsoft Defender for Endpoint",
      description: "Something was detected.",
      dest: "ws-001.corp.example",
      id: "da00000000-1",
      mitre_technique_id: ["T1059.001", "T1105"],
      severity: "high",
      signature: "Suspicious PowerShell download",
      signature_id: "9c3a70ec",
      src: "203.0.113.7",
      type: "alert",
      user: "alice@corp.example",
      vendor_account: CONTOSO.tenantId,
    });
  });

  it("leaves out what the alert does not say, and cuts what is long", async () => {
    const event = await sent("cim", {
      device: undefined,
      raw: JSON.stringify({ id: "1", description: "ü".repeat(5000) }),
    });

    expect(Buffer.byteLength(String(event.fields["description"]))).toBeLessThanOrEqual(1000);
    for (const name of ["dest", "src", "user", "signature", "signature_id", "mitre_technique_id"])
      expect(event.fields).not.toHaveProperty(name);
    expect(event.fields["severity"]).toBe("unknown");
  });
});

describe("compat: ocsf", () => {
  it("gives a Detection Finding, with the same fields around it", async () => {
    const event = await sent("ocsf");

    expect(event.sourcetype).toBe("alertferry:ocsf");
    expect(JSON.parse(event.text)).toMatchObject({
      class_uid: 2004,
      finding_info: { title: "Suspicious PowerShell download" },
    });
    expect(event.fields).toMatchObject({ tenant: "contoso", event_id: anEnvelope().eventId, seq: 1 });
  });

  it("stays below what Splunk takes of one event", async () => {
    const event = await sent("ocsf", { raw: aRaw({ description: "x".repeat(6_000_000) }) });

    expect(event.bytes.length).toBeLessThan(5_000_001);
  });
});

describe("every shape", () => {
  it.each(["addon", "cim", "ocsf", "raw"])(
    "is taken by Splunk for all that the sources give: %s",
    async (compat) => {
      const hec = await aReceiver();
      const all = [
        ...inventedEnvelopes("graph_alerts", 100),
        ...inventedEnvelopes("mde_alerts", 100),
      ] as const;

      await aSink(hec.url, { compat }).deliver([all[0]!, ...all.slice(1)], endless());

      expect(hec.counts).toMatchObject({ requests: 1, refused: 0, events: 200 });
      expect(hec.events.map(({ fields }) => fields["event_id"])).toEqual(all.map(({ eventId }) => eventId));
    },
  );
});

import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { eventId } from "../../src/model/alert.ts";
import { sameJsonValue } from "../../src/simulate/json-text.ts";
import { aBench, alertsOf, type SourceSubject } from "../sources/bench.ts";
import { GRAPH, MDE } from "../sources/subjects.ts";
import { anEnvelope } from "../support/envelopes.ts";
import { endless } from "../support/sink-contract.ts";
import { aReceiver, aSink } from "./collector.ts";

/** What a receiver is to see of two alerts; it lies beside the repository where it is there at all. */
const RECORDED = resolve("../shared/data/sinks");

describe.runIf(existsSync(RECORDED))("an alert from source to Splunk", () => {
  it.each([
    ["alert-graph.json", "golden-graph.json", GRAPH],
    ["alert-mde.json", "golden-mde.json", MDE],
  ])("arrives from %s as %s says", async (given, expected, subject) => {
    const raw = readFileSync(resolve(RECORDED, given), "utf8").trim();
    const { tenant, hec: golden } = JSON.parse(readFileSync(resolve(RECORDED, expected), "utf8"));
    const hec = await aReceiver();

    const envelope = await readOne(subject, raw, { ...tenant, tenantId: tenant.id });
    await aSink(hec.url, { index: "security" }).deliver([envelope], endless());

    const [event] = hec.events;
    expect(event).toMatchObject({
      time: golden.time,
      host: golden.host,
      sourcetype: golden.sourcetype,
      fields: { tenant_id: tenant.id, tenant_name: tenant.name, event_id: golden.fields.event_uid },
    });
    expect(event?.text).toBe(raw);
    expect(sameJsonValue(event?.bytes ?? Buffer.alloc(0), Buffer.from(JSON.stringify(golden.event)))).toBe(
      true,
    );
  });
});

/** Reads a record through the real source, and puts on it what the pipeline does. */
async function readOne(
  subject: SourceSubject,
  raw: string,
  tenant: { readonly id: string; readonly name: string; readonly tenantId: string },
) {
  const bench = await aBench(subject);
  bench.plant(raw);
  const [alert] = alertsOf(await bench.read());
  if (alert === undefined) throw new Error("The record was not read as an alert.");
  return anEnvelope({
    tenant,
    source: subject.definition.type,
    alertId: alert.id,
    eventId: eventId(tenant.tenantId, alert),
    updatedMs: alert.updatedMs,
    device: alert.device,
    raw: alert.raw,
  });
}

import { eventId } from "../../src/model/alert.ts";
import type { Envelope, NonEmpty } from "../../src/model/envelope.ts";
import { TICKS_PER_MS, ticksFromMs } from "../../src/model/ticks.ts";
import { graphAlert } from "../../src/simulate/graph-alerts.ts";
import { writeJson } from "../../src/simulate/invention.ts";
import { mdeAlert } from "../../src/simulate/mde-alerts.ts";
import { randomFrom } from "../../src/simulate/random.ts";
import { anEnvelope, CONTOSO } from "./envelopes.ts";

const MAKERS = { graph_alerts: graphAlert, mde_alerts: mdeAlert } as const;
const FIRST_MS = Date.UTC(2026, 4, 4, 5, 0, 0);
const HOUR_MS = 3_600_000;

/** Alerts as the simulated sources write them, with all their evidence; numbered from 1, the same ones each time. */
export function inventedEnvelopes(source: keyof typeof MAKERS, count: number): NonEmpty<Envelope> {
  const [first, ...others] = Array.from({ length: count }, (_, index) => invented(source, index));
  if (first === undefined) throw new Error("There is no delivery of nothing.");
  return [first, ...others];
}

function invented(source: keyof typeof MAKERS, index: number): Envelope {
  const updatedMs = FIRST_MS + index * 1000;
  const updated = ticksFromMs(updatedMs);
  const alert = MAKERS[source]({
    around: {
      tenantId: CONTOSO.tenantId,
      domain: "contoso.example",
      portal: "https://security.microsoft.com",
    },
    alert: randomFrom("invented", source, index),
    index,
    revision: 1,
    created: updated - BigInt(HOUR_MS) * TICKS_PER_MS,
    updated,
    shape: {},
  });
  const id = String(alert["id"]);
  const updatedText = String(alert["lastUpdateDateTime"] ?? alert["lastUpdateTime"]);
  return anEnvelope({
    source,
    seq: index + 1,
    alertId: id,
    eventId: eventId(CONTOSO.tenantId, { id, updatedText }),
    updatedMs,
    device: undefined,
    raw: writeJson(alert),
  });
}

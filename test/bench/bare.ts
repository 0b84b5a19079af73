import { loadConfig } from "../../src/config/load.ts";
import { createSink } from "../../src/config/schema.ts";
import { createAccessPool } from "../../src/daemon/access.ts";
import { placesOf } from "../../src/daemon/pipeline.ts";
import { eventId } from "../../src/model/alert.ts";
import type { Envelope } from "../../src/model/envelope.ts";
import { ticksFromMs } from "../../src/model/ticks.ts";
import type { Place } from "../../src/pipeline/routes.ts";

/**
 * The limit: reads the same pages and posts the same events, as many at a time as there are tenants, with no queue, no
 * ledger, no record of what was sent, and nothing gathered. Whatever the daemon does besides costs what it is slower.
 */
const { config } = loadConfig(process.argv[2] ?? "");
const pool = createAccessPool({ pages: Number.POSITIVE_INFINITY });
const settings = config.sinks["splunk"];
if (settings === undefined) throw new Error("The benchmark's configuration has a sink called splunk.");
const sink = createSink(settings);
const stop = new AbortController().signal;
const now = ticksFromMs(Date.now());

async function carry(place: Place): Promise<void> {
  const from = now - ticksFromMs(place.poll.overlap);
  let seq = 0;
  for await (const { alerts } of place.reader.read({ from, to: now }, stop)) {
    const envelopes = alerts.map(
      (alert): Envelope => ({
        tenant: place.tenant,
        source: place.source,
        alertId: alert.id,
        eventId: eventId(place.tenant.tenantId, alert),
        revision: 1,
        seq: ++seq,
        replay: false,
        updatedMs: alert.updatedMs,
        device: alert.device,
        raw: alert.raw,
      }),
    );
    for (let at = 0; at < envelopes.length; at += settings?.batch.maxAlerts ?? 1) {
      const [first, ...more] = envelopes.slice(at, at + (settings?.batch.maxAlerts ?? 1));
      if (first !== undefined) await sink.deliver([first, ...more], stop);
    }
  }
}

const startedAt = Date.now();
await Promise.all(config.tenants.flatMap((tenant) => placesOf(tenant, config, pool)).map(carry));
process.stdout.write(`${JSON.stringify({ startedAt, endedAt: Date.now() })}\n`);
await sink.close();
pool.close();

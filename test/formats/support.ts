import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { eventId, isObject, type JsonObject, text } from "../../src/model/alert.ts";
import type { Envelope } from "../../src/model/envelope.ts";
import { msFromTicks, parseTicks } from "../../src/model/ticks.ts";
import { CONTOSO } from "../support/envelopes.ts";

const ALERTS = new URL("../fixtures/alerts/", import.meta.url);

export interface Fixture {
  readonly name: string;
  readonly envelope: Envelope;
}

/** Alerts of the kinds that the APIs have, by the names of their files; the first word of it names the API. */
export const FIXTURES: readonly Fixture[] = readdirSync(ALERTS).map((file) => {
  const name = basename(file, ".json");
  const alert: unknown = JSON.parse(readFileSync(new URL(file, ALERTS), "utf8"));
  return { name, envelope: envelopeOf(sourceOf(name), alert) };
});

export function fixture(name: string): Envelope {
  const found = FIXTURES.find((each) => each.name === name);
  if (found === undefined) throw new Error(`There is no alert called ${name}.`);
  return found.envelope;
}

function sourceOf(name: string): string {
  if (name.startsWith("mde")) return "mde_alerts";
  return name.startsWith("incident") ? "graph_incidents" : "graph_alerts";
}

/** What a test says of an envelope; the alert's own JSON as text. */
type Wanted = Partial<Omit<Envelope, "raw">> & { readonly raw?: string | Buffer };

/** An alert as the pipeline gives it to a sink; what is no object has no id and no time. */
export function envelopeOf(source: string, alert: unknown, more: Wanted = {}): Envelope {
  const members: JsonObject = isObject(alert) ? alert : {};
  const alertId = text(members["id"]) ?? "none";
  const updatedText = text(members["lastUpdateDateTime"]) ?? text(members["lastUpdateTime"]) ?? "never";
  const ticks = parseTicks(updatedText);
  return {
    tenant: CONTOSO,
    source,
    alertId,
    eventId: eventId(CONTOSO.tenantId, { id: alertId, updatedText }),
    revision: 1,
    seq: 42,
    replay: false,
    updatedMs: ticks === undefined ? undefined : msFromTicks(ticks),
    device: undefined,
    ...more,
    raw: Buffer.from(more.raw ?? JSON.stringify(alert)),
  };
}

/** The value at a path of members in dots. */
export function at(value: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>(
      (inner, key) => (isObject(inner) && Object.hasOwn(inner, key) ? inner[key] : undefined),
      value,
    );
}

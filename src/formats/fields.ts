import { isObject, type JsonObject } from "../model/alert.ts";
import { msFromTicks, parseTicks } from "../model/ticks.ts";
import { clean } from "./text.ts";

// Reads what a source wrote, whatever its type: a wrong type counts as absent, and nothing throws.

/** Clean text; a number in its decimal form (`incidentId` is one in Defender for Endpoint). Empty text is absent. */
export function word(value: unknown): string | undefined {
  if (typeof value === "string") return clean(value) || undefined;
  return typeof value === "number" ? String(value) : undefined;
}

/** The texts of a list; one text instead of a list counts as a list of it. */
export function words(value: unknown): readonly string[] {
  const list = Array.isArray(value) ? value : [value];
  return list.map(word).filter((each) => each !== undefined);
}

/** The object, or an empty one. */
export function record(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

/** The objects of a list; one object instead of a list occurs, and counts as a list of it. */
export function records(value: unknown): readonly JsonObject[] {
  return (Array.isArray(value) ? value : [value]).filter(isObject);
}

/** Milliseconds since the epoch; undefined when the text is no instant. */
export function instant(value: unknown): number | undefined {
  const ticks = parseTicks(typeof value === "string" ? value.trim() : value);
  return ticks === undefined ? undefined : msFromTicks(ticks);
}

/** A number that counts something: whole, not negative, and exact. */
export function whole(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

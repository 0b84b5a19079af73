import type { Envelope } from "../model/envelope.ts";
import { cef } from "./cef.ts";
import { ecs } from "./ecs.ts";
import type { Format, Rendered } from "./format.ts";
import { leef } from "./leef.ts";
import { ocsf } from "./ocsf.ts";
import { raw } from "./raw.ts";

/** Every format there is, in alphabetical order. */
export const FORMATS = [cef, ecs, leef, ocsf, raw] as const;

export type FormatName = (typeof FORMATS)[number]["name"];

/** Their names, for `z.enum`. */
export const FORMAT_NAMES = [cef.name, ecs.name, leef.name, ocsf.name, raw.name] as const;

const BY_NAME: ReadonlyMap<FormatName, Format> = new Map(FORMATS.map((format) => [format.name, format]));

/** The least that every receiver of syslog takes (RFC 5424, 6.1). A limit below it counts as this. */
const LEAST_BYTES = 480;

/**
 * An alert as one line of the named notation, at most `maxBytes` of UTF-8 long; `Infinity` where there is no limit.
 * Never throws.
 */
export function render(name: FormatName, envelope: Envelope, maxBytes: number): Rendered {
  const format = BY_NAME.get(name) ?? raw;
  return format.render(envelope, Math.max(maxBytes, LEAST_BYTES));
}

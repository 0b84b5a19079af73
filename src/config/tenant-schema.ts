import { z } from "zod";
import { SEVERITIES } from "../model/alert.ts";
import { UPDATES, type Updates } from "../model/updates.ts";
import type { PollSettings } from "../model/window.ts";
import { AUTH_OPTIONS, type Auth as AuthSettings } from "../net/auth.ts";
import { type Cloud, DEFAULT_CLOUD, DEFENDER_REGIONS } from "../net/clouds.ts";
import { Duration, Guid, ProxyUrl } from "../net/options.ts";
import { SOURCES } from "../sources/index.ts";

/** What is configured for a tenant, alone and as `defaults` for all of them. */

const AUTH_SENTENCE = "How to sign in to the tenant.";
export const Auth = z.discriminatedUnion("type", AUTH_OPTIONS).describe(AUTH_SENTENCE);

const AUTH_TYPES = AUTH_OPTIONS.map(({ shape }) => shape.type.value);

/** `auth` before the merge, when a part of it may stand in `defaults` and the rest in the tenant. */
const AuthPart = z
  .strictObject({
    ...AUTH_OPTIONS[0].shape,
    ...AUTH_OPTIONS[1].shape,
    ...AUTH_OPTIONS[2].shape,
    ...AUTH_OPTIONS[3].shape,
    type: z.enum(AUTH_TYPES).describe("Each type has keys of its own."),
  })
  .partial()
  .describe(AUTH_SENTENCE);

const Poll = z.strictObject({
  interval: Duration.refine((ms) => ms >= 1000, "must be at least 1s")
    .prefault("60s")
    .describe("Pause between two rounds of reading."),
  overlap: Duration.prefault("15m").describe("How far each round reaches back, for alerts that appear late."),
  settle: Duration.prefault("0s").describe("How far each round stays behind the clock."),
  initialLookback: Duration.prefault("24h").describe(
    "How far back the very first round of a tenant reaches.",
  ),
  pageSize: z.int().min(1).max(1000).default(1000).describe("The most alerts to ask for in one answer."),
});

const Filter = z.strictObject({
  minSeverity: z
    .enum(SEVERITIES)
    .default("unknown")
    .describe("Alerts below this severity are left out, but never one whose severity is unknown."),
  serviceSources: z
    .array(z.string().min(1, "must not be empty"))
    .default([])
    .describe(
      "Only alerts of these products, such as microsoftDefenderForEndpoint; an empty list means all.",
    ),
  excludeTitles: z
    .array(z.string().min(1, "must not be empty"))
    .default([])
    .describe("Alerts with one of these titles are left out. The whole title counts, its case does not."),
});

const Incidents = z.strictObject({
  alerts: z
    .boolean()
    .default(false)
    .describe(
      "Whether each new or changed incident is read once more by its id, with its alerts in it: one call for each, and a much larger text. One that cannot be had so is sent without them.",
    ),
});

const SOURCE_TYPES = SOURCES.map((source) => source.type);

/** Every key that `defaults` may hold and a tenant may override. */
const settings = {
  cloud: z
    .string()
    .default(DEFAULT_CLOUD)
    .describe("Cloud of the tenant: global, gcc, gcc-high, dod or one of `clouds`."),
  region: z
    .enum(DEFENDER_REGIONS)
    .optional()
    .describe(
      "Where Defender for Endpoint keeps the tenant's data; its nearest host is asked. Cloud global only.",
    ),
  auth: Auth,
  sources: z
    .array(z.enum(SOURCE_TYPES))
    .min(1, "must name at least one source")
    .refine(isUnique, "must not name a source twice")
    .describe("What to read from the tenant."),
  sinks: z
    .array(z.string())
    .min(1, "must name at least one sink")
    .refine(isUnique, "must not name a sink twice")
    .describe("Where the tenant's alerts go: names under `sinks`."),
  poll: Poll.prefault({}).describe("When to read, and how far back."),
  updates: z
    .enum(UPDATES)
    .default("all")
    .describe(
      "Which updates of an alert are sent: all; those that change its status, severity, classification, determination, assignee, incident, comments or evidence; or none.",
    ),
  filter: Filter.prefault({}).describe("Which alerts are forwarded."),
  incidents: Incidents.prefault({}).describe("How `graph_incidents` are read."),
  proxy: ProxyUrl.optional(),
};

const identity = {
  id: z
    .string()
    .regex(
      /^[a-z0-9][a-z0-9-]{0,62}$/,
      "must consist of a-z, 0-9 and -, begin with a letter or digit, and have at most 63 characters",
    )
    .describe("Short name of the tenant in logs, metrics and alerts."),
  name: z
    .string()
    .min(1, "must not be empty")
    .optional()
    .describe("Name of the tenant for people; without it the id."),
  tenantId: Guid.describe("Id of the tenant's directory in Entra."),
};

/** A tenant after the merge with `defaults`, whole. */
export const Tenant = z.strictObject({ ...identity, ...settings });

/** `defaults` as written: any part of a tenant's settings. */
export const Defaults = z.strictObject({ ...settings, auth: AuthPart }).partial();

/** A tenant as written: what `defaults` may supply can be absent. */
export const TenantEntry = z.strictObject({ ...identity, ...Defaults.shape });

export const DEFAULT_KEYS: readonly string[] = Object.keys(settings);

/** A tenant with everything that is to know about it. Spans of time are in milliseconds. */
export interface ResolvedTenant {
  readonly id: string;
  readonly name: string;
  readonly tenantId: string;
  readonly cloud: Cloud;
  readonly region?: (typeof DEFENDER_REGIONS)[number] | undefined;
  readonly auth: AuthSettings;
  readonly sources: readonly (typeof SOURCE_TYPES)[number][];
  readonly sinks: readonly string[];
  readonly poll: PollSettings;
  readonly updates: Updates;
  readonly filter: z.output<typeof Filter>;
  readonly incidents: z.output<typeof Incidents>;
  readonly proxy: string | undefined;
}

function isUnique(list: readonly unknown[]): boolean {
  return new Set(list).size === list.length;
}

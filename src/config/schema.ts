import { z } from "zod";
import type { Alert } from "../model/alert.ts";
import { isNonEmpty } from "../model/envelope.ts";
import { CLOUDS } from "../net/clouds.ts";
import { ByteSize, Duration, HttpsUrl, HttpUrl, Secret } from "../net/options.ts";
import { SINKS } from "../sinks/index.ts";
import type { CommonSettings, Sink, SinkDefinition } from "../sinks/sink.ts";
import { Auth, Defaults, type ResolvedTenant, TenantEntry } from "./tenant-schema.ts";

/** The configuration file. Checks, types, the JSON Schema and the reference page are all read from here. */

const Queue = z.strictObject({
  redis: z
    .url({ protocol: /^rediss?$/, error: "must be a URL that begins with redis:// or rediss://" })
    .optional()
    .describe(
      "Address of an external Redis; a password in it is kept secret. Without it the daemon runs its own.",
    ),
  redisServer: z
    .string()
    .min(1, "must not be empty")
    .optional()
    .describe(
      "Program for the daemon's own Redis; without it redis-server or valkey-server is looked for in PATH.",
    ),
  prefix: z
    .string()
    .regex(/^[A-Za-z0-9_-]+$/, "must consist of letters, digits, _ and -")
    .default("alertferry")
    .describe("What every key in Redis begins with. Daemons with the same prefix share their work."),
  dataDir: z
    .string()
    .min(1, "must not be empty")
    .default("./data")
    .describe("Folder of the daemon's own Redis, relative to the working directory."),
  appendfsync: z
    .enum(["everysec", "always"])
    .default("everysec")
    .describe("How often the daemon's own Redis writes to the disk: each second, or before it answers."),
  remember: Duration.refine((ms) => ms >= 86_400_000, "must be at least 1d")
    .prefault("30d")
    .describe(
      "How long it is remembered what each sink was given: for replay, reconcile and explain. About 60 bytes an alert and sink.",
    ),
  rememberRemoved: Duration.refine((ms) => ms >= 3_600_000, "must be at least 1h")
    .prefault("30d")
    .describe(
      "How long a tenant that was removed from the configuration is remembered: cursors, windows, counts and what was sent. When it comes back before, it goes on where it was.",
    ),
  encryptionKey: Secret.refine(isKey, "must be 32 bytes in base64, for example from: openssl rand -base64 32")
    .optional()
    .describe(
      "Key that seals alerts while they wait (AES-256-GCM): 32 bytes in base64. Without it they wait unsealed.",
    ),
});

const Http = z.strictObject({
  host: z
    .string()
    .min(1, "must not be empty")
    .default("127.0.0.1")
    .describe("Address to listen on. One that other machines reach asks for `token`."),
  port: z.int().min(0).max(65_535).default(8080).describe("Port to listen on; 0 takes any free port."),
  token: Secret.optional().describe(
    "Asked for as `Authorization: Bearer`, or once in a browser, by everything but /livez, /readyz, /metrics and the consent pages that customers open. Absent: not asked, and nothing can be changed over HTTP.",
  ),
});

const DeadLetters = z.strictObject({
  maxCount: z
    .int()
    .min(1)
    .optional()
    .describe("The most dead letters that are kept; the oldest go first. Without it all are kept."),
  maxAge: Duration.refine((ms) => ms >= 3_600_000, "must be at least 1h")
    .optional()
    .describe("How long a dead letter is kept. Without it for ever."),
});

const Onboarding = z.strictObject({
  redirectUri: HttpUrl.optional().describe(
    "Redirect URI of the app registration, letter by letter; it must lead to /onboard/callback of the daemon. Without it there are no consent links.",
  ),
  linkExpires: Duration.refine((ms) => ms >= 60_000, "must be at least 1m")
    .prefault("7d")
    .describe("How long a consent link can be used."),
  propagation: Duration.prefault("15m").describe(
    "How long a consent may take to spread at Microsoft before it counts as failed.",
  ),
  retryInterval: Duration.refine((ms) => ms >= 1000, "must be at least 1s")
    .prefault("30s")
    .describe("Pause between two looks whether a consent has spread."),
});

const Memory = z.strictObject({
  pages: ByteSize.prefault("8MB").describe(
    "Memory for pages of alerts that are received or worked at. Who finds none leaves its page in the connection until there is; a page that is larger comes alone.",
  ),
});

const Log = z.strictObject({
  level: z
    .enum(["trace", "debug", "info", "warn", "error", "fatal"])
    .default("info")
    .describe("The least important level that is written."),
  format: z
    .enum(["json", "pretty"])
    .optional()
    .describe("One JSON object a line, or lines for people. Without it pretty on a terminal, else json."),
});

const CloudEntry = z.strictObject({
  authority: HttpsUrl.describe("Where tokens come from."),
  graph: HttpUrl.describe("Address of Microsoft Graph."),
  defender: HttpUrl.describe("Address of the Defender for Endpoint API."),
  monitor: HttpUrl.optional().describe("Address of Azure Monitor."),
  portal: HttpUrl.prefault(CLOUDS.global.portal).describe("Address of the Defender portal."),
  graphAudience: HttpUrl.prefault(CLOUDS.global.graphAudience).describe(
    "What tokens for Graph are asked for.",
  ),
  defenderAudience: HttpUrl.prefault(CLOUDS.global.defenderAudience).describe(
    "What tokens for the Defender for Endpoint API are asked for.",
  ),
  ca: z
    .string()
    .min(1, "must not be empty")
    .meta({ file: true })
    .optional()
    .describe("File with the PEM certificates of the authorities to trust, instead of the system's."),
  callLimits: z
    .boolean()
    .default(true)
    .describe("Whether Microsoft's limits on calls hold there; each tenant is then read within them."),
});

const Name = z.string().regex(/^[a-z0-9-]+$/, "the name must consist of a-z, 0-9 and -");
const CloudName = Name.refine(
  (name) => !Object.hasOwn(CLOUDS, name),
  "is a built-in cloud; choose another name",
);

/** The registry without the types of its members, which differ in `Config` only. */
export const SINK_DEFINITIONS: readonly SinkDefinition<string, z.ZodObject>[] = SINKS;

/** `z.discriminatedUnion` wants to see that there is one. */
function sinkUnion() {
  const options = SINK_DEFINITIONS.map((definition) =>
    definition.Config.safeExtend({ type: z.literal(definition.type).describe(definition.summary) }),
  );
  if (!isNonEmpty(options)) throw new Error("The registry of sinks is empty.");
  // The one cast of the house: every sink spreads commonSettings(), which the loose registry type cannot say.
  return z.discriminatedUnion("type", options) as unknown as z.ZodType<SinkSettings>;
}

export const ConfigFile = z
  .strictObject({
    queue: Queue.prefault({}).describe("Where alerts wait."),
    http: Http.prefault({}).describe("The daemon's own HTTP server: health, metrics and the status page."),
    log: Log.prefault({}).describe("The daemon's own log."),
    deadLetters: DeadLetters.prefault({}).describe(
      "How long alerts are kept that a receiver refused for good.",
    ),
    onboarding: Onboarding.prefault({}).describe("How customers let us in."),
    memory: Memory.prefault({}).describe("What the daemon keeps in memory."),
    shutdownTimeout: Duration.prefault("25s").describe(
      "How long a stopping daemon may finish what is under way.",
    ),
    clouds: z
      .record(CloudName, CloudEntry)
      .default({})
      .describe("Private clouds by name, besides the built-in ones."),
    apps: z
      .record(Name, Auth)
      .default({})
      .describe(
        "The application of each cloud, by the cloud's name, for tenants that have no `auth` of their own. It goes before `defaults.auth`.",
      ),
    defaults: Defaults.optional().describe("What every tenant starts from."),
    tenants: z.array(TenantEntry).optional().describe("The tenants to read."),
    tenantsDir: z
      .string()
      .min(1, "must not be empty")
      .meta({ file: true })
      .optional()
      .describe("Folder with one YAML file a tenant, besides `tenants`; relative to the configuration file."),
    sinks: z
      .record(Name, sinkUnion())
      .refine((sinks) => Object.keys(sinks).length > 0, "must define at least one sink")
      .describe("Where alerts go, by names that tenants refer to."),
  })
  .describe("Configuration of alertferry.");

/** The settings of one sink: those that all have, `type`, and its own. */
export type SinkSettings = CommonSettings & { readonly type: string };

/** The configuration in force. Plain data: two of them can be compared. Spans of time are in milliseconds. */
export interface Config
  extends Readonly<
    Pick<
      z.output<typeof ConfigFile>,
      "queue" | "http" | "log" | "deadLetters" | "onboarding" | "memory" | "shutdownTimeout"
    >
  > {
  readonly tenants: readonly ResolvedTenant[];
  /** Absolute; undefined when none is configured. */
  readonly tenantsDir: string | undefined;
  readonly sinks: Readonly<Record<string, SinkSettings>>;
}

/** Makes the sink that the settings describe. Opens nothing yet. */
export function createSink({ type, ...own }: SinkSettings): Sink {
  return definitionOf(type).create(own);
}

/** Says of an alert whether a sink with these settings is to be given it. */
export function acceptanceOf({ type, ...own }: SinkSettings): (alert: Alert) => boolean {
  const definition = definitionOf(type);
  return (alert) => definition.accepts?.(alert, own) ?? true;
}

function definitionOf(type: string) {
  const definition = SINK_DEFINITIONS.find((candidate) => candidate.type === type);
  if (definition === undefined) throw new Error(`There is no sink of type ${type}.`);
  return definition;
}

function isKey(text: string): boolean {
  return /^[A-Za-z0-9+/]{43}=$/.test(text) && Buffer.from(text, "base64").length === 32;
}

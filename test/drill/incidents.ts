import type { EventName } from "../../src/telemetry/catalogue.ts";
import type { LogLine } from "../chaos/daemon-process.ts";
import { until } from "../support/until.ts";
import { type DrillStage, KEEPER } from "./stage.ts";

/** A line of a story, as it must stand in the log. */
interface StoryLine {
  readonly event: EventName;
  /** Where a person may have to look. */
  readonly runbook?: string;
  readonly [field: string]: unknown;
}

/** One thing that goes wrong, from its beginning to its end. */
export interface Incident {
  readonly name: "replica-killed" | "syslog-reset" | "secret-expired" | "tenant-throttled" | "poison-alert";
  /** What happens, and how it ends, for whoever watches. */
  readonly begins: string;
  readonly ends: string;
  /** Exactly what is told of it in the log, in this order and once. */
  readonly story: readonly StoryLine[];
  /** Breaks something and resolves when the daemon has noticed. It stays so until `end`. */
  begin(stage: DrillStage): Promise<void>;
  /** Resolves when everybody else has what came meanwhile; rejects when they do not. */
  holds(stage: DrillStage): Promise<void>;
  /** Mends it and resolves when the daemon has noticed. */
  end(stage: DrillStage): Promise<void>;
}

const PATIENCE_MS = 30_000;
const SMALL = { size: "small" } as const;

function said(stage: DrillStage, event: EventName, more: Partial<LogLine> = {}): Promise<void> {
  return until(
    `${event} is said`,
    () =>
      stage
        .log()
        .some(
          (line) => line.event === event && Object.entries(more).every(([key, value]) => line[key] === value),
        ),
    PATIENCE_MS,
  );
}

/** New alerts of every tenant have come to Splunk, but for one tenant that is in trouble. */
async function othersFlow({ world }: DrillStage, except?: string): Promise<void> {
  const fresh = world.tenants.map((tenant) => ({
    id: tenant.id,
    versions: tenant.add("graph_alerts", 3, SMALL),
  }));
  await until(
    "the others have their alerts",
    () =>
      fresh
        .filter(({ id }) => id !== except)
        .every(({ versions }) => versions.every((version) => world.tally.arrivals(version) > 0)),
    PATIENCE_MS,
  );
}

/** Two processes share the work, and one of them dies with its hands full. */
const replicaKilled: Incident = {
  name: "replica-killed",
  begins: "A second process is killed (SIGKILL) with requests under way.",
  ends: "Another process is started in its place.",
  story: [
    { event: "replica.lost", level: "warn", runbook: "runbook#replica-lost", replicas: 1 },
    { event: "replica.back", level: "info", replicas: 2 },
  ],
  async begin(stage) {
    const { world } = stage;
    const replica = await stage.joinReplica();
    world.hec.fault = { kind: "slow", delayMs: 200 };
    for (const tenant of world.tenants) tenant.add("graph_alerts", 40, SMALL);
    await until(
      "it has work in hand",
      async () => (await replica.metric("deliver_batches_total")) > 0,
      PATIENCE_MS,
    );
    replica.child.kill("SIGKILL");
    await replica.child.ended;
    world.hec.fault = undefined;
    await said(stage, "replica.lost");
  },
  holds: (stage) => othersFlow(stage),
  async end(stage) {
    const successor = await stage.joinReplica();
    await said(stage, "replica.back");
    // From here on one process tells the stories, or each would be told twice.
    successor.child.kill("SIGTERM");
    await successor.child.ended;
  },
};

const syslogReset: Incident = {
  name: "syslog-reset",
  begins: "The syslog receiver resets every connection in the middle of a batch.",
  ends: "The syslog receiver reads to the end again.",
  story: [
    { event: "deliver.retrying", level: "warn", runbook: "runbook#deliver-retrying", sink: "qradar" },
    { event: "sink.opened", level: "error", runbook: "runbook#sink-opened", sink: "qradar" },
    { event: "sink.closed", level: "info", sink: "qradar" },
  ],
  async begin(stage) {
    stage.syslog.behaviour = "reset after one message";
    for (const tenant of stage.world.tenants) tenant.add("graph_alerts", 5, SMALL);
    await said(stage, "sink.opened", { sink: "qradar" });
  },
  // The other sink does not wait for this one.
  holds: (stage) => othersFlow(stage),
  async end(stage) {
    stage.syslog.behaviour = "close after reading";
    await said(stage, "sink.closed", { sink: "qradar" });
  },
};

const secretExpired: Incident = {
  name: "secret-expired",
  begins: `The client secret of ${KEEPER} expires.`,
  ends: "A new secret is put into the file that the configuration names.",
  story: [
    { event: "auth.failed", level: "error", runbook: "runbook#secret-expired", tenant: KEEPER },
    { event: "config.reloaded", level: "info", tenants: { changed: [KEEPER] } },
    { event: "auth.recovered", level: "info", tenants: 1 },
  ],
  async begin(stage) {
    const { app, clientSecret } = stage.world.tenant(KEEPER);
    app.secrets = [{ value: clientSecret, expired: true }, { value: "one-of-today" }];
    await said(stage, "auth.failed");
  },
  holds: (stage) => othersFlow(stage, KEEPER),
  async end(stage) {
    await stage.changeSecret("one-of-today");
    await said(stage, "auth.recovered");
  },
};

const THROTTLED = "northwind";

const tenantThrottled: Incident = {
  name: "tenant-throttled",
  begins: `Graph refuses the calls for ${THROTTLED}: too many (429).`,
  ends: "Graph answers them again.",
  story: [
    { event: "poll.throttled", level: "warn", runbook: "runbook#throttled", tenant: THROTTLED },
    { event: "poll.recovered", level: "info", tenant: THROTTLED },
  ],
  async begin(stage) {
    stage.world.tenant(THROTTLED).graph.fault = { kind: "throttled", retryAfter: "1" };
    await said(stage, "poll.throttled");
  },
  holds: (stage) => othersFlow(stage, THROTTLED),
  async end(stage) {
    stage.world.tenant(THROTTLED).graph.fault = undefined;
    await said(stage, "poll.recovered", { tenant: THROTTLED });
  },
};

const POISONED = "tailspin";

const poisonAlert: Incident = {
  name: "poison-alert",
  begins: `Splunk refuses one alert of ${POISONED}, whatever it comes with.`,
  ends: "Splunk is mended, and the dead letter is sent again.",
  story: [
    { event: "deliver.halved", level: "warn", runbook: "runbook#deliver-halved", sink: "splunk" },
    {
      event: "deliver.dead-lettered",
      level: "error",
      runbook: "runbook#deliver-dead-lettered",
      tenant: POISONED,
      sink: "splunk",
    },
    { event: "dead-letters.cleared", level: "info", sink: "splunk" },
  ],
  async begin(stage) {
    const { world } = stage;
    const [poison] = world.tenant(POISONED).add("graph_alerts", 6, { sameInstant: true, ...SMALL });
    world.hec.poison = (event) => event.bytes.includes(`"id":"${poison?.alertId}"`);
    await said(stage, "deliver.dead-lettered");
  },
  holds: (stage) => othersFlow(stage),
  async end(stage) {
    stage.world.hec.poison = undefined;
    await stage.command("dead-letters", "retry", "--sink", "splunk");
    await said(stage, "dead-letters.cleared");
  },
};

/** The five, in the order in which they are played. */
export const INCIDENTS: readonly Incident[] = [
  replicaKilled,
  syslogReset,
  secretExpired,
  tenantThrottled,
  poisonAlert,
];

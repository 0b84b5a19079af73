import type { Logger } from "pino";
import { type DeadLetter, TENANT_MISMATCH } from "../model/dead-letter.ts";
import { type DeliveryError, SourceError } from "../model/failure.ts";
import type { Onboarding } from "../model/onboarding.ts";
import { type LongWindow, type WindowText, windowText } from "../model/window.ts";
import { EVENTS, type EventName } from "./catalogue.ts";
import { errorFields, type Fields } from "./fields.ts";
import type { Hop } from "./measures.ts";
import type { Metrics } from "./metrics.ts";

/** A state that persists is said again this often. */
const REMIND_EVERY_MS = 600_000;

/** Days before its end at which a credential is spoken of, the last one when it has ended. */
const EXPIRY_DAYS = [-1, 1, 7, 14, 30] as const;

export type Events = ReturnType<typeof createEvents>;

/** One function for each thing that can happen; each writes the log line and counts. Nothing else does either. */
export function createEvents(logger: Logger, metrics: Metrics) {
  /** Application → the places that wait for it. */
  const refusedApps = new Map<string, Set<string>>();
  const states = new Map<string, { readonly what: string; saidMs: number; unsaid: number }>();

  function say(event: EventName, fields: Fields): void {
    const { level, says } = EVENTS[event];
    const anchor = fields.error?.diagnosis ?? event.replace(".", "-");
    const runbook = level === "debug" || level === "info" ? {} : { runbook: `runbook#${anchor}` };
    logger[level]({ event, ...fields, ...runbook }, says);
  }

  /** Says a state when it begins or changes, then only now and then, with the count of what was left unsaid. */
  function sayState(key: string, what: string, event: EventName, fields: Fields): void {
    const before = states.get(key);
    const same = before?.what === what;
    if (same && Date.now() - before.saidMs < REMIND_EVERY_MS) {
      before.unsaid += 1;
      return;
    }
    say(event, same && before.unsaid > 0 ? { ...fields, repeated: before.unsaid } : fields);
    states.set(key, { what, saidMs: Date.now(), unsaid: 0 });
  }

  function tellSetAside(labels: { tenant: string; source: string }, letters: readonly DeadLetter[]): void {
    for (const letter of letters) {
      const event = letter.reason === TENANT_MISMATCH ? "poll.tenant-mismatch" : "poll.set-aside";
      say(event, { ...labels, reason: letter.reason, deadLetter: letter.id });
    }
  }

  /** All tenants of an application fail by one and the same credential: that is one story, not five hundred. */
  function tellAppRefused(app: string, place: string, fields: Fields): void {
    const waiting = refusedApps.get(app) ?? new Set();
    refusedApps.set(app, waiting.add(place));
    metrics.set("app_refused", { app }, 1);
    sayState(`app/${app}`, `${fields.error?.code}`, "auth.failed", { ...fields, app });
  }

  function tellAppMended(place: string): void {
    for (const [app, waiting] of refusedApps) {
      if (!waiting.has(place)) continue;
      refusedApps.delete(app);
      states.delete(`app/${app}`);
      metrics.set("app_refused", { app }, 0);
      say("auth.recovered", { app, tenants: waiting.size });
    }
  }

  return {
    daemonStarted(facts: {
      version: string;
      tenants: number;
      sinks: number;
      http: string;
      redis: string;
    }): void {
      metrics.set("build_info", { version: facts.version }, 1);
      say("daemon.started", facts);
    },
    daemonStopping: (signal: string) => say("daemon.stopping", { signal }),
    daemonStopped: (durationMs: number) => say("daemon.stopped", { durationMs }),
    daemonFailed: (error: unknown) => say("daemon.failed", { error: errorFields(error) }),
    /** @param more how many others there are, which `alertferry check` lists. */
    configWarning: (message: string, more: number) =>
      say("config.warning", { error: { message }, ...(more > 0 ? { more } : {}) }),

    onboardingChanged({ tenant, state, says, steps }: Onboarding): void {
      if (state === "verifying") say("onboarding.received", { tenant });
      else if (state === "verified") {
        const unreached = steps.filter(({ verdict }) => verdict === "failed").map(({ what }) => what);
        say("onboarding.verified", { tenant, ...(unreached.length > 0 ? { unreached } : {}) });
      } else say(state === "failed" ? "onboarding.failed" : "onboarding.refused", { tenant, reason: says });
    },
    onboardingTrouble(error: unknown): void {
      sayState("onboarding", "trouble", "redis.trouble", { error: errorFields(error) });
    },

    /** @param plan the names of what was added, changed and removed. */
    configReloaded: (plan: { readonly tenants: Named; readonly sinks: Named }) =>
      say("config.reloaded", { tenants: onlyFilled(plan.tenants), sinks: onlyFilled(plan.sinks) }),
    configRejected: (error: unknown) => say("config.rejected", { error: errorFields(error) }),

    tenantForgotten: (tenant: string, lastMs: number) =>
      say("tenant.forgotten", { tenant, lastConfigured: new Date(lastMs).toISOString() }),

    redisTrouble(error: Error): void {
      sayState("redis", "down", "redis.trouble", { error: errorFields(error) });
    },
    redisAnswers(): void {
      states.delete("redis");
    },
    httpFailed: (request: { readonly requestId: string; readonly path: string }, error: unknown) =>
      say("http.failed", { ...request, error: errorFields(error) }),
    /** One state for all clients, so that whoever has many addresses makes no more lines. */
    httpGuessing(client: string): void {
      sayState("http", "guessing", "http.guessing", { client });
    },
    redisRestarted: (message: string) => say("redis.restarted", { error: { message } }),

    /** A round came to its end. */
    pollCompleted(
      place: { readonly tenant: string; readonly source: string },
      round: {
        window: WindowText;
        read: number;
        fresh: number;
        duplicates: number;
        suppressed: number;
        setAside: readonly DeadLetter[];
      },
      durationMs: number,
    ): void {
      const { tenant, source } = place;
      const labels = { tenant, source };
      metrics.count("poll_total", { ...labels, outcome: "completed" });
      metrics.observe("poll_duration_seconds", { source }, [durationMs / 1000]);
      metrics.count("alerts_read_total", labels, round.read);
      metrics.count("alerts_new_total", labels, round.fresh);
      metrics.count("alerts_duplicate_total", labels, round.duplicates);
      metrics.count("alerts_suppressed_total", labels, round.suppressed);
      tellSetAside(labels, round.setAside);
      tellAppMended(`${tenant}/${source}`);
      if (states.delete(`${tenant}/${source}`)) say("poll.recovered", { ...labels, window: round.window });
      const fields = {
        ...labels,
        window: round.window,
        alerts: round.fresh,
        duplicates: round.duplicates,
        durationMs,
      };
      say(round.fresh > 0 ? "poll.completed" : "poll.idle", fields);
    },

    /** @param usualHours hours since `freshMs` that usually bring something. */
    tenantSilence(
      { tenant, source }: { readonly tenant: string; readonly source: string },
      isUnusual: boolean,
      usualHours: number,
      freshMs: number,
    ): void {
      const key = `silence/${tenant}/${source}`;
      const fields = { tenant, source, usualHours: Math.round(usualHours) };
      if (!isUnusual) {
        if (states.delete(key)) say("tenant.heard", { tenant, source });
      } else if (!states.has(key)) {
        say("tenant.quiet", { ...fields, lastNew: new Date(freshMs).toISOString() });
        states.set(key, { what: "quiet", saidMs: Date.now(), unsaid: 0 });
      }
    },

    /** A long window was read on for a moment. */
    windowRead(
      { tenant, source }: { readonly tenant: string; readonly source: string },
      turn: { readonly read: number; readonly fresh: number; readonly setAside: readonly DeadLetter[] },
    ): void {
      const labels = { tenant, source };
      metrics.count("alerts_read_total", labels, turn.read);
      metrics.count("alerts_new_total", labels, turn.fresh);
      tellSetAside(labels, turn.setAside);
    },
    /** @param openGaps how many gaps of the same sink are still to be read. */
    windowDone(window: LongWindow, durationMs: number, openGaps: number): void {
      const { id, kind, tenant, source, queued: alerts } = window;
      const [sink = ""] = window.sinks;
      const fields = { tenant, source, sink, window: windowText(kind, window), alerts, durationMs };
      if (kind === "hole") {
        say("hole.filled", { tenant, source, window: fields.window, alerts, durationMs });
        return;
      }
      if (kind !== "gap") {
        // Who asked for a replay waits for its end; a backfill begins by itself.
        say(kind === "backfill" && alerts === 0 ? "window.idle" : "window.completed", { ...fields, id });
        return;
      }
      // The story of a sink's gaps ends with its last one.
      if (openGaps > 0) return;
      states.delete(`gap/${sink}`);
      say("gap.filled", fields);
    },
    /** A part was stepped over, since the source gives out what lies beside it. */
    holeRecorded(
      { tenant, source }: { readonly tenant: string; readonly source: string },
      window: WindowText,
      { code, status, message, requestId }: SourceError,
    ): void {
      // Without the diagnosis: that one speaks of a service in trouble, and this one answers otherwise.
      say("hole.recorded", { tenant, source, window, error: { code, status, message, requestId } });
    },

    /** An incident goes without its alerts. */
    alertIncomplete(
      { tenant, source }: { readonly tenant: string; readonly source: string },
      reason: string,
    ): void {
      metrics.count("alerts_incomplete_total", { tenant, source, reason });
      sayState(`incomplete/${tenant}/${source}`, reason, "poll.incomplete", { tenant, source, reason });
    },

    /** @param days whole days that are left; below 0 it has ended. */
    credentialExpiring(app: string, what: string, days: number, tenants: number): void {
      const threshold = EXPIRY_DAYS.find((limit) => days <= limit);
      if (threshold === undefined) states.delete(`expiry/${app}`);
      else if (states.get(`expiry/${app}`)?.what !== `${threshold}`) {
        say(days < 0 ? "credential.expired" : "credential.expiring", {
          app,
          credential: what,
          days,
          tenants,
        });
        states.set(`expiry/${app}`, { what: `${threshold}`, saidMs: Date.now(), unsaid: 0 });
      }
    },
    credentialExpires: (tenant: string, ms: number) =>
      metrics.set("credential_expires_timestamp_seconds", { tenant }, Math.floor(ms / 1000)),
    /** They are looked up anew: one that had an end may have none any more. */
    credentialsUnknown: () => metrics.clear("credential_expires_timestamp_seconds"),

    gapRecorded(
      { tenant, source }: { readonly tenant: string; readonly source: string },
      sink: string,
      window: WindowText,
    ): void {
      sayState(`gap/${sink}`, "open", "gap.recorded", { tenant, source, sink, window });
    },

    /** A round waits, because more calls would be refused. */
    pollPaced(
      { tenant, source }: { readonly tenant: string; readonly source: string; readonly window?: string },
      retryInMs: number,
    ): void {
      metrics.count("poll_paced_total", { tenant, source });
      say("poll.paced", { tenant, source, retryInMs });
    },

    /** A round was cut off by the source. */
    pollFailed(
      place: { readonly tenant: string; readonly source: string; readonly window?: string },
      error: unknown,
      attempt: number,
      retryInMs: number,
    ): void {
      const { tenant, source } = place;
      const labels = { tenant, source };
      const kind = error instanceof SourceError ? error.kind : "transient";
      metrics.count("poll_total", { ...labels, outcome: kind });
      if (kind === "throttled") metrics.count("throttled_total", labels);
      const event =
        kind === "throttled" ? "poll.throttled" : kind === "unauthorized" ? "auth.failed" : "poll.failed";
      const fields = errorFields(error);
      if (error instanceof SourceError && error.app !== undefined) {
        tellAppRefused(error.app, `${tenant}/${source}`, { ...labels, attempt, retryInMs, error: fields });
        return;
      }
      sayState(`${tenant}/${source}`, `${event} ${fields.code}`, event, {
        ...labels,
        attempt,
        retryInMs,
        error: fields,
      });
    },

    deliverCompleted(
      sink: string,
      request: { alerts: number; bytes: number; shortened: number; durationMs: number },
    ): void {
      metrics.count("alerts_shortened_total", { sink }, request.shortened);
      say("deliver.completed", { sink, ...request });
    },
    deliverRetrying: (sink: string, error: DeliveryError, attempt: number, retryInMs: number) =>
      say("deliver.retrying", { sink, attempt, retryInMs, error: errorFields(error) }),
    deliverHalved: (sink: string, error: DeliveryError, alerts: number) =>
      say("deliver.halved", { sink, alerts, error: errorFields(error) }),
    deadLettered: (letter: DeadLetter) =>
      say(letter.reason === TENANT_MISMATCH ? "deliver.tenant-mismatch" : "deliver.dead-lettered", {
        tenant: letter.tenant,
        source: letter.source,
        sink: letter.sink,
        reason: letter.reason,
        deadLetter: letter.id,
        eventId: letter.eventId,
        attempts: letter.attempts,
        error: { message: letter.message },
      }),
    /** Said again with each power of ten. */
    deadLettersMany(sink: string, deadLetters: number): void {
      const size = String(Math.floor(Math.log10(deadLetters)));
      sayState(`dead-letters/${sink}`, size, "dead-letters.many", { sink, deadLetters });
    },
    deadLettersRetried: (deadLetters: number, client: string) =>
      say("dead-letters.retried", { deadLetters, client }),
    deadLettersTrimmed: (deadLetters: number) => say("dead-letters.trimmed", { deadLetters }),
    batchSettled(
      sink: string,
      outcome: "delivered" | "dead-lettered" | "given-back" | "settled-before",
    ): void {
      metrics.count("deliver_batches_total", { sink, outcome });
    },
    /** How late the sink has accepted each alert of a batch. */
    accepted: (sink: string, delaysMs: readonly number[]) =>
      metrics.observe("delivery_latency_seconds", { sink }, delaysMs.map(secondsOf)),
    /** How long alerts took for a stretch of their way to a sink: `times` of them each of these. */
    travelled: (sink: string, hop: Hop, delaysMs: readonly number[], times = 1) =>
      metrics.observe("delivery_hop_seconds", { sink, hop }, delaysMs.map(secondsOf), times),
    deliverFailed(sink: string, error: unknown): void {
      const fields = errorFields(error);
      sayState(`deliver/${sink}`, fields.message, "deliver.failed", { sink, error: fields });
    },
    sinkOpened(sink: string, error: DeliveryError, retryInMs: number): void {
      metrics.set("sink_breaker_open", { sink }, 1);
      say("sink.opened", { sink, retryInMs, error: errorFields(error) });
    },
    sinkClosed(sink: string, durationMs: number): void {
      metrics.set("sink_breaker_open", { sink }, 0);
      say("sink.closed", { sink, durationMs });
    },
  };
}

/** Clocks differ: what seems to have come before it was sent took no time. */
function secondsOf(ms: number): number {
  return Math.max(0, ms) / 1000;
}

/** Names by what became of them. */
type Named = {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
};

function onlyFilled(named: Named): Partial<Named> {
  return Object.fromEntries(Object.entries(named).filter(([, names]) => names.length > 0));
}

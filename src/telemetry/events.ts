import type { Logger } from "pino";
import { type DeadLetter, TENANT_MISMATCH } from "../model/dead-letter.ts";
import { SourceError } from "../model/failure.ts";
import type { Onboarding } from "../model/onboarding.ts";
import { type LongWindow, type WindowText, windowText } from "../model/window.ts";
import { createDeliveryEvents } from "./delivery-events.ts";
import { errorFields, type Fields } from "./fields.ts";
import type { Metrics } from "./metrics.ts";
import { type Clock, createVoice, REAL_CLOCK } from "./voice.ts";

/** Days before its end at which a credential is spoken of, the last one when it has ended. */
const EXPIRY_DAYS = [-1, 1, 7, 14, 30] as const;

export type Events = ReturnType<typeof createEvents>;

/** One function for each thing that can happen; each writes the log line and counts. Nothing else does either. */
export function createEvents(logger: Logger, metrics: Metrics, clock: Clock = REAL_CLOCK) {
  const voice = createVoice(logger, clock);
  const { say, sayState, stateOf, endState, sayOnce, sayRests } = voice;
  /** Application → the places that wait for it. */
  const refusedApps = new Map<string, Set<string>>();

  /** One line for each reason, however many records of a page have it. */
  function tellSetAside(labels: { tenant: string; source: string }, letters: readonly DeadLetter[]): void {
    const byReason = new Map<string, DeadLetter[]>();
    for (const letter of letters)
      byReason.set(letter.reason, [...(byReason.get(letter.reason) ?? []), letter]);
    for (const [reason, alike] of byReason) {
      const event = reason === TENANT_MISMATCH ? "poll.tenant-mismatch" : "poll.set-aside";
      const fields = { ...labels, reason, alerts: alike.length, deadLetter: alike[0]?.id };
      sayOnce(`set-aside/${labels.tenant}/${labels.source}/${reason}`, event, fields);
    }
  }

  function tellRedisAnswers(): void {
    const ended = endState("redis");
    if (ended !== undefined) say("redis.recovered", ended);
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
      metrics.set("app_refused", { app }, 0);
      say("auth.recovered", { app, tenants: waiting.size, ...endState(`app/${app}`) });
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
    daemonStopped(durationMs: number): void {
      sayRests();
      say("daemon.stopped", { durationMs });
    },
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
      sayState("redis", "down", "redis.trouble", { error: errorFields(error) });
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
    redisAnswers: tellRedisAnswers,
    httpFailed: (request: { readonly requestId: string; readonly path: string }, error: unknown) =>
      say("http.failed", { ...request, error: errorFields(error) }),
    /** One state for all clients, so that whoever has many addresses makes no more lines. */
    httpGuessing(client: string): void {
      sayState("http", "guessing", "http.guessing", { client });
    },
    redisRestarted: (message: string) => say("redis.restarted", { error: { message } }),

    /** @param replicas how many processes are left. */
    replicaLost: (replica: string, lastSeenMs: number, replicas: number) =>
      say("replica.lost", { replica, lastSeen: new Date(lastSeenMs).toISOString(), replicas }),
    replicaBack: (replicas: number, durationMs: number) => say("replica.back", { replicas, durationMs }),

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
      tellRedisAnswers();
      tellAppMended(`${tenant}/${source}`);
      const ended = endState(`${tenant}/${source}`);
      if (ended !== undefined) say("poll.recovered", { ...labels, window: round.window, ...ended });
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
        const ended = endState(key);
        if (ended !== undefined) say("tenant.heard", { tenant, source, ...ended });
      } else if (stateOf(key) === undefined) {
        sayState(key, "quiet", "tenant.quiet", { ...fields, lastNew: new Date(freshMs).toISOString() });
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
      endState(`gap/${sink}`);
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
      sayOnce(`incomplete/${tenant}/${source}/${reason}`, "poll.incomplete", { tenant, source, reason });
    },

    /** @param days whole days that are left; below 0 it has ended. */
    credentialExpiring(app: string, what: string, days: number, tenants: number): void {
      const key = `expiry/${app}`;
      const fields = { app, credential: what, days };
      const threshold = EXPIRY_DAYS.find((limit) => days <= limit);
      if (threshold === undefined) {
        if (endState(key) !== undefined) say("credential.renewed", fields);
      } else if (stateOf(key) !== `${threshold}`) {
        const event = days < 0 ? "credential.expired" : "credential.expiring";
        sayState(key, `${threshold}`, event, { ...fields, tenants });
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

    ...createDeliveryEvents(voice, metrics, clock),
  };
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

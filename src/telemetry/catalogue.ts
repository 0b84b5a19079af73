/** Everything the daemon can say. The reference page is made from here, and nothing is logged that does not stand here. */

import { DELIVERY_EVENTS } from "./delivery-catalogue.ts";

type Level = "debug" | "info" | "warn" | "error" | "fatal";

/**
 * One thing that can happen. Where a person may have to look (warn, error, fatal), `src/telemetry/runbook.ts` says who
 * acts and how.
 */
export interface EventEntry {
  readonly level: Level;
  /** What stands beside the sentence; not each of them every time. */
  readonly fields: readonly string[];
  /** A constant sentence; what varies is in the fields. */
  readonly says: string;
  /** For the person who is on call: what it means and who must do something. */
  readonly means: string;
}

export const EVENTS = {
  "daemon.started": {
    level: "info",
    fields: ["version", "tenants", "sinks", "http", "redis"],
    says: "The daemon is running.",
    means: "All parts are up. Nothing to do.",
  },
  "daemon.stopping": {
    level: "info",
    fields: ["signal"],
    says: "The daemon is stopping.",
    means: "A signal came. Reading stops, what is under way finishes or is handed back to the queue.",
  },
  "daemon.stopped": {
    level: "info",
    fields: ["durationMs"],
    says: "The daemon has stopped.",
    means: "Everything that was not delivered waits in Redis.",
  },
  "daemon.failed": {
    level: "fatal",
    fields: ["error"],
    says: "The daemon cannot go on.",
    means: "`error.message` says what is missing. It exits with 1.",
  },
  "config.warning": {
    level: "warn",
    fields: ["error", "more"],
    says: "The configuration works, but has a weakness.",
    means: "`error.message` names the place and what would be better; `more` others stand beside it.",
  },
  "config.reloaded": {
    level: "info",
    fields: ["tenants", "sinks"],
    says: "The changed configuration is in force.",
    means:
      "`tenants` and `sinks` name what was added, changed and removed. The cursor of a removed tenant is kept for `queue.rememberRemoved`: when it comes back before, it is read on from there.",
  },
  "tenant.forgotten": {
    level: "info",
    fields: ["tenant", "lastConfigured"],
    says: "A tenant that was removed is forgotten.",
    means:
      "No daemon has had it in its configuration since `lastConfigured`, for longer than `queue.rememberRemoved`. Cursors, windows, counts and what was sent are gone; when it comes back it begins like a new one, with numbers from 1. Its dead letters stay.",
  },
  "config.rejected": {
    level: "error",
    fields: ["error"],
    says: "The changed configuration cannot be used; the one before stays in force.",
    means: "`error.message` names every mistake with its line.",
  },
  "onboarding.received": {
    level: "info",
    fields: ["tenant"],
    says: "A customer has let us in; the consent is verified now.",
    means:
      "It takes some minutes to spread at Microsoft. `onboarding.verified` or `onboarding.failed` follows.",
  },
  "onboarding.verified": {
    level: "info",
    fields: ["tenant", "unreached"],
    says: "A customer's consent is verified.",
    means: "Token, roles and first page were had. `unreached` names sinks that did not take the test alert.",
  },
  "onboarding.refused": {
    level: "warn",
    fields: ["tenant", "reason"],
    says: "A customer's answer to a consent link is no consent.",
    means: "`reason` says why. Nothing was set up.",
  },
  "onboarding.failed": {
    level: "error",
    fields: ["tenant", "reason"],
    says: "A customer's consent could not be verified.",
    means: "`reason` says which step failed. Nothing was set up.",
  },
  "redis.trouble": {
    level: "warn",
    fields: ["error", "repeated"],
    says: "Redis is out of reach; work waits for it.",
    means: "It does not answer, or takes no writes. Reading and delivering go on by themselves once it does.",
  },
  "redis.restarted": {
    level: "error",
    fields: ["error"],
    says: "The embedded Redis ended and is started again.",
    means:
      "Its process was killed or gave up. What it had written is read back; the last second may be read from Microsoft again.",
  },
  "redis.recovered": {
    level: "info",
    fields: ["durationMs", "repeated"],
    says: "Redis answers again.",
    means: "What waited for it goes on. Nothing to do.",
  },
  "replica.lost": {
    level: "warn",
    fields: ["replica", "lastSeen", "replicas"],
    says: "A process ended without a word; the others take its work over.",
    means:
      "It was killed, ran out of memory, or its machine is gone. What it had in hand is running elsewhere within 10 s; a request that it had under way may come twice, under the same `eventId`. `replicas` are left.",
  },
  "replica.back": {
    level: "info",
    fields: ["replicas", "durationMs"],
    says: "Another process has taken the place of the one that was lost.",
    means: "`replicas` share the work. Nothing to do.",
  },
  "http.failed": {
    level: "debug",
    fields: ["requestId", "path", "error"],
    says: "A page could not be made.",
    means:
      "`error` says why, `requestId` is the `x-request-id` of the answer. Redis being away is the usual cause, and has a line of its own.",
  },
  "http.guessing": {
    level: "warn",
    fields: ["client", "repeated"],
    says: "Somebody sends wrong tokens to the HTTP server.",
    means: "`client` is where the last of them came from; it is held back to one in six seconds.",
  },
  "poll.completed": {
    level: "info",
    fields: ["tenant", "source", "window", "alerts", "duplicates", "durationMs"],
    says: "Read new alerts.",
    means: "`alerts` versions were new and are queued for the tenant's sinks.",
  },
  "poll.idle": {
    level: "debug",
    fields: ["tenant", "source", "window", "alerts", "duplicates", "durationMs"],
    says: "Read the source; nothing was new.",
    means: "A healthy tenant without news.",
  },
  "poll.failed": {
    level: "error",
    fields: ["tenant", "source", "attempt", "retryInMs", "error", "repeated"],
    says: "The source could not be read; the cursor stays and the window is read again.",
    means:
      "`error` has the source's own words. The tenant falls behind and loses nothing; others are not affected.",
  },
  "poll.throttled": {
    level: "warn",
    fields: ["tenant", "source", "attempt", "retryInMs", "error", "repeated"],
    says: "The source asked us to wait.",
    means: "The tenant's call budget is used up; it is read again after `retryInMs`, from where it was.",
  },
  "poll.paced": {
    level: "debug",
    fields: ["tenant", "source", "retryInMs"],
    says: "Reading waits for its call budget.",
    means:
      "The tenant has more than may be asked for at once; it is gone on with before Microsoft would refuse.",
  },
  "tenant.quiet": {
    level: "warn",
    fields: ["tenant", "source", "usualHours", "lastNew"],
    says: "A tenant that is read without trouble is unusually quiet.",
    means:
      "In the weeks before, `usualHours` of the hours since `lastNew` brought something. Reading works; it is the tenant that has gone silent.",
  },
  "tenant.heard": {
    level: "info",
    fields: ["tenant", "source", "durationMs"],
    says: "A tenant that was unusually quiet has alerts again.",
    means: "Nothing to do.",
  },
  "poll.incomplete": {
    level: "warn",
    fields: ["tenant", "source", "reason", "repeated"],
    says: "An incident was sent without its alerts.",
    means:
      "`reason` says why: `failed` (Microsoft refused it by its id, twice), `too-large` (with its alerts it fits no request of a sink), `changed` (it was updated in between, and its newer version follows with its alerts).",
  },
  "poll.recovered": {
    level: "info",
    fields: ["tenant", "source", "window", "durationMs", "repeated"],
    says: "The source can be read again.",
    means: "Reading goes on where it stopped.",
  },
  "gap.recorded": {
    level: "warn",
    fields: ["tenant", "source", "sink", "window", "repeated"],
    says: "Too much waits for the sink; what comes now is read again once it has drained.",
    means:
      "The backlog of the sink has reached `backlog.maxBytes`. New alerts for it stay at Microsoft as gaps and are queued later; other sinks are not affected.",
  },
  "gap.filled": {
    level: "info",
    fields: ["tenant", "source", "sink", "window", "alerts", "durationMs"],
    says: "The sink has drained and its gaps are read.",
    means: "Everything that was left at Microsoft for this sink is in its queue.",
  },
  "hole.recorded": {
    level: "warn",
    fields: ["tenant", "source", "window", "error"],
    says: "The source fails to give out what was updated at one instant; it is stepped over and asked for again.",
    means:
      "Everything beside it was read, so the fault is in a record at Microsoft. Nothing is lost: `window` is asked for again with growing pauses, up to an hour, and shown by `alertferry status` until it is read.",
  },
  "hole.filled": {
    level: "info",
    fields: ["tenant", "source", "window", "alerts", "durationMs"],
    says: "What was stepped over could be read at last.",
    means: "`alerts` were queued; none where the record has changed since, and came with its newer update.",
  },
  "window.completed": {
    level: "info",
    fields: ["tenant", "source", "sink", "window", "alerts", "durationMs", "id"],
    says: "A backfill or a replay is read to its end.",
    means: "`alerts` were queued; `window.kind` says which of the two it was.",
  },
  "window.idle": {
    level: "debug",
    fields: ["tenant", "source", "sink", "window", "alerts", "durationMs", "id"],
    says: "A backfill is read to its end; nothing was new.",
    means: "A new tenant that had no alerts before its first round.",
  },
  "auth.failed": {
    level: "error",
    fields: ["tenant", "source", "app", "attempt", "retryInMs", "error", "repeated"],
    says: "The sign-in or the permission was refused for this tenant.",
    means:
      "`error.code` has the AADSTS or API code, `error.diagnosis` what it comes down to. With `app` it is the application's own credential, and every tenant that shares it waits; one of them probes it. Otherwise other tenants are not affected.",
  },
  "auth.recovered": {
    level: "info",
    fields: ["app", "tenants", "durationMs", "repeated"],
    says: "The application signs in again.",
    means: "Its credential was mended; all its tenants are read again.",
  },
  "credential.expiring": {
    level: "warn",
    fields: ["app", "credential", "days", "tenants"],
    says: "A credential ends soon; every tenant that signs in with it would fail.",
    means: "Said 30, 14, 7 and 1 days before `credential` ends.",
  },
  "credential.expired": {
    level: "error",
    fields: ["app", "credential", "days", "tenants"],
    says: "A credential has ended.",
    means: "`tenants` tenants sign in with it, and none of them is read.",
  },
  "credential.renewed": {
    level: "info",
    fields: ["app", "credential", "days"],
    says: "A credential that was about to end was replaced.",
    means: "`days` are left of the new one, where its end is known.",
  },
  "poll.tenant-mismatch": {
    level: "error",
    fields: ["tenant", "source", "reason", "alerts", "deadLetter", "repeated"],
    says: "An alert names another tenant than the one that was asked; it was set aside.",
    means: "It reached no sink, and is kept as a dead letter of the tenant that was asked.",
  },
  "poll.set-aside": {
    level: "warn",
    fields: ["tenant", "source", "reason", "alerts", "deadLetter", "repeated"],
    says: "A record of the source is no alert that can be named; it was set aside.",
    means: "It is kept as a dead letter with its reason. The rest of the window went on.",
  },
  ...DELIVERY_EVENTS,
} as const satisfies Record<string, EventEntry>;
export type EventName = keyof typeof EVENTS;

type Of<Wanted extends Level> = {
  [Name in EventName]: (typeof EVENTS)[Name]["level"] extends Wanted ? Name : never;
}[EventName];

/** Those for which a person may have to look. */
export type AlarmName = Of<"warn" | "error" | "fatal">;

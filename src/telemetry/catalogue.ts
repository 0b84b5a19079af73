/** Everything the daemon can say. The reference page is made from here, and nothing is logged that does not stand here. */

type Level = "debug" | "info" | "warn" | "error" | "fatal";

interface EventEntry {
  readonly level: Level;
  /** A constant sentence; what varies is in the fields. */
  readonly says: string;
  /** For the person who is on call: what it means and who must do something. */
  readonly means: string;
}

export const EVENTS = {
  "daemon.started": {
    level: "info",
    says: "The daemon is running.",
    means: "All parts are up. Nothing to do.",
  },
  "daemon.stopping": {
    level: "info",
    says: "The daemon is stopping.",
    means: "A signal came. Reading stops, what is under way finishes or is handed back to the queue.",
  },
  "daemon.stopped": {
    level: "info",
    says: "The daemon has stopped.",
    means: "Everything that was not delivered waits in Redis.",
  },
  "daemon.failed": {
    level: "fatal",
    says: "The daemon cannot go on.",
    means: "`error.message` says what is missing. It exits with 1; whoever runs it must act.",
  },
  "config.warning": {
    level: "warn",
    says: "The configuration works, but has a weakness.",
    means: "`error.message` names the place and what would be better; `alertferry check` lists all of them.",
  },
  "config.reloaded": {
    level: "info",
    says: "The changed configuration is in force.",
    means:
      "`tenants` and `sinks` name what was added, changed and removed. The cursor of a removed tenant is kept for `queue.rememberRemoved`: when it comes back before, it is read on from there.",
  },
  "tenant.forgotten": {
    level: "info",
    says: "A tenant that was removed is forgotten.",
    means:
      "No daemon has had it in its configuration since `lastConfigured`, for longer than `queue.rememberRemoved`. Cursors, windows, counts and what was sent are gone; when it comes back it begins like a new one, with numbers from 1. Its dead letters stay.",
  },
  "config.rejected": {
    level: "error",
    says: "The changed configuration cannot be used; the one before stays in force.",
    means: "`error.message` names every mistake with its line. Mend the file; it is read again by itself.",
  },
  "onboarding.received": {
    level: "info",
    says: "A customer has let us in; the consent is verified now.",
    means:
      "It takes some minutes to spread at Microsoft. `onboarding.verified` or `onboarding.failed` follows.",
  },
  "onboarding.verified": {
    level: "info",
    says: "A customer's consent is verified.",
    means: "Token, roles and first page were had. `unreached` names sinks that did not take the test alert.",
  },
  "onboarding.refused": {
    level: "warn",
    says: "A customer's answer to a consent link is no consent.",
    means: "`reason` says why. Nothing was set up; `alertferry tenants consent` makes a new link.",
  },
  "onboarding.failed": {
    level: "error",
    says: "A customer's consent could not be verified.",
    means:
      "`reason` says which step failed. Nothing was set up; `alertferry tenants verify` goes through the steps again.",
  },
  "redis.trouble": {
    level: "warn",
    says: "Redis is out of reach; work waits for it.",
    means:
      "Nothing is lost: reading and delivering go on by themselves once it is back. If it stays, look at Redis.",
  },
  "redis.restarted": {
    level: "error",
    says: "The embedded Redis ended and is started again.",
    means: "Look at redis.log in queue.dataDir: a full disk and too little memory are the usual causes.",
  },
  "http.failed": {
    level: "debug",
    says: "A page could not be made.",
    means:
      "`error` says why, `requestId` is the `x-request-id` of the answer. Redis being away is the usual cause, and has a line of its own.",
  },
  "http.guessing": {
    level: "warn",
    says: "Somebody sends wrong tokens to the HTTP server.",
    means:
      "`client` is where the last of them came from; it is held back to one in six seconds. An old token in a script is the usual cause. Whoever runs the daemon looks who it is, and changes `http.token` when it may have been found out.",
  },
  "poll.completed": {
    level: "info",
    says: "Read new alerts.",
    means: "`alerts` versions were new and are queued for the tenant's sinks.",
  },
  "poll.idle": {
    level: "debug",
    says: "Read the source; nothing was new.",
    means: "A healthy tenant without news.",
  },
  "poll.failed": {
    level: "error",
    says: "The source could not be read; the cursor stays and the window is read again.",
    means:
      "`error` has the source's own words. Nothing is lost. Transient causes heal by themselves; a refused query or an unknown host needs a look at the configuration.",
  },
  "poll.throttled": {
    level: "warn",
    says: "The source asked us to wait.",
    means:
      "The tenant's call budget is used up; it is read again after `retryInMs`. Another tool may share the application.",
  },
  "poll.paced": {
    level: "debug",
    says: "Reading waits for its call budget.",
    means:
      "The tenant has more than may be asked for at once; it is gone on with before Microsoft would refuse.",
  },
  "tenant.quiet": {
    level: "warn",
    says: "A tenant that is read without trouble is unusually quiet.",
    means:
      "In the weeks before, `usualHours` of the hours since `lastNew` brought something. Reading works: ask whether a sensor, a licence or a connector of the customer's is off, and compare with the portal.",
  },
  "tenant.heard": {
    level: "info",
    says: "A tenant that was unusually quiet has alerts again.",
    means: "Nothing to do.",
  },
  "poll.incomplete": {
    level: "warn",
    says: "An incident was sent without its alerts.",
    means:
      "`reason` says why: `failed` (Microsoft refused it by its id, twice), `too-large` (with its alerts it fits no request of a sink; raise `batch.maxBytes`), `changed` (it was updated in between, and its newer version follows with its alerts). `alerts_incomplete_total` counts them; `graph_alerts` has the alerts as well.",
  },
  "poll.recovered": {
    level: "info",
    says: "The source can be read again.",
    means: "Reading goes on where it stopped.",
  },
  "gap.recorded": {
    level: "warn",
    says: "Too much waits for the sink; what comes now is read again once it has drained.",
    means:
      "The backlog of the sink has reached `backlog.maxBytes`. New alerts for it stay at Microsoft as gaps and are queued later; other sinks are not affected. Mend the sink; nothing is lost as long as it is back before Microsoft forgets the alerts (180 days).",
  },
  "gap.filled": {
    level: "info",
    says: "The sink has drained and its gaps are read.",
    means: "Everything that was left at Microsoft for this sink is in its queue.",
  },
  "hole.recorded": {
    level: "warn",
    says: "The source fails to give out what was updated at one instant; it is stepped over and asked for again.",
    means:
      "Everything beside it was read, so the fault is in a record at Microsoft. Nothing is lost: `window` is asked for again with growing pauses, up to an hour, and shown by `alertferry status` until it is read. If it stays, open a case with Microsoft and name `error.requestId` and `window`; look the record up in the portal meanwhile.",
  },
  "hole.filled": {
    level: "info",
    says: "What was stepped over could be read at last.",
    means: "`alerts` were queued; none where the record has changed since, and came with its newer update.",
  },
  "window.completed": {
    level: "info",
    says: "A backfill or a replay is read to its end.",
    means: "`alerts` were queued; `window.kind` says which of the two it was.",
  },
  "window.idle": {
    level: "debug",
    says: "A backfill is read to its end; nothing was new.",
    means: "A new tenant that had no alerts before its first round.",
  },
  "auth.failed": {
    level: "error",
    says: "The sign-in or the permission was refused for this tenant.",
    means:
      "`error.code` has the AADSTS or API code, `error.actor` who can mend it, `error.remedy` how. With `app` it is the application's own credential, and every tenant that shares it waits; one of them probes it. Otherwise other tenants are not affected.",
  },
  "auth.recovered": {
    level: "info",
    says: "The application signs in again.",
    means: "Its credential was mended; all its tenants are read again.",
  },
  "credential.expiring": {
    level: "warn",
    says: "A credential ends soon; every tenant that signs in with it would fail.",
    means:
      "Said 30, 14, 7 and 1 days before `credential` ends. Make a new one and put it into the configuration; it is taken over without a restart.",
  },
  "credential.expired": {
    level: "error",
    says: "A credential has ended.",
    means: "`tenants` tenants sign in with it. Make a new one and put it into the configuration.",
  },
  "poll.tenant-mismatch": {
    level: "error",
    says: "An alert names another tenant than the one that was asked; it was set aside.",
    means: "It reached no sink. Check the tenant's `tenantId` and report it to Microsoft.",
  },
  "poll.set-aside": {
    level: "warn",
    says: "A record of the source is no alert that can be named; it was set aside.",
    means: "It is kept as a dead letter with its reason. The rest of the window went on.",
  },
  "deliver.completed": {
    level: "debug",
    says: "Delivered.",
    means: "The sink has acknowledged a request.",
  },
  "deliver.retrying": {
    level: "warn",
    says: "A delivery failed and is tried again.",
    means: "The alerts wait in the queue. Nothing to do unless it goes on.",
  },
  "deliver.halved": {
    level: "warn",
    says: "The sink refused a request; it is divided to find the alert that is meant.",
    means: "The other alerts of the request are delivered.",
  },
  "deliver.dead-lettered": {
    level: "error",
    says: "The sink refused an alert for good; it was set aside.",
    means: "`error.message` has the receiver's own words. Mend the cause there; the alert is kept.",
  },
  "deliver.tenant-mismatch": {
    level: "error",
    says: "An alert that names another tenant was about to be sent; it was set aside.",
    means:
      "It reached no sink. This is a mix-up on our side of the source: look at the dead letter, and report it.",
  },
  "dead-letters.many": {
    level: "warn",
    says: "Many dead letters of this sink wait for a person.",
    means:
      "`alertferry dead-letters list --sink …` shows the receiver's own words. Mend the cause, then `dead-letters retry --sink …`.",
  },
  "dead-letters.retried": {
    level: "info",
    says: "Dead letters are on their way again.",
    means: "Somebody at `client` asked for it over HTTP. What is refused again becomes a dead letter again.",
  },
  "dead-letters.trimmed": {
    level: "warn",
    says: "Old dead letters were discarded.",
    means:
      "`deadLetters.maxCount` or `deadLetters.maxAge` asks for it. What was discarded cannot be sent again.",
  },
  "deliver.failed": {
    level: "error",
    says: "A batch could not be worked on; it stays in the queue.",
    means:
      "A fault of the daemon or of its set-up (a missing `queue.encryptionKey`): `error.message` says which.",
  },
  "sink.opened": {
    level: "error",
    says: "The sink is in trouble and rests; its alerts wait in the queue.",
    means:
      "`error.code` and `error.message` say why. Transient and throttled heal by themselves; unauthorized and misconfigured need a person at the receiver or in the configuration.",
  },
  "sink.closed": {
    level: "info",
    says: "The sink takes alerts again.",
    means: "What waited is being delivered.",
  },
} as const satisfies Record<string, EventEntry>;
export type EventName = keyof typeof EVENTS;

import type { Actor } from "../model/diagnosis.ts";
import type { AlarmName } from "./catalogue.ts";

interface Instruction {
  readonly actor: Actor;
  readonly remedy: string;
  /** How to see that it is over. */
  readonly healed: string;
}

/** For each event for which a person may have to look: who acts, what to do, and what to wait for. */
export const RUNBOOK: Readonly<Record<AlarmName, Instruction>> = {
  "daemon.failed": {
    actor: "provider",
    remedy:
      "Mend what `error.message` names and start it again: a Redis that cannot be reached or may throw keys away, a data directory that another daemon uses, a port that is taken. Nothing was lost; what waited still waits.",
    healed: "`daemon.started`, and `/readyz` answers 200.",
  },
  "config.warning": {
    actor: "provider",
    remedy:
      "Run `alertferry check`, which lists every weakness with its line, and mend them in office hours. Nothing is broken now.",
    healed: "The next start or reload does not say it again.",
  },
  "config.rejected": {
    actor: "provider",
    remedy:
      "Run `alertferry check` and mend what it lists, or put the file back as it was. The daemon goes on with the one before and reads the file again by itself.",
    healed: "`config.reloaded`, or `alertferry check` is content.",
  },
  "onboarding.refused": {
    actor: "customer",
    remedy:
      "Ask the customer's administrator what happened: declined, signed in to another directory, or no administrator. Then make a new link with `alertferry tenants consent`; each works once.",
    healed: "`onboarding.received`, then `onboarding.verified`.",
  },
  "onboarding.failed": {
    actor: "provider",
    remedy:
      "Run `alertferry tenants verify` for the tenant: it goes through token, roles, first page and sinks, and says of the one that fails who must act.",
    healed: "`onboarding.verified`, or `tenants verify` passes each step.",
  },
  "redis.trouble": {
    actor: "provider",
    remedy:
      "Look whether Redis runs, has memory and disk left, and is reached from here: `error.message` has its own words. Do not delete keys. The embedded one is started again by itself; its `redis.log` in `queue.dataDir` tells why it ended.",
    healed: "`redis.recovered`; `alertferry_redis_up` is 1.",
  },
  "redis.restarted": {
    actor: "provider",
    remedy:
      "Look at `redis.log` in `queue.dataDir`: a full disk and too little memory are the usual causes. Once is nothing to get up for; again and again is.",
    healed: "`redis.recovered`, and this line does not come again.",
  },
  "http.guessing": {
    actor: "provider",
    remedy:
      "Look who sends from `client`: an old token in a script is the usual cause. Change `http.token` when it may have been found out, and keep the port away from whoever need not reach it.",
    healed: "The line does not come again.",
  },
  "replica.lost": {
    actor: "provider",
    remedy:
      "Look why it ended: the container's last state (out of memory?), the machine, the unit's journal. Start it again where nothing else does. Alerts flow meanwhile, with one process fewer.",
    healed: "`replica.back`, once another process shares the work.",
  },
  "poll.failed": {
    actor: "nobody",
    remedy:
      "Wait a quarter of an hour: most of it heals by itself, and the cursor stays where it was. If it goes on, `alertferry explain tenant` says why, and `error` has the source's own words; a host that is not found and a refused query want a look at `clouds` and the proxy.",
    healed: "`poll.recovered` for the same tenant; `alertferry_poll_lag_seconds` falls.",
  },
  "poll.throttled": {
    actor: "nobody",
    remedy:
      "Nothing: it is asked again after `retryInMs`. If it comes back every hour, another program uses the same application in this tenant; give alertferry one of its own, or lengthen `poll.interval`.",
    healed: "`poll.recovered` for the same tenant; `alertferry_throttled_total` stands still.",
  },
  "tenant.quiet": {
    actor: "customer",
    remedy:
      "Open the customer's Defender portal and compare. If alerts stand there that did not come, run `alertferry reconcile`. If none do, ask whether a sensor was taken away, a licence has ended or a connector is off.",
    healed: "`tenant.heard`, with the next alert.",
  },
  "poll.incomplete": {
    actor: "nobody",
    remedy:
      "Nothing where `reason` is `changed`. `failed` heals with the next update of the incident; `too-large` wants a larger `batch.maxBytes` at the sink. Who needs the alerts meanwhile reads `graph_alerts` as well, which has them.",
    healed: "`alertferry_alerts_incomplete_total` stands still.",
  },
  "hole.recorded": {
    actor: "microsoft",
    remedy:
      "If it stays for a day, open a case with Microsoft and name `error.requestId` and `window`; look the record up in the portal meanwhile.",
    healed: "`hole.filled`; `alertferry_holes_open` is 0.",
  },
  "gap.recorded": {
    actor: "provider",
    remedy:
      "Mend the sink, which `sink.opened` says more about. Nothing else: what comes now stays at Microsoft, is read again below half of `backlog.maxBytes`, and is safe there for 180 days.",
    healed: "`gap.filled`; `alertferry_gaps_open` is 0.",
  },
  "auth.failed": {
    actor: "provider",
    remedy:
      "`error.actor` says who must act and `error.remedy` how; most of them have a section of their own above. With `app`, all tenants of the application wait for one credential, and mending it once helps all.",
    healed: "`auth.recovered` for the application, else `poll.recovered` for the tenant.",
  },
  "credential.expiring": {
    actor: "provider",
    remedy:
      "Make a new secret or certificate in the app registration and put it into the configuration, or change to a federated credential, which does not end.",
    healed: "`credential.renewed`; `alertferry_credential_expires_timestamp_seconds` has moved.",
  },
  "credential.expired": {
    actor: "provider",
    remedy:
      "Make a new secret or certificate now: no tenant that signs in with it is read. Put it into the configuration; it is taken over without a restart, and reading goes on where it stopped.",
    healed: "`credential.renewed`, then `auth.recovered`.",
  },
  "poll.tenant-mismatch": {
    actor: "provider",
    remedy:
      "Compare `tenantId` of the tenant with what the customer says. If it is right, keep the dead letter (`alertferry dead-letters show`) and report it to Microsoft: it is another customer's alert.",
    healed: "The line does not come again; the letter is discarded by hand.",
  },
  "poll.set-aside": {
    actor: "provider",
    remedy:
      "Look at it with `alertferry dead-letters show`. It has no id or no time, so it cannot be told from the next one and cannot be sent. Discard it once it is understood.",
    healed: "The line does not come again; the letter is discarded by hand.",
  },
  "deliver.retrying": {
    actor: "nobody",
    remedy: "Nothing. If the sink stays in trouble, `sink.opened` follows; look there.",
    healed: "`deliver.recovered` or `sink.closed`.",
  },
  "deliver.halved": {
    actor: "nobody",
    remedy:
      "Nothing yet: the alerts beside it are delivered, and the one that is meant becomes a dead letter if it is refused alone.",
    healed: "`deliver.dead-lettered`, or silence where each half was taken.",
  },
  "deliver.dead-lettered": {
    actor: "provider",
    remedy:
      "Read the receiver's own words (`alertferry dead-letters show`), mend the cause there (an index that is missing, a field that is too long), then `alertferry dead-letters retry`. It keeps its number, so the receiver's sequence closes.",
    healed: "`dead-letters.cleared` for the sink; `alertferry_dead_letters` is 0.",
  },
  "deliver.tenant-mismatch": {
    actor: "provider",
    remedy:
      "Treat it as a mix-up of customers: keep the dead letter, look at what else went to this sink at the time, and report it to us. It was not sent.",
    healed: "The line does not come again.",
  },
  "dead-letters.many": {
    actor: "provider",
    remedy:
      "`alertferry dead-letters list --sink …` shows the receiver's own words; so many have one cause. Mend it, then `alertferry dead-letters retry --sink …`.",
    healed: "`dead-letters.cleared`; `alertferry_dead_letters` falls.",
  },
  "dead-letters.trimmed": {
    actor: "provider",
    remedy:
      "Raise `deadLetters.maxCount` or `deadLetters.maxAge` if that was not meant. What was discarded can be read from Microsoft again with `alertferry replay`.",
    healed: "The line does not come again.",
  },
  "deliver.failed": {
    actor: "provider",
    remedy:
      "`error.message` says which batch and why: mostly `queue.encryptionKey` is missing or another one, or a newer version wrote the batch. Put it right; the batch stays until then.",
    healed: "`deliver.recovered`; `alertferry_sink_oldest_seconds` falls.",
  },
  "sink.opened": {
    actor: "provider",
    remedy:
      "`error.kind` decides. `transient` and `throttled`: look whether the receiver runs and has room, else wait. `unauthorized` and `misconfigured`: the token, the certificate, the index or the address is wrong; mend it at the receiver or in the configuration. It is probed by itself.",
    healed: "`sink.closed`; `alertferry_sink_breaker_open` is 0, and the backlog falls.",
  },
};

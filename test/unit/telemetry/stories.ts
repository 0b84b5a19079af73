import type { DeadLetter } from "../../../src/model/dead-letter.ts";
import { DeliveryError, SourceError } from "../../../src/model/failure.ts";
import type { Step } from "../../../src/model/onboarding.ts";
import { ticksFromMs } from "../../../src/model/ticks.ts";
import type { LongWindow } from "../../../src/model/window.ts";
import type { Events } from "../../../src/telemetry/events.ts";
import type { HandClock } from "../../support/log.ts";

const AT_MS = Date.UTC(2026, 4, 4);
export const PLACE = { tenant: "contoso", source: "graph_alerts" } as const;
export const REMIND_MS = 600_000;

const WINDOW = { kind: "live", from: "2026-05-04T00:00:00Z", to: "2026-05-04T00:01:00Z" } as const;

export const BUSY = new DeliveryError("transient", "Splunk answered 503.", { status: 503, code: "9" });
export const REFUSED = new DeliveryError("rejected", "Splunk refused the request (code 6).", { code: "6" });
export const UNREACHABLE = new SourceError("transient", "Graph did not answer.", {
  code: "ECONNRESET",
  diagnosis: "unavailable",
});
export const THROTTLED = new SourceError("throttled", "Too many requests.", { status: 429 });
export const EXPIRED = new SourceError("unauthorized", "The secret has expired.", {
  code: "AADSTS7000222",
  diagnosis: "secret-expired",
});
export const EXPIRED_FOR_ALL = new SourceError("unauthorized", "The secret has expired.", {
  code: "AADSTS7000222",
  diagnosis: "secret-expired",
  app: "3f0c4a57",
});

export function aRound(fresh = 0, setAside: readonly DeadLetter[] = []) {
  return { window: WINDOW, read: fresh, fresh, duplicates: 0, suppressed: 0, setAside };
}

export function aLetter(more: Partial<DeadLetter> = {}): DeadLetter {
  return {
    id: "d-1",
    ...PLACE,
    sink: "splunk",
    alertId: "da1",
    eventId: "e1",
    reason: "rejected",
    message: "Invalid data format",
    attempts: 3,
    at: new Date(AT_MS).toISOString(),
    raw: "{}",
    ...more,
  };
}

function aWindow(kind: LongWindow["kind"], queued: number): LongWindow {
  const [from, to] = [ticksFromMs(AT_MS), ticksFromMs(AT_MS + 60_000)];
  const progress = { read: queued, queued, grown: 0, createdMs: AT_MS };
  return { id: `${kind}.1`, kind, ...PLACE, sinks: ["splunk"], from, to, cursor: to, ...progress };
}

/** Lets everything happen that can, with its beginning, its repetition and its end. */
export function letEverythingHappen(events: Events, clock: HandClock): void {
  const twice = (work: () => void) => {
    work();
    work();
    clock.advance(REMIND_MS);
    work();
  };
  life(events, twice);
  redis(events, twice);
  reading(events, twice);
  credentials(events, clock);
  delivering(events, twice, clock);
}

function life(events: Events, twice: (work: () => void) => void): void {
  events.daemonStarted({
    version: "1.0.0",
    tenants: 1,
    sinks: 1,
    http: "http://127.0.0.1:1",
    redis: "Redis",
  });
  events.configWarning("`poll.interval` is short.", 2);
  events.configReloaded({
    tenants: { added: ["a"], changed: [], removed: [] },
    sinks: { added: [], changed: ["b"], removed: [] },
  });
  events.configRejected(new Error("alertferry.yaml:3: unknown key"));
  events.httpFailed({ requestId: "r-1", path: "/api/status" }, new Error("Redis is away."));
  twice(() => events.httpGuessing("192.0.2.7"));
  events.daemonFailed(new Error("The port is taken."));
  events.daemonStopping("SIGTERM");
  events.daemonStopped(12);
  events.replicaLost("host/1/1", AT_MS, 1);
  events.replicaBack(2, 12_000);
  const step: Step = { what: "splunk", verdict: "failed", says: "No.", next: "", concerns: "provider" };
  for (const state of ["verifying", "verified", "failed", "refused"] as const) {
    events.onboardingChanged({
      ...{ tenant: "contoso", name: "Contoso Ltd", tenantId: "7d1b8c2e", flow: "f", draft: undefined },
      ...{ state, sinceMs: AT_MS, says: "No.", steps: [step] },
    });
  }
}

function redis(events: Events, twice: (work: () => void) => void): void {
  twice(() => events.redisTrouble(new Error("ECONNREFUSED")));
  events.redisTrouble(new Error("ECONNREFUSED"));
  events.redisRestarted("It ended with 137.");
  events.redisAnswers();
}

function reading(events: Events, twice: (work: () => void) => void): void {
  for (const error of [UNREACHABLE, THROTTLED, EXPIRED])
    twice(() => events.pollFailed(PLACE, error, 1, 1000));
  events.pollFailed(PLACE, EXPIRED, 1, 1000);
  events.pollCompleted(PLACE, aRound(3), 20);
  events.pollCompleted(PLACE, aRound(0), 20);
  twice(() => events.pollFailed(PLACE, EXPIRED_FOR_ALL, 1, 1000));
  events.pollFailed(PLACE, EXPIRED_FOR_ALL, 1, 1000);
  events.pollPaced(PLACE, 500);
  events.tenantSilence(PLACE, true, 7.2, AT_MS);
  events.tenantSilence(PLACE, false, 0, AT_MS);
  for (const reason of ["tenant-mismatch", "missing-id"]) {
    const letters = [aLetter({ reason, sink: "none" })];
    twice(() => events.windowRead(PLACE, { read: 1, fresh: 0, setAside: letters }));
  }
  events.tenantForgotten("contoso", AT_MS);
  twice(() => events.alertIncomplete(PLACE, "failed"));
  events.holeRecorded(PLACE, WINDOW, UNREACHABLE);
  events.windowDone(aWindow("hole", 1), 10, 0);
  twice(() => events.gapRecorded(PLACE, "splunk", WINDOW));
  events.windowDone(aWindow("gap", 5), 10, 0);
  events.windowDone(aWindow("backfill", 0), 10, 0);
  events.windowDone(aWindow("replay", 5), 10, 0);
  events.pollCompleted(PLACE, aRound(), 20);
}

function credentials(events: Events, clock: HandClock): void {
  events.credentialExpiring("3f0c4a57", "the client secret", 10, 3);
  events.credentialExpiring("3f0c4a57", "the client secret", -2, 3);
  clock.advance(REMIND_MS);
  events.credentialExpiring("3f0c4a57", "the client secret", 300, 3);
}

function delivering(events: Events, twice: (work: () => void) => void, clock: HandClock): void {
  const request = { alerts: 5, bytes: 900, shortened: 0, durationMs: 3 };
  twice(() => events.deliverRetrying("splunk", BUSY, 1, 100));
  events.deliverCompleted("splunk", request);
  twice(() => events.sinkOpened("splunk", BUSY, 100));
  events.sinkOpened("splunk", BUSY, 100);
  events.sinkClosed("splunk", 5000);
  twice(() => events.deliverHalved("splunk", REFUSED, 5));
  twice(() => events.deadLettered(aLetter()));
  twice(() => events.deadLettered(aLetter({ reason: "tenant-mismatch" })));
  events.deadLettersMany("splunk", 100);
  events.deadLettersRetried(2, "127.0.0.1");
  events.deadLettersTrimmed(3);
  events.deliverRestored("splunk", 2);
  events.deadLettersLeft(new Map());
  twice(() => events.deliverFailed("splunk", "b-1", new Error("The key is missing.")));
  events.deliverFailed("splunk", "b-1", new Error("The key is missing."));
  events.batchSettled("splunk", "b-1", "delivered");
  clock.advance(REMIND_MS);
}

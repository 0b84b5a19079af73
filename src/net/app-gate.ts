import { backoffMs } from "../model/backoff.ts";
import type { SourceError } from "../model/failure.ts";

/** The first pause between two probes of a refused credential, and the longest. */
const FIRST_PROBE_MS = 15_000;
const LONGEST_PROBE_MS = 300_000;

interface Refusal {
  readonly error: SourceError;
  readonly failures: number;
  readonly probeAtMs: number;
}

/** For each credential that Entra refuses: why, and when one of its tenants may ask again. */
export interface AppGate {
  /** @throws SourceError the refusal, unless it is the caller's turn to ask. */
  enter(credential: string, nowMs: number): void;
  /** The credential is refused, for all tenants. */
  refused(credential: string, error: SourceError, nowMs: number): void;
  /** It let somebody in. */
  accepted(credential: string): void;
}

/**
 * Keeps five hundred tenants from asking for what the first of them was refused: while a shared secret is expired one
 * tenant probes it now and then, the others are told what it was told. A credential that changes has another name, so
 * it is tried at once.
 */
export function createAppGate(): AppGate {
  const refusals = new Map<string, Refusal>();
  return {
    enter(credential, nowMs) {
      const refusal = refusals.get(credential);
      if (refusal === undefined) return;
      if (nowMs < refusal.probeAtMs) throw refusal.error;
      // The turn is taken: the next one waits, also while this one is on its way.
      refusals.set(credential, { ...refusal, probeAtMs: nowMs + pause(refusal.failures) });
    },
    refused(credential, error, nowMs) {
      const failures = (refusals.get(credential)?.failures ?? 0) + 1;
      refusals.set(credential, { error, failures, probeAtMs: nowMs + pause(failures) });
    },
    accepted: (credential) => void refusals.delete(credential),
  };
}

function pause(failures: number): number {
  return backoffMs(failures, FIRST_PROBE_MS, LONGEST_PROBE_MS, 1);
}

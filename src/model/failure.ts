import type { Diagnosis } from "./diagnosis.ts";

/**
 * Why a call to a source or a sink failed, and what follows. Verdicts, metrics, and the reference page are all
 * read from this table.
 *
 * `verdict` is what a sink's deliverer does:
 * - `retry`: the batch waits with full jitter and is sent again; after a few in a row the whole sink rests;
 * - `rest`: the whole sink rests for as long as it was told;
 * - `block`: the whole sink stops and is probed with growing pauses until a person has mended it;
 * - `isolate`: the batch is divided until the refused alert stands alone and becomes a dead letter.
 *
 * A source does the same with its own tenant only; it has nothing to isolate.
 */
export const FAILURES = {
  transient: { verdict: "retry", means: "The other side may accept the same request later." },
  throttled: { verdict: "rest", means: "The other side asked us to wait." },
  unauthorized: { verdict: "block", means: "The credentials are refused; a person must act." },
  misconfigured: {
    verdict: "block",
    means: "The address, table, index or TLS set-up is wrong; a person must act.",
  },
  rejected: { verdict: "isolate", means: "These alerts will never be accepted as they are." },
} as const;

export type FailureKind = keyof typeof FAILURES;

/** The code of a round that we ourselves cut off, before the source would have refused it. */
export const CALL_BUDGET = "call-budget";

interface FailureDetails {
  readonly cause?: unknown;
  /** Set when the other side named a delay. */
  readonly retryAfterMs?: number | undefined;
  /** HTTP status, when there was an answer. */
  readonly status?: number | undefined;
  /** The other side's own code: `TooManyRequests`, `AADSTS7000222`, HEC code `9`. */
  readonly code?: string | undefined;
  /** What support asks for: `request-id` of Graph, `error.target` of Defender. */
  readonly requestId?: string | undefined;
  /** What a refusal of Entra or a Defender API comes down to. */
  readonly diagnosis?: Diagnosis | undefined;
  /** The application whose own credential is refused, for all its tenants. */
  readonly app?: string | undefined;
}

/** What went wrong at the other side, in its own words. The message never holds a secret or an alert. */
abstract class PeerError extends Error {
  readonly kind: FailureKind;
  readonly retryAfterMs: number | undefined;
  readonly status: number | undefined;
  readonly code: string | undefined;
  readonly requestId: string | undefined;
  readonly diagnosis: Diagnosis | undefined;
  readonly app: string | undefined;

  constructor(kind: FailureKind, message: string, details: FailureDetails = {}) {
    super(message, { cause: details.cause });
    this.kind = kind;
    this.retryAfterMs = details.retryAfterMs;
    this.status = details.status;
    this.code = details.code;
    this.requestId = details.requestId;
    this.diagnosis = details.diagnosis;
    this.app = details.app;
  }
}

/** A source could not be read. */
export class SourceError extends PeerError {
  override readonly name = "SourceError";
}

/** A sink did not take a batch. */
export class DeliveryError extends PeerError {
  override readonly name = "DeliveryError";
  /** Index of the alert that the other side refused, when it named one. */
  readonly culprit: number | undefined;

  constructor(
    kind: FailureKind,
    message: string,
    details: FailureDetails & { readonly culprit?: number | undefined } = {},
  ) {
    super(kind, message, details);
    this.culprit = details.culprit;
  }
}

/** One mistake in the user's configuration, with its place. */
export interface ConfigProblem {
  readonly file: string;
  /** 1-based; undefined for what is missing altogether. */
  readonly line: number | undefined;
  /** `tenants[2].sources` */
  readonly path: string;
  readonly message: string;
}

/** The configuration cannot be used. Holds every mistake at once. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(describeProblem).join("\n"));
    this.problems = problems;
  }
}

/** `alertferry.yaml:12: tenants[0].tenantId: must be a GUID` */
export function describeProblem(problem: ConfigProblem): string {
  const place = problem.line === undefined ? problem.file : `${problem.file}:${problem.line}`;
  return problem.path === ""
    ? `${place}: ${problem.message}`
    : `${place}: ${problem.path}: ${problem.message}`;
}

/** Something outside our input keeps the program from starting: no Redis, a port in use. One clear sentence. */
export class StartupError extends Error {
  override readonly name = "StartupError";
}

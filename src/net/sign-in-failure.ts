import { DIAGNOSES } from "../model/diagnosis.ts";
import { SourceError } from "../model/failure.ts";
import { hide } from "../model/secrets.ts";
import { clientIdOf, secretsOf } from "./auth.ts";
import { classifyNoAnswer, classifyStatus, retryAfterMs } from "./classify.ts";
import { diagnoseSignIn } from "./diagnose.ts";
import { type HttpAnswer, NoAnswer } from "./http.ts";
import { credentialWords, type Identity } from "./identity.ts";

type Outcome = HttpAnswer | NoAnswer | undefined;

/** Why no token came, in Entra's own words. @param outcome how the last request ended, see `SignInTransport`. */
export function signInFailure(cause: unknown, identity: Identity, outcome: Outcome): SourceError {
  const told = hide(cause instanceof Error ? cause.message : "", secretsOf(identity.auth));
  const number = /AADSTS(\d+)/.exec(told)?.[1];
  if (number !== undefined) return refusal(number, told, identity, outcome);
  if (outcome === undefined) return unusable(cause, identity);
  const attempt = `Sign-in to tenant ${identity.tenantId}:`;
  if (outcome instanceof NoAnswer) {
    return new SourceError(classifyNoAnswer(outcome), `${attempt} ${outcome.message}`, {
      code: outcome.code,
      diagnosis: "unavailable",
    });
  }
  // A page of a gateway, or a 200 without a token.
  const { status } = outcome;
  const retryAfter = retryAfterMs(outcome.headers, Date.now());
  const kind = classifyStatus(status) ?? "transient";
  return new SourceError(
    kind === "transient" && retryAfter !== undefined
      ? "throttled"
      : kind === "rejected"
        ? "misconfigured"
        : kind,
    `${attempt} ${hostOf(identity)} answered ${status} with nothing that Entra would say.`,
    { status, code: String(status), retryAfterMs: retryAfter, diagnosis: "unavailable" },
  );
}

/** Entra's own no. */
function refusal(number: string, told: string, identity: Identity, outcome: Outcome): SourceError {
  // Only the first sentence: what follows are trace ids and times, which differ in every answer.
  const words = /AADSTS\d+: ([^\r\n]*?)(?: Trace ID:|[\r\n]|$)/.exec(told)?.[1] ?? "";
  const answer = outcome instanceof NoAnswer ? undefined : outcome;
  const diagnosis = diagnoseSignIn(Number(number));
  return new SourceError(
    DIAGNOSES[diagnosis].kind,
    `${hostOf(identity)} refused the sign-in to tenant ${identity.tenantId}: AADSTS${number}: ${words.slice(0, 300)}`,
    {
      code: `AADSTS${number}`,
      status: answer?.status,
      requestId: /Trace ID: ([0-9a-f-]+)/i.exec(told)?.[1],
      retryAfterMs: answer === undefined ? undefined : retryAfterMs(answer.headers, Date.now()),
      diagnosis,
      app: DIAGNOSES[diagnosis].scope === "app" ? appOf(identity) : undefined,
    },
  );
}

/** Nothing was asked of Entra: what we would have proved ourselves by is no good. */
function unusable(cause: unknown, identity: Identity): SourceError {
  const { auth, tenantId } = identity;
  const code =
    cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : undefined;
  const words = cause instanceof Error ? hide(cause.message, secretsOf(auth)).slice(0, 300) : "unknown";
  const why = code ?? words;
  return new SourceError(
    "misconfigured",
    `The ${credentialWords(auth)} for tenant ${tenantId} cannot be used (${why}).`,
    { code: code ?? "unusable-credential", diagnosis: "credential-missing", app: appOf(identity) },
  );
}

function appOf({ auth }: Identity): string {
  return clientIdOf(auth) ?? auth.type;
}

function hostOf({ authority }: Identity): string {
  return new URL(authority).host;
}

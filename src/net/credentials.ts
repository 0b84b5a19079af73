import { ClientCertificateCredential, ClientSecretCredential, type TokenCredential } from "@azure/identity";
import { type FailureKind, SourceError } from "../model/failure.ts";
import { classifyNoAnswer, classifyStatus, retryAfterMs } from "./classify.ts";
import { createHttpClient, type HttpAnswer, type HttpClient, NoAnswer } from "./http.ts";
import { createSignInTransport, type SignInTransport } from "./sign-in-transport.ts";

/** The only home of @azure/identity: who we are towards Entra, and the tokens we hold. */

type Auth =
  | { readonly type: "client-secret"; readonly clientId: string; readonly clientSecret: string }
  | { readonly type: "client-certificate"; readonly clientId: string; readonly certificateFile: string };

export interface Identity {
  readonly tenantId: string;
  readonly auth: Auth;
  /** `https://login.microsoftonline.com` */
  readonly authority: string;
  /** PEM text of authorities to trust, for private clouds. */
  readonly ca: string | undefined;
  readonly proxy: string | undefined;
}

/** A token is renewed this long before its end; the jitter keeps hundreds of tenants from renewing in one second. */
const RENEW_BEFORE_MS = 300_000;
const RENEW_JITTER_MS = 120_000;
/** For one request; a sign-in takes two. */
const SIGN_IN_TIMEOUT_MS = 30_000;
const MAX_ANSWER_BYTES = 1_000_000;
/** Connections to one sign-in host, shared by all tenants of a cloud. */
const CONNECTIONS = 16;

interface Held {
  readonly token: string;
  readonly renewAtMs: number;
}

/**
 * The tokens of one identity, one for each audience. Concurrent askers share one request. Entra answers a client
 * that asks again and again with AADSTS50196, so a token is kept until shortly before `expires_in` has passed.
 */
export class TokenCache {
  readonly #identity: Identity;
  readonly #timeoutMs: number;
  readonly #held = new Map<string, Held>();
  readonly #pending = new Map<string, Promise<string>>();

  constructor(identity: Identity, timeoutMs = SIGN_IN_TIMEOUT_MS) {
    this.#identity = identity;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * @param audience `https://graph.microsoft.com`
   * @throws SourceError with the AADSTS code and Entra's own first sentence.
   */
  async token(audience: string, signal: AbortSignal): Promise<string> {
    signal.throwIfAborted();
    const held = this.#held.get(audience);
    if (held !== undefined && Date.now() < held.renewAtMs) return held.token;
    return await untilAborted(this.#pending.get(audience) ?? this.#renew(audience), signal);
  }

  /** Forgets a token that an API has refused. */
  drop(audience: string, token: string): void {
    if (this.#held.get(audience)?.token === token) this.#held.delete(audience);
  }

  #renew(audience: string): Promise<string> {
    const pending = this.#request(audience).finally(() => this.#pending.delete(audience));
    this.#pending.set(audience, pending);
    return pending;
  }

  async #request(audience: string): Promise<string> {
    const transport = createSignInTransport(clientFor(this.#identity, this.#timeoutMs));
    try {
      // Made anew for each request: the SDK's own cache would give a refused token again, its memory is not needed
      // for the hour between, and a renewed certificate file is read.
      const credential = createCredential(this.#identity, transport);
      const answer = await credential.getToken(`${audience}/.default`);
      if (answer === null) throw new SourceError("unauthorized", "Entra gave no token.");
      const lifeMs = answer.expiresOnTimestamp - Date.now();
      const early = Math.min(RENEW_BEFORE_MS + Math.random() * RENEW_JITTER_MS, lifeMs / 2);
      this.#held.set(audience, { token: answer.token, renewAtMs: answer.expiresOnTimestamp - early });
      return answer.token;
    } catch (cause) {
      throw cause instanceof SourceError ? cause : signInError(cause, this.#identity, transport.outcome());
    }
  }
}

/** Tenants sign in once an hour, so they share the few connections that their sign-in host needs. */
const clients = new Map<string, HttpClient>();

function clientFor({ ca, proxy }: Identity, timeoutMs: number): HttpClient {
  const key = JSON.stringify([ca, proxy, timeoutMs]);
  const known = clients.get(key);
  if (known !== undefined) return known;
  const client = createHttpClient({
    timeoutMs,
    ca,
    proxy,
    maxAnswerBytes: MAX_ANSWER_BYTES,
    connections: CONNECTIONS,
  });
  clients.set(key, client);
  return client;
}

function createCredential(
  { auth, tenantId, authority }: Identity,
  transport: SignInTransport,
): TokenCredential {
  const options = {
    authorityHost: authority,
    httpClient: transport.client,
    // Only Microsoft's public clouds are known to the discovery service, and asking it costs a request a tenant.
    disableInstanceDiscovery: true,
    // Waiting and trying again is decided in one place, not here.
    retryOptions: { maxRetries: 0 },
    // A credential goes to no other address than the one that is configured.
    redirectOptions: { maxRetries: 0 },
  };
  return auth.type === "client-secret"
    ? new ClientSecretCredential(tenantId, auth.clientId, auth.clientSecret, options)
    : new ClientCertificateCredential(
        tenantId,
        auth.clientId,
        { certificatePath: auth.certificateFile },
        options,
      );
}

/** Entra's numbers that pass by themselves; any other refusal needs a person. learn.microsoft.com, AADSTS error codes. */
const AADSTS: Readonly<Record<string, FailureKind>> = {
  "90055": "throttled",
  "50196": "throttled",
  "90033": "transient",
  "90006": "transient",
  "90012": "transient",
  "90024": "transient",
  "50033": "transient",
  "90002": "misconfigured",
  "900023": "misconfigured",
  "500011": "misconfigured",
  "70011": "misconfigured",
  "90038": "misconfigured",
  "900382": "misconfigured",
  "900432": "misconfigured",
};

/** @param outcome how the last request ended, see `SignInTransport`. */
function signInError(
  cause: unknown,
  identity: Identity,
  outcome: HttpAnswer | NoAnswer | undefined,
): SourceError {
  const told = cause instanceof Error ? cause.message : "";
  const number = /AADSTS(\d+)/.exec(told)?.[1];
  if (number !== undefined) return refusal(number, told, identity, outcome);
  if (outcome === undefined) return unusable(cause, identity);
  const attempt = `Sign-in to tenant ${identity.tenantId}:`;
  if (outcome instanceof NoAnswer) {
    return new SourceError(classifyNoAnswer(outcome), `${attempt} ${outcome.message}`, {
      code: outcome.code,
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
    { status, code: String(status), retryAfterMs: retryAfter },
  );
}

/** Entra's own no. */
function refusal(
  number: string,
  told: string,
  identity: Identity,
  outcome: HttpAnswer | NoAnswer | undefined,
): SourceError {
  // Only the first sentence: what follows are trace ids and times, which differ in every answer.
  const words = /AADSTS\d+: ([^\r\n]*?)(?: Trace ID:|[\r\n]|$)/.exec(told)?.[1] ?? "";
  const answer = outcome instanceof NoAnswer ? undefined : outcome;
  return new SourceError(
    AADSTS[number] ?? "unauthorized",
    `${hostOf(identity)} refused the sign-in to tenant ${identity.tenantId}: AADSTS${number}: ${words.slice(0, 300)}`,
    {
      code: `AADSTS${number}`,
      status: answer?.status,
      requestId: /Trace ID: ([0-9a-f-]+)/i.exec(told)?.[1],
      retryAfterMs: answer === undefined ? undefined : retryAfterMs(answer.headers, Date.now()),
    },
  );
}

/** Nothing was asked of Entra: what we would have proved ourselves by is no good. */
function unusable(cause: unknown, { auth, tenantId }: Identity): SourceError {
  const what = auth.type === "client-certificate" ? `certificate ${auth.certificateFile}` : "client secret";
  const code =
    cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : undefined;
  const why = code ?? (cause instanceof Error ? cause.message.slice(0, 300) : "unknown");
  return new SourceError("misconfigured", `The ${what} for tenant ${tenantId} cannot be used (${why}).`, {
    code: code ?? "unusable-credential",
  });
}

function hostOf({ authority }: Identity): string {
  return new URL(authority).host;
}

/** Other askers may wait for the same work, so one of them giving up does not stop it. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return await new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

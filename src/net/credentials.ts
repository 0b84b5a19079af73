import { ClientCertificateCredential, ClientSecretCredential, type TokenCredential } from "@azure/identity";
import { type FailureKind, SourceError } from "../model/failure.ts";
import { classifyNoAnswer } from "./classify.ts";
import { NoAnswer, proxyFrom } from "./http.ts";

/** The only home of @azure/identity: who we are towards Entra, and the tokens we hold. */

export type Auth =
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
const SIGN_IN_TIMEOUT_MS = 30_000;

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
  readonly #held = new Map<string, Held>();
  readonly #pending = new Map<string, Promise<string>>();

  constructor(identity: Identity) {
    this.#identity = identity;
  }

  /**
   * @param audience `https://graph.microsoft.com`
   * @throws SourceError with the AADSTS code and Entra's own first sentence.
   */
  async token(audience: string, signal: AbortSignal): Promise<string> {
    signal.throwIfAborted();
    const held = this.#held.get(audience);
    if (held !== undefined && Date.now() < held.renewAtMs) return held.token;
    const pending = this.#pending.get(audience) ?? this.#request(audience);
    this.#pending.set(audience, pending);
    return await untilAborted(pending, signal);
  }

  /** Forgets a token that an API has refused. */
  drop(audience: string, token: string): void {
    if (this.#held.get(audience)?.token === token) this.#held.delete(audience);
  }

  async #request(audience: string): Promise<string> {
    try {
      // Made anew for each request: the SDK's own cache would give a refused token again, its memory is not needed
      // for the hour between, and a renewed certificate file is read.
      const credential = createCredential(this.#identity);
      const answer = await credential.getToken(`${audience}/.default`, {
        abortSignal: AbortSignal.timeout(SIGN_IN_TIMEOUT_MS),
      });
      if (answer === null) throw new SourceError("unauthorized", "Entra gave no token.");
      const lifeMs = answer.expiresOnTimestamp - Date.now();
      const early = Math.min(RENEW_BEFORE_MS + Math.random() * RENEW_JITTER_MS, lifeMs / 2);
      this.#held.set(audience, { token: answer.token, renewAtMs: answer.expiresOnTimestamp - early });
      return answer.token;
    } catch (cause) {
      throw cause instanceof SourceError ? cause : signInError(cause, this.#identity);
    } finally {
      this.#pending.delete(audience);
    }
  }
}

/**
 * The SDK keeps connections for each settings object it has met, so all tenants of a cloud must share one; else
 * each of them holds a TLS connection of its own.
 */
const trustSettings = new Map<string, { readonly ca: string }>();

function trusting(ca: string): { ca: string } {
  const settings = trustSettings.get(ca) ?? { ca };
  trustSettings.set(ca, settings);
  return settings;
}

function createCredential(identity: Identity): TokenCredential {
  const { auth, tenantId, proxy } = identity;
  const parts = proxy === undefined ? undefined : proxyFrom(proxy);
  const options = {
    authorityHost: identity.authority,
    // Only Microsoft's public clouds are known to the discovery service, and asking it costs a request a tenant.
    disableInstanceDiscovery: true,
    // Waiting and trying again is decided in one place, not here.
    retryOptions: { maxRetries: 0 },
    ...(identity.ca === undefined ? {} : { tlsOptions: trusting(identity.ca) }),
    ...(parts === undefined
      ? {}
      : { proxyOptions: { host: `${parts.protocol}://${parts.host}`, port: parts.port, ...parts.auth } }),
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

function signInError(cause: unknown, identity: Identity): SourceError {
  const told = cause instanceof Error ? cause.message : "";
  const number = /AADSTS(\d+)/.exec(told)?.[1];
  const host = new URL(identity.authority).host;
  if (number !== undefined) {
    // Only the first sentence: what follows are trace ids and times, which differ in every answer.
    const words = /AADSTS\d+: ([^\r\n]*?)(?: Trace ID:|[\r\n]|$)/.exec(told)?.[1] ?? "";
    const requestId = /Trace ID: ([0-9a-f-]+)/i.exec(told)?.[1];
    return new SourceError(
      AADSTS[number] ?? "unauthorized",
      `${host} refused the sign-in to tenant ${identity.tenantId}: AADSTS${number}: ${words.slice(0, 300)}`,
      { code: `AADSTS${number}`, requestId },
    );
  }
  const code = errorCode(cause);
  if (code === "ENOENT" || code === "EACCES" || /certificate|PEM/i.test(told)) {
    return new SourceError(
      "misconfigured",
      `The certificate for tenant ${identity.tenantId} cannot be used (${code}).`,
      {
        code,
      },
    );
  }
  const kind = classifyNoAnswer(new NoAnswer(code, ""));
  return new SourceError(kind, `Sign-in to tenant ${identity.tenantId} at ${host} got no answer (${code}).`, {
    code,
  });
}

/** The SDK wraps the socket's error several times over. */
function errorCode(cause: unknown): string {
  const seen = new Set<unknown>();
  let best = "unknown";
  for (let at: unknown = cause; at instanceof Error && !seen.has(at); at = at.cause) {
    seen.add(at);
    if ("code" in at && typeof at.code === "string") best = at.code;
    else if (best === "unknown")
      best = /\b(E[A-Z]{4,}|[A-Z]+(?:_[A-Z]+){2,})\b/.exec(at.message)?.[1] ?? at.name;
  }
  return best;
}

/** Other askers may wait for the same work, so one of them giving up does not stop it. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return await new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

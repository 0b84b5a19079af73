import { SourceError } from "../model/failure.ts";
import { type AppGate, createAppGate } from "./app-gate.ts";
import { createHttpClient, type HttpClient } from "./http.ts";
import { createCredential, credentialOf, type Identity } from "./identity.ts";
import { signInFailure } from "./sign-in-failure.ts";
import { createSignInTransport } from "./sign-in-transport.ts";

/** The tokens we hold. */

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
  readonly #gate: AppGate;
  readonly #held = new Map<string, Held>();
  readonly #pending = new Map<string, Promise<string>>();

  /** @param gate shared by the identities that may share an application. */
  constructor(identity: Identity, gate = createAppGate(), timeoutMs = SIGN_IN_TIMEOUT_MS) {
    this.#identity = identity;
    this.#gate = gate;
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
    const credentialName = credentialOf(this.#identity);
    this.#gate.enter(credentialName, Date.now());
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
      this.#gate.accepted(credentialName);
      return answer.token;
    } catch (cause) {
      const error =
        cause instanceof SourceError ? cause : signInFailure(cause, this.#identity, transport.outcome());
      if (error.app !== undefined) this.#gate.refused(credentialName, error, Date.now());
      throw error;
    }
  }
}

/** Tenants sign in once an hour, so they share the few connections that their sign-in host needs. */
const clients = new Map<string, HttpClient>();

function clientFor({ auth, ca, proxy: wanted }: Identity, timeoutMs: number): HttpClient {
  // The metadata endpoint of a managed identity is the machine's own; no proxy reaches it.
  const proxy = auth.type === "managed-identity" ? undefined : wanted;
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

/** Other askers may wait for the same work, so one of them giving up does not stop it. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return await new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

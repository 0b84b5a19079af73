import type { ClientSecretCredentialOptions } from "@azure/identity";
import { type HttpAnswer, type HttpClient, NoAnswer } from "./http.ts";

/**
 * Has the Azure SDK send its requests through our own client. The SDK's own one knows no time limit (its
 * `abortSignal` reaches no request of a client credential), and turns every network error into one and the same
 * sentence.
 */

type SdkClient = NonNullable<ClientSecretCredentialOptions["httpClient"]>;
type SdkResponse = Awaited<ReturnType<SdkClient["sendRequest"]>>;

export interface SignInTransport {
  readonly client: SdkClient;
  /** How the last request ended; undefined when no token has been asked for: what is wrong then is on our side. */
  outcome(): HttpAnswer | NoAnswer | undefined;
}

export function createSignInTransport(http: HttpClient): SignInTransport {
  let outcome: HttpAnswer | NoAnswer | undefined;
  return {
    outcome: () => outcome,
    client: {
      async sendRequest(request) {
        const method = request.method === "POST" ? "POST" : "GET";
        outcome = undefined;
        try {
          const answer = await http.send({
            method,
            url: request.url,
            headers: request.headers.toJSON(),
            body: typeof request.body === "string" ? request.body : undefined,
            signal: new AbortController().signal,
          });
          // The SDK first asks where tokens are given; that answer is not yet one to our question.
          if (method === "POST" || answer.status >= 300) outcome = answer;
          return {
            request,
            status: answer.status,
            headers: headersOf(answer),
            bodyAsText: String(answer.body),
          };
        } catch (cause) {
          if (cause instanceof NoAnswer) outcome = cause;
          throw cause;
        }
      },
    },
  };
}

function headersOf(answer: HttpAnswer): SdkResponse["headers"] {
  const headers = new Map<string, string>();
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value !== undefined) headers.set(name, value);
  }
  return {
    get: (name) => headers.get(name.toLowerCase()),
    has: (name) => headers.has(name.toLowerCase()),
    set: (name, value) => void headers.set(name.toLowerCase(), String(value)),
    delete: (name) => void headers.delete(name.toLowerCase()),
    toJSON: () => Object.fromEntries(headers),
    [Symbol.iterator]: () => headers.entries(),
  };
}

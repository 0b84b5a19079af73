import { randomUUID } from "node:crypto";
import { isObject } from "../model/alert.ts";
import { type FailureKind, SourceError } from "../model/failure.ts";
import { hide } from "../model/secrets.ts";
import { classifyNoAnswer, classifyStatus, retryAfterMs } from "./classify.ts";
import type { TokenCache } from "./credentials.ts";
import { diagnoseAnswer } from "./diagnose.ts";
import { type HttpAnswer, type HttpClient, NoAnswer } from "./http.ts";
import type { Visit } from "./room.ts";
import { grantOf, type TokenGrant } from "./token-grant.ts";

/** One Defender API of one cloud, as one tenant sees it. */
export interface Api {
  /** `https://graph.microsoft.com` */
  readonly origin: string;
  /**
   * Gets a path of this API, or an absolute link that the API itself gave.
   *
   * @param visit of whoever asks for pages, which are large: it gives back the memory of the body.
   * @returns the body of a 200.
   * @throws SourceError for everything else, in the API's own words.
   */
  get(
    pathOrLink: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
    visit?: Visit,
  ): Promise<Buffer>;
  /** Signs in and looks what the token grants. @throws SourceError */
  grant(signal: AbortSignal): Promise<TokenGrant>;
}

interface ApiSettings {
  readonly origin: string;
  readonly audience: string;
  /** Hosts, besides the origin's, that a next link may name. */
  readonly linkHosts: readonly string[];
  /** Asked before each call; throws a SourceError where one more would be too many. Absent: none is too many. */
  readonly pace?: (() => Promise<void>) | undefined;
}

export function createApi(settings: ApiSettings, http: HttpClient, tokens: TokenCache): Api {
  async function send(
    url: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
    visit: Visit | undefined,
  ) {
    const token = await tokens.token(settings.audience, signal);
    await settings.pace?.();
    try {
      const answer = await http.send({
        method: "GET",
        url,
        headers: {
          accept: "application/json",
          "accept-encoding": "gzip, deflate",
          authorization: `Bearer ${token}`,
          "client-request-id": randomUUID(),
          ...headers,
        },
        signal,
        visit,
      });
      return { token, answer };
    } catch (cause) {
      if (!(cause instanceof NoAnswer)) throw cause;
      throw new SourceError(classifyNoAnswer(cause), cause.message, {
        code: cause.code,
        diagnosis: "unavailable",
      });
    }
  }

  return {
    origin: settings.origin,
    grant: async (signal) => grantOf(await tokens.token(settings.audience, signal)),
    async get(pathOrLink, headers, signal, visit) {
      const url = resolve(settings, pathOrLink);
      let { token, answer } = await send(url, headers, signal, visit);
      if (answer.status === 401) {
        // The token may have ended early or been revoked: one new one, one more try, then it is a refusal.
        tokens.drop(settings.audience, token);
        ({ token, answer } = await send(url, headers, signal, visit));
      }
      if (answer.status === 200) return answer.body;
      // What we may do stands in the token: after a consent only a new one shows it.
      if (answer.status === 403) tokens.drop(settings.audience, token);
      throw refusal(answer, new URL(url).host, token);
    },
  };
}

/**
 * The token goes to no other host than the API's own: a next link is foreign data. An allowed other name of the
 * host (the Defender API still signs links with its old one) is asked at the origin.
 */
function resolve(settings: ApiSettings, pathOrLink: string): string {
  if (pathOrLink.startsWith("/")) return `${settings.origin}${pathOrLink}`;
  const link = URL.canParse(pathOrLink) ? new URL(pathOrLink) : undefined;
  if (link === undefined || (link.origin !== settings.origin && !settings.linkHosts.includes(link.host))) {
    throw new SourceError(
      "transient",
      `${settings.origin} gave a next link to another host; it is not followed.`,
      {
        code: "foreign-next-link",
      },
    );
  }
  return `${settings.origin}${link.pathname}${link.search}`;
}

/** @param token that was sent: an answer may quote it. */
function refusal(answer: HttpAnswer, host: string, token: string): SourceError {
  const { status, headers } = answer;
  const error = errorBody(hide(String(answer.body), [token]));
  const inner = error?.["innerError"];
  const code = typeof error?.["code"] === "string" && error["code"] !== "" ? error["code"] : undefined;
  const message = typeof error?.["message"] === "string" ? error["message"].slice(0, 300) : "";
  const target = typeof error?.["target"] === "string" ? error["target"] : undefined;
  const innerId =
    isObject(inner) && typeof inner["request-id"] === "string" ? inner["request-id"] : undefined;
  const retryAfter = retryAfterMs(headers, Date.now());
  return new SourceError(
    kindOf(status, retryAfter),
    `${host} answered ${status}${code === undefined ? "" : ` ${code}`}${message === "" ? "" : `: ${message}`}`,
    {
      status,
      code: code ?? String(status),
      retryAfterMs: retryAfter,
      requestId: headers["request-id"] ?? innerId ?? target,
      diagnosis: diagnoseAnswer(status, message),
    },
  );
}

function kindOf(status: number, retryAfter: number | undefined): FailureKind {
  const kind = classifyStatus(status) ?? "transient";
  // A source has nothing to isolate; and whoever names a delay is to be waited for.
  if (kind === "rejected") return "misconfigured";
  return kind === "transient" && retryAfter !== undefined ? "throttled" : kind;
}

function errorBody(text: string) {
  try {
    const body: unknown = JSON.parse(text);
    const error = isObject(body) ? body["error"] : undefined;
    return isObject(error) ? error : undefined;
  } catch {
    return undefined;
  }
}

import { createHash, createHmac, randomBytes, scrypt as scryptCallback, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { promisify } from "node:util";
import { createRate } from "./rates.ts";

const scrypt = promisify<string, string, number, Buffer>(scryptCallback);

/** A shift and its hand-over. */
const SESSION_MS = 12 * 3_600_000;
const COOKIE = "alertferry_session";
/** Wrong tokens of one client: ten at once, then one in so many seconds. */
export const GUESS_EVERY_S = 6;
const GUESSES = { perSecond: 1 / GUESS_EVERY_S, burst: 10 };

/** How an asker is known. `unasked`: no token is set. `held-back`: too many wrong tokens came from there. */
export type Standing = "token" | "session" | "unasked" | "unknown" | "held-back";

const STANDINGS = { right: "token", wrong: "unknown", "held-back": "held-back" } as const;

export interface Access {
  /** Who asks. @param client as `clientOf` names it. */
  judge(headers: IncomingHttpHeaders, client: string): Promise<Standing>;
  /** `held-back`: not even looked at. */
  tryToken(text: string, client: string): "right" | "wrong" | "held-back";
  /** The cookie of a new session. */
  openSession(headers: IncomingHttpHeaders): Promise<string>;
  /** The cookie that ends it. */
  endSession(): string;
}

/**
 * Who may look. Sessions are signed and kept nowhere, so that they hold in all replicas and over a restart; another
 * token ends them all. The key is made slowly, so that who finds a cookie cannot try tokens against it.
 *
 * @param onGuessing called when too many wrong tokens have come from a client.
 */
export function createAccess(
  token: string | undefined,
  onGuessing: (client: string) => void,
  nowMs: () => number,
): Access {
  const guesses = createRate(GUESSES, nowMs);
  let key: Promise<Buffer> | undefined;

  async function sign(claims: string): Promise<string> {
    key ??= scrypt(token ?? "", "alertferry session", 32);
    return createHmac("sha256", await key)
      .update(claims)
      .digest("base64url");
  }

  async function isSession(text: string): Promise<boolean> {
    const [, claims = "", expires = "", signature = ""] =
      /^((\d{13})\.[\w-]{22})\.([\w-]{43})$/.exec(text) ?? [];
    // Looked at first, so that no key is made for what cannot be one.
    return Number(expires) > nowMs() && isSame(signature, await sign(claims));
  }

  function tryToken(text: string, client: string): "right" | "wrong" | "held-back" {
    if (token === undefined || guesses.wait(client) > 0) return "held-back";
    if (isSame(text, token)) return "right";
    guesses.take(client);
    if (guesses.wait(client) > 0) onGuessing(client);
    return "wrong";
  }

  return {
    tryToken,

    async judge(headers, client) {
      if (token === undefined) return isLoopbackName(headers.host) ? "unasked" : "unknown";
      const bearer = /^bearer +(.*)$/i.exec(headers.authorization ?? "")?.[1];
      if (bearer !== undefined) return STANDINGS[tryToken(bearer, client)];
      return (await isSession(cookieOf(headers.cookie))) ? "session" : "unknown";
    },

    async openSession(headers) {
      const claims = `${nowMs() + SESSION_MS}.${randomBytes(16).toString("base64url")}`;
      // Whoever says falsely that it came by TLS only keeps its own cookie from itself.
      const secure = headers["x-forwarded-proto"] === "https" || headers.origin?.startsWith("https:");
      const session = `${claims}.${await sign(claims)}`;
      return cookie(session, SESSION_MS / 1000) + (secure ? "; Secure" : "");
    },

    endSession: () => cookie("", 0),
  };
}

function cookie(value: string, maxAgeSeconds: number): string {
  return `${COOKIE}=${value}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Strict`;
}

function cookieOf(header = ""): string {
  const pairs = header.split(";").map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1) ?? "";
}

/** Compares digests, so that neither length nor content shows in the time it takes. */
function isSame(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}

/**
 * Without a token whoever reaches us is trusted, and only this machine does. But a page from anywhere in a browser here
 * could make its own name lead to us; that name then stands in `host`.
 */
function isLoopbackName(host: string | undefined): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i.test(host ?? "");
}

/**
 * Whether a request that changes something comes from a page of ours. Browsers say so: `sec-fetch-site` where the
 * connection is secure or local, `origin` always (fetch.spec.whatwg.org, Origin header).
 */
export function isFromOwnPage(headers: IncomingHttpHeaders): boolean {
  const site = headers["sec-fetch-site"];
  if (site !== undefined) return site === "same-origin";
  const { origin, host } = headers;
  return origin !== undefined && URL.canParse(origin) && new URL(origin).host === host;
}

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { isObject } from "../model/alert.ts";

/** What an access token of the simulated world says. */
export interface Claims {
  /** The directory's GUID. */
  readonly tid: string;
  /** The resource, as it was asked for. */
  readonly aud: string;
  readonly appid: string;
  readonly roles: readonly string[];
  /** Seconds since the epoch, with a fraction. */
  readonly iat: number;
  readonly exp: number;
}

/** Issues access tokens and recognises them again; nobody else can. */
export interface TokenMint {
  issue(claims: Omit<Claims, "iat">): string;
  /** Undefined for any text that this mint has not issued. Says nothing about the time. */
  read(token: string): Claims | undefined;
}

export function createTokenMint(): TokenMint {
  const key = randomBytes(32);
  const seal = (content: string): Buffer => createHmac("sha256", key).update(content).digest();
  const header = encode({ typ: "JWT", alg: "HS256" });
  return {
    issue: (claims) => {
      const now = Date.now() / 1000;
      const payload = encode({
        ...claims,
        iss: `https://sts.windows.net/${claims.tid}/`,
        iat: now,
        nbf: Math.floor(now),
        ver: "1.0",
      });
      return `${header}.${payload}.${seal(`${header}.${payload}`).toString("base64url")}`;
    },
    read: (token) => {
      const [head = "", payload = "", signature = ""] = token.split(".");
      const wanted = seal(`${head}.${payload}`);
      const given = Buffer.from(signature, "base64url");
      if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return undefined;
      const claims: unknown = JSON.parse(Buffer.from(payload, "base64url").toString());
      return isObject(claims) ? (claims as unknown as Claims) : undefined;
    },
  };
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

import { createHmac, timingSafeEqual } from "node:crypto";
import { isObject } from "../model/alert.ts";

/** What we give away and want back unchanged: in a consent link, and in the address of its page. */
interface Claims {
  /** A `consent` is good for one answer; a `view` shows a page as often as it is asked for. */
  readonly purpose: "consent" | "view";
  /** The short name of the tenant. */
  readonly tenant: string;
  readonly nonce: string;
  readonly expiresMs: number;
}

/** `<claims>.<signature>`, both base64url; the signature is HMAC-SHA-256 (RFC 2104). */
export function signState(claims: Claims, key: Buffer): string {
  const text = Buffer.from(JSON.stringify(claims)).toString("base64url");
  return `${text}.${signature(text, key).toString("base64url")}`;
}

/** The claims; or what is wrong with the text. Nothing in it is looked at before the signature is found right. */
export function readState(
  state: string,
  purpose: Claims["purpose"],
  key: Buffer,
  nowMs: number,
): Claims | "forged" | "expired" {
  const [text = "", given = "", ...more] = state.split(".");
  const wanted = signature(text, key);
  const bytes = Buffer.from(given, "base64url");
  // Compared as text too: base64url knows several spellings of the same bytes.
  const isOurs =
    more.length === 0 &&
    bytes.length === wanted.length &&
    timingSafeEqual(bytes, wanted) &&
    wanted.toString("base64url") === given;
  const claims: unknown = isOurs ? JSON.parse(Buffer.from(text, "base64url").toString()) : undefined;
  if (!isObject(claims) || claims["purpose"] !== purpose) return "forged";
  const ours = claims as unknown as Claims;
  return ours.expiresMs <= nowMs ? "expired" : ours;
}

function signature(text: string, key: Buffer): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

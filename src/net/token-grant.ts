import { isObject } from "../model/alert.ts";

/** What a token says of itself. Both are undefined where it cannot be looked into. */
export interface TokenGrant {
  readonly tenantId: string | undefined;
  /** Application roles; a token without any can be issued. */
  readonly roles: readonly string[] | undefined;
}

/**
 * Looks into a token, for a diagnosis only: its form belongs to the API and may change or be encrypted
 * (learn.microsoft.com/entra/identity-platform/access-tokens), so nothing is allowed or refused by it.
 */
export function grantOf(token: string): TokenGrant {
  const claims = claimsOf(token.split(".")[1] ?? "");
  const { tid, roles } = claims ?? {};
  if (claims === undefined) return { tenantId: undefined, roles: undefined };
  return {
    tenantId: typeof tid === "string" ? tid : undefined,
    roles: Array.isArray(roles) ? roles.filter((role) => typeof role === "string") : [],
  };
}

function claimsOf(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(part, "base64url").toString());
    return isObject(claims) ? claims : undefined;
  } catch {
    return undefined;
  }
}

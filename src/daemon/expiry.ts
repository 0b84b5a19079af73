import type { ResolvedTenant } from "../config/tenant-schema.ts";
import { clientIdOf } from "../net/auth.ts";
import { credentialExpiry, credentialWords } from "../net/identity.ts";
import type { CredentialStatus } from "../pipeline/snapshot.ts";
import type { Events } from "../telemetry/events.ts";

const EVERY_MS = 3_600_000;
const DAY_MS = 86_400_000;

type Tenants = readonly Pick<ResolvedTenant, "id" | "auth">[];

/** A credential that ends, with the tenants that share it. */
interface Ending {
  readonly auth: ResolvedTenant["auth"];
  readonly endMs: number;
  readonly tenants: readonly string[];
}

function endingsOf(tenants: Tenants): Ending[] {
  const shared = new Map<string, { readonly auth: ResolvedTenant["auth"]; readonly tenants: string[] }>();
  for (const { id, auth } of tenants) {
    const key = JSON.stringify(auth);
    const known = shared.get(key) ?? { auth, tenants: [] };
    known.tenants.push(id);
    shared.set(key, known);
  }
  return [...shared.values()].flatMap(({ auth, tenants: ids }) => {
    const endMs = credentialExpiry(auth);
    return endMs === undefined ? [] : [{ auth, endMs, tenants: ids }];
  });
}

/** Every credential whose end is known, the first to end first. */
export function credentialsOf(tenants: Tenants): CredentialStatus[] {
  return endingsOf(tenants)
    .sort((a, b) => a.endMs - b.endMs)
    .map(({ auth, endMs, tenants: ids }) => ({
      credential: credentialWords(auth),
      expires: new Date(endMs).toISOString(),
      tenants: ids,
    }));
}

/** Likewise, looked up anew every hour only: certificates are files. */
export function rememberCredentials(
  tenants: Tenants,
  nowMs: () => number = Date.now,
): () => readonly CredentialStatus[] {
  let known: readonly CredentialStatus[] = [];
  let lookedMs = Number.NEGATIVE_INFINITY;
  return () => {
    if (nowMs() - lookedMs < EVERY_MS) return known;
    lookedMs = nowMs();
    known = credentialsOf(tenants);
    return known;
  };
}

/** Looks at once and every hour when the credentials end, and warns of each once, however many tenants share it. */
export function watchExpiry(
  tenants: Tenants,
  events: Events,
  nowMs: () => number = Date.now,
): { stop(): void } {
  function look(): void {
    events.credentialsUnknown();
    for (const { auth, endMs, tenants: ids } of endingsOf(tenants)) {
      for (const id of ids) events.credentialExpires(id, endMs);
      const days = Math.floor((endMs - nowMs()) / DAY_MS);
      events.credentialExpiring(clientIdOf(auth) ?? auth.type, credentialWords(auth), days, ids.length);
    }
  }
  look();
  const timer = setInterval(look, EVERY_MS);
  return { stop: () => clearInterval(timer) };
}

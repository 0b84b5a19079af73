import type { ResolvedTenant } from "../config/tenant-schema.ts";
import { clientIdOf } from "../net/auth.ts";
import { credentialExpiry, credentialWords } from "../net/identity.ts";
import type { Events } from "../telemetry/events.ts";

const EVERY_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** Looks at once and every hour when the credentials end, and warns of each once, however many tenants share it. */
export function watchExpiry(
  tenants: readonly ResolvedTenant[],
  events: Events,
  nowMs: () => number = Date.now,
): { stop(): void } {
  function look(): void {
    events.credentialsUnknown();
    const shared = new Map<string, { readonly auth: ResolvedTenant["auth"]; readonly tenants: string[] }>();
    for (const { id, auth } of tenants) {
      const key = JSON.stringify(auth);
      const known = shared.get(key) ?? { auth, tenants: [] };
      known.tenants.push(id);
      shared.set(key, known);
    }
    for (const { auth, tenants: ids } of shared.values()) {
      const endMs = credentialExpiry(auth);
      if (endMs === undefined) continue;
      for (const id of ids) events.credentialExpires(id, endMs);
      const days = Math.floor((endMs - nowMs()) / DAY_MS);
      events.credentialExpiring(clientIdOf(auth) ?? auth.type, credentialWords(auth), days, ids.length);
    }
  }
  look();
  const timer = setInterval(look, EVERY_MS);
  return { stop: () => clearInterval(timer) };
}

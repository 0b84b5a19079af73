import { type Config, createSink } from "../config/schema.ts";
import type { ResolvedTenant } from "../config/tenant-schema.ts";
import { DIAGNOSES, type Diagnosis } from "../model/diagnosis.ts";
import { DeliveryError, SourceError } from "../model/failure.ts";
import type { Step } from "../model/onboarding.ts";
import type { TokenGrant } from "../net/token-grant.ts";
import { definitionOf } from "../sources/index.ts";
import { API_NAMES, type ApiName, type TenantAccess } from "../sources/source.ts";
import { canaryOf } from "./canary.ts";
import { apisOf, rolesFor } from "./consent-link.ts";

/** What a consent that has not spread yet looks like. */
const SPREADING: readonly Diagnosis[] = ["app-not-in-tenant", "consent-missing", "role-missing"];
/** Its receiver is the terminal, where other things are printed. */
const NEVER_TESTED = "stdout";

export interface Verifier {
  readonly tenant: ResolvedTenant;
  readonly access: TenantAccess;
  readonly sinks: Config["sinks"];
  /** Whether receivers get a test alert; otherwise they are only probed. */
  readonly canary: boolean;
  readonly nowMs: number;
}

/**
 * Goes the whole way of the tenant's alerts once: a token for exactly this tenant, the roles in it, the first page of
 * each source, a test alert through each sink. A step that stands on a failed one is left out. Never throws.
 */
export async function verifyTenant(verifier: Verifier, signal: AbortSignal): Promise<Step[]> {
  const perApi = await Promise.all(apisOf(verifier.tenant).map((api) => verifyApi(verifier, api, signal)));
  const steps = perApi.flat();
  if (!steps.every(isPassed)) return steps;
  const sinks = verifier.tenant.sinks.map((name) => verifySink(verifier, name, signal));
  return [...steps, ...(await Promise.all(sinks))];
}

export function isPassed({ verdict }: Step): boolean {
  return verdict === "ok" || verdict === "warning";
}

async function verifyApi(verifier: Verifier, api: ApiName, signal: AbortSignal): Promise<Step[]> {
  const { tenant, access } = verifier;
  const signIn = `sign-in to ${API_NAMES[api]}`;
  let grant: TokenGrant;
  try {
    grant = await access[api].grant(signal);
  } catch (cause) {
    return [failed(signIn, cause)];
  }
  if (grant.tenantId !== undefined && grant.tenantId.toLowerCase() !== tenant.tenantId) {
    const says = "The token is for another directory than the one that was asked for.";
    return [{ ...step(signIn, says), verdict: "failed", next: "Check `auth` and `clouds`." }];
  }
  const roles = verifyRoles(api, rolesFor(tenant, api), grant.roles);
  const steps = [step(signIn, "A token for exactly this directory was given."), roles];
  if (!isPassed(roles)) return steps;
  const sources = tenant.sources.filter((source) => definitionOf(source).api === api);
  return [...steps, ...(await Promise.all(sources.map((source) => verifyPage(access, source, signal))))];
}

function verifyRoles(api: ApiName, needed: readonly string[], found: readonly string[] | undefined): Step {
  const what = `roles for ${API_NAMES[api]}`;
  if (found === undefined) return step(what, "The token cannot be looked into; the first page shows it.");
  const missing = needed.filter((role) => !found.includes(role) && !found.includes(writing(role)));
  if (missing.length > 0) {
    return {
      ...step(what, `Missing: ${missing.join(", ")}. Present: ${found.join(", ") || "none"}.`),
      verdict: "waiting",
      next: DIAGNOSES["role-missing"].remedy,
    };
  }
  const excess = found.filter((role) => !needed.includes(role));
  if (excess.length === 0) return step(what, `Exactly what is needed: ${needed.join(", ")}.`);
  return {
    ...step(what, `More than needed: ${excess.join(", ")}. Needed: ${needed.join(", ")}.`),
    verdict: "warning",
    next: "Take what is not needed out of the app registration; the next consent then asks for less.",
  };
}

/** Whoever may write may read. */
function writing(role: string): string {
  return role.replace(".Read.", ".ReadWrite.");
}

async function verifyPage(
  access: TenantAccess,
  source: ResolvedTenant["sources"][number],
  signal: AbortSignal,
): Promise<Step> {
  const what = `first page of ${source}`;
  try {
    const alerts = await definitionOf(source).create(access).probe(signal);
    return step(what, alerts === 0 ? "It was read; nothing is in it." : "It was read, and alerts are in it.");
  } catch (cause) {
    return failed(what, cause);
  }
}

async function verifySink(
  { tenant, sinks, canary, nowMs }: Verifier,
  name: string,
  signal: AbortSignal,
): Promise<Step> {
  const what = `sink ${name}`;
  const settings = sinks[name];
  if (settings === undefined) throw new Error(`There is no sink ${name}.`);
  const sink = createSink(settings);
  const limit = AbortSignal.any([signal, AbortSignal.timeout(settings.timeout)]);
  try {
    if (canary && settings.type !== NEVER_TESTED) {
      await sink.deliver([canaryOf(tenant, nowMs)], limit);
      return ours(step(what, "It took a test alert."));
    }
    await sink.probe(limit);
    return ours(step(what, "It is reachable and lets us in."));
  } catch (cause) {
    return ours(failed(what, cause));
  } finally {
    await sink.close();
  }
}

function step(what: string, says: string): Step {
  return { what, verdict: "ok", says, next: "", concerns: "customer" };
}

function ours(one: Step): Step {
  return { ...one, concerns: "provider" };
}

function failed(what: string, cause: unknown): Step {
  const says = cause instanceof Error ? cause.message : String(cause);
  if (!(cause instanceof SourceError || cause instanceof DeliveryError))
    return { ...step(what, says), verdict: "failed", next: "Try again; if it stays, look at the network." };
  const { diagnosis, kind } = cause;
  const mayHeal = kind === "transient" || kind === "throttled";
  const isSpreading = diagnosis !== undefined && SPREADING.includes(diagnosis);
  return {
    ...step(what, says),
    verdict: isSpreading || mayHeal ? "waiting" : "failed",
    next: diagnosis === undefined ? "Look at the address and the credentials." : DIAGNOSES[diagnosis].remedy,
  };
}

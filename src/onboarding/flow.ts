import { randomBytes } from "node:crypto";
import type { Config } from "../config/schema.ts";
import type { ResolvedTenant } from "../config/tenant-schema.ts";
import type { Onboarding, Step } from "../model/onboarding.ts";
import type { Store } from "../queue/store.ts";
import type { ApiName } from "../sources/source.ts";
import { apisOf, consentLink, OnboardingError } from "./consent-link.ts";
import { flawOf, type Refusal, refusal } from "./refusals.ts";
import { readState, signState } from "./state.ts";
import { isPassed } from "./verify.ts";

/** One attempt at verifying, with all its requests. Whoever dies at it is waited for as long. */
const ATTEMPT_MS = 120_000;
/** How long the page of a consent can be looked at after it was verified, or not. */
const VIEW_MS = 86_400_000;

export interface OnboardingParts {
  readonly store: Store;
  /** As they are in force now. */
  readonly settings: () => Config["onboarding"];
  /**
   * The tenant as configured; or as the text of a file would make it, when it is to come with its consent.
   * @throws ConfigError when that text does not fit the configuration.
   */
  readonly find: (id: string, draft: string | undefined) => ResolvedTenant | undefined;
  /** Makes the tenant one of ours. Throws an error whose message says why it cannot. */
  readonly admit: (id: string, draft: string) => void;
  /** Never throws. */
  readonly verify: (tenant: ResolvedTenant, signal: AbortSignal) => Promise<readonly Step[]>;
  /** Called with each change of state. */
  readonly tell: (onboarding: Onboarding) => void;
  readonly nowMs: () => number;
}

/** A link to send to the customer's administrator. */
export interface Invitation {
  readonly tenant: ResolvedTenant;
  readonly link: string;
  readonly apis: readonly ApiName[];
  readonly expiresMs: number;
  /** Names the link in what becomes of it. */
  readonly flow: string;
}

/** What the administrator's browser is to be told. */
export type Reception =
  | { readonly is: "next"; readonly link: string }
  | { readonly is: "received"; readonly tenant: string; readonly view: string }
  | { readonly is: "refused"; readonly refusal: Refusal };

/** What a link that was not used yet is for. */
interface Wish {
  readonly tenant: string;
  readonly tenantId: string;
  readonly flow: string;
  /** The API that is asked for, and those that follow. */
  readonly apis: readonly ApiName[];
  readonly draft: string | undefined;
}

export type Flow = ReturnType<typeof createFlow>;

/**
 * How a customer lets us in: a link for each API in turn, the answers that come back with the administrator's browser,
 * and the verification, tried again until the consent has spread. All of it lies in Redis, so that any replica and any
 * command can go on with it. Nothing that an answer claims is believed: only a token for that directory proves it.
 */
export function createFlow(parts: OnboardingParts) {
  const { store, nowMs } = parts;

  async function open(wish: Wish, tenant: ResolvedTenant): Promise<Invitation> {
    const { redirectUri, linkExpires } = parts.settings();
    const [api] = wish.apis;
    if (api === undefined) throw new Error("A tenant is read through one API at least.");
    const nonce = randomBytes(16).toString("base64url");
    const flow = wish.flow === "" ? nonce : wish.flow;
    const expiresMs = nowMs() + linkExpires;
    const claims = { purpose: "consent", tenant: wish.tenant, nonce, expiresMs } as const;
    const link = consentLink(tenant, api, redirectUri, signState(claims, await store.consentKey()));
    await store.openConsent(nonce, JSON.stringify({ ...wish, flow }), expiresMs);
    return { tenant, link, apis: wish.apis, expiresMs, flow };
  }

  async function note(onboarding: Onboarding): Promise<void> {
    await store.noteOnboarding(onboarding);
    parts.tell(onboarding);
  }

  function fieldsOf({ tenant, tenantId, flow, draft }: Wish, name: string) {
    return { tenant, name, tenantId, flow, draft, sinceMs: nowMs(), steps: [] };
  }

  /** What the link was for, once; or why that is not to be had. */
  async function take(state: string): Promise<Wish | "forged" | "expired" | "used"> {
    const claims = readState(state, "consent", await store.consentKey(), nowMs());
    if (typeof claims === "string") return claims;
    const text = await store.takeConsent(claims.nonce);
    return text === undefined ? "used" : (JSON.parse(text) as Wish);
  }

  async function refuse(wish: Wish, name: string, why: Refusal): Promise<Reception> {
    await note({ ...fieldsOf(wish, name), state: "refused", says: why.says, draft: undefined });
    return { is: "refused", refusal: why };
  }

  async function attempt(id: string, signal: AbortSignal): Promise<void> {
    const onboarding = await store.onboarding(id);
    if (onboarding?.state !== "verifying") return;
    const tenant = findTenant(onboarding);
    if (tenant === undefined) {
      const says = "The tenant is no longer configured as it was when the consent was asked for.";
      return await note({ ...onboarding, state: "failed", says, draft: undefined });
    }
    const steps = await parts.verify(tenant, AbortSignal.any([signal, AbortSignal.timeout(ATTEMPT_MS)]));
    // What was cut off says nothing about the tenant.
    if (signal.aborted) return;
    const verdict = judge(onboarding, steps);
    if (verdict.state === "verifying") await store.noteOnboarding({ ...onboarding, ...verdict, steps });
    else await note(admitted({ ...onboarding, ...verdict, steps }));
  }

  function findTenant({ tenant: id, tenantId, draft }: Wish | Onboarding): ResolvedTenant | undefined {
    try {
      const tenant = parts.find(id, draft);
      return tenant?.tenantId === tenantId ? tenant : undefined;
    } catch {
      return undefined;
    }
  }

  function judge({ sinceMs }: Onboarding, steps: readonly Step[]): Pick<Onboarding, "state" | "says"> {
    const open = steps.filter((step) => step.concerns === "customer" && !isPassed(step));
    const broken = open.find(({ verdict }) => verdict === "failed");
    if (broken !== undefined) return { state: "failed", says: `${broken.what}: ${broken.says}` };
    const [slow] = open;
    if (slow === undefined) return { state: "verified", says: readySentence(steps) };
    const { propagation } = parts.settings();
    if (nowMs() - sinceMs < propagation)
      return { state: "verifying", says: "The consent has arrived and spreads at Microsoft." };
    const minutes = Math.round(propagation / 60_000);
    const says = `The consent did not take effect within ${minutes} minutes. ${slow.what}: ${slow.says}`;
    return { state: "failed", says };
  }

  /** A tenant that came with its consent becomes one of ours now, and not before. */
  function admitted(onboarding: Onboarding): Onboarding {
    const { tenant, state, draft } = onboarding;
    const settled = { ...onboarding, draft: undefined };
    if (state !== "verified" || draft === undefined) return settled;
    try {
      parts.admit(tenant, draft);
      return settled;
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      return { ...settled, state: "failed", says: `All is granted, but the tenant cannot be added: ${why}` };
    }
  }

  return {
    /**
     * Makes a link for a tenant; `draft` is the file that would make it one of ours.
     * @throws OnboardingError, ConfigError
     */
    async begin(id: string, draft?: string): Promise<Invitation> {
      const tenant = parts.find(id, draft);
      if (tenant === undefined) throw new OnboardingError(`There is no tenant ${id}.`, 404);
      return await open(
        { tenant: id, tenantId: tenant.tenantId, flow: "", apis: apisOf(tenant), draft },
        tenant,
      );
    },

    /** Takes what the consent page sent the administrator's browser back with. */
    async receive(query: URLSearchParams): Promise<Reception> {
      const wish = await take(query.get("state") ?? "");
      if (typeof wish === "string") return { is: "refused", refusal: refusal(wish) };
      const tenant = findTenant(wish);
      if (tenant === undefined) return await refuse(wish, wish.tenant, refusal("unknown"));
      const flaw = flawOf(query, wish.tenantId);
      if (flaw !== undefined) return await refuse(wish, tenant.name, flaw);
      const apis = wish.apis.slice(1);
      if (apis.length > 0) return { is: "next", link: (await open({ ...wish, apis }, tenant)).link };
      await note({
        ...fieldsOf(wish, tenant.name),
        state: "verifying",
        says: "The consent has arrived and is verified.",
      });
      const expiresMs = nowMs() + parts.settings().propagation + VIEW_MS;
      const claims = { purpose: "view", tenant: wish.tenant, nonce: wish.flow, expiresMs } as const;
      return { is: "received", tenant: wish.tenant, view: signState(claims, await store.consentKey()) };
    },

    /** How it goes, for whoever holds the address of the page; undefined for others. */
    async look(id: string, view: string): Promise<Onboarding | undefined> {
      const claims = readState(view, "view", await store.consentKey(), nowMs());
      if (typeof claims === "string" || claims.tenant !== id) return undefined;
      const onboarding = await store.onboarding(id);
      return onboarding?.flow === claims.nonce ? onboarding : undefined;
    },

    /** Tries once more to verify every tenant whose consent has arrived, unless somebody else is at it. */
    async advance(signal: AbortSignal): Promise<void> {
      const waiting = await store.verifying();
      await Promise.all(waiting.map((id) => store.asVerifier(id, 2 * ATTEMPT_MS, () => attempt(id, signal))));
    },
  };
}

function readySentence(steps: readonly Step[]): string {
  const silent = steps.filter((step) => !isPassed(step)).map(({ what }) => what);
  return silent.length === 0
    ? "The consent is verified; the tenant's alerts are read."
    : `The consent is verified; the tenant's alerts are read. No test alert was taken by: ${silent.join(", ")}.`;
}

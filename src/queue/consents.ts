import { randomBytes } from "node:crypto";
import type { Redis } from "ioredis";
import type { Onboarding } from "../model/onboarding.ts";
import type { Keys } from "./keys.ts";

const KEY_BYTES = 32;

/** What is kept of consents that are asked for, and of what became of them. */
export function createConsents(redis: Redis, keys: Keys) {
  return {
    /** What states are signed with: made once, the same for all replicas and commands. */
    async consentKey(): Promise<Buffer> {
      await redis.setnx(keys.consentKey, randomBytes(KEY_BYTES).toString("base64"));
      return Buffer.from((await redis.get(keys.consentKey)) ?? "", "base64");
    },

    /** Keeps what a link is for until it is used or has expired. */
    async openConsent(nonce: string, text: string, expiresMs: number): Promise<void> {
      await redis.set(keys.consent(nonce), text, "PXAT", expiresMs);
    },

    /** What the link is for, once: whoever asks again gets undefined. */
    async takeConsent(nonce: string): Promise<string | undefined> {
      return (await redis.getdel(keys.consent(nonce))) ?? undefined;
    },

    async noteOnboarding(onboarding: Onboarding): Promise<void> {
      const { tenant, state } = onboarding;
      const pipeline = redis.multi().hset(keys.onboarding, tenant, JSON.stringify(onboarding));
      await (state === "verifying"
        ? pipeline.sadd(keys.verifying, tenant)
        : pipeline.srem(keys.verifying, tenant)
      ).exec();
    },

    /** How the onboarding of a tenant goes; undefined when no answer to a link of ours came. */
    async onboarding(tenant: string): Promise<Onboarding | undefined> {
      const text = await redis.hget(keys.onboarding, tenant);
      return text === null ? undefined : (JSON.parse(text) as Onboarding);
    },

    async verifying(): Promise<string[]> {
      return await redis.smembers(keys.verifying);
    },

    /** Does the work unless somebody else is at it; whoever died at it is waited for no longer than `longestMs`. */
    async asVerifier(tenant: string, longestMs: number, work: () => Promise<void>): Promise<void> {
      if ((await redis.set(keys.verifier(tenant), 1, "PX", longestMs, "NX")) === null) return;
      try {
        await work();
      } finally {
        await redis.del(keys.verifier(tenant));
      }
    },
  };
}

import type { Config } from "../config/schema.ts";
import type { ResolvedTenant } from "../config/tenant-schema.ts";
import type { PageReply } from "../model/page-reply.ts";
import { createFlow, type Flow } from "../onboarding/flow.ts";
import { replyOnboarding } from "../onboarding/reply.ts";
import { verifyTenant } from "../onboarding/verify.ts";
import type { Store } from "../queue/store.ts";
import type { Events } from "../telemetry/events.ts";
import { createAccessPool } from "./access.ts";

/** How tenants that are not configured yet become so. */
export interface Enrolment {
  /** What the text of a tenant's file would make, with the configuration as it lies there. @throws ConfigError */
  readonly preview: (id: string, draft: string) => ResolvedTenant | undefined;
  /** Puts the file into its folder; throws an error whose message says why it cannot. */
  readonly admit: (id: string, draft: string) => void;
}

/** The onboarding flow with everything it needs of the outside. */
export function createOnboarding(
  config: () => Config,
  store: Store,
  enrolment: Enrolment | undefined,
  tell: Events["onboardingChanged"],
): Flow {
  return createFlow({
    store,
    settings: () => config().onboarding,
    find: (id, draft) =>
      draft === undefined
        ? config().tenants.find((tenant) => tenant.id === id)
        : enrolment?.preview(id, draft),
    admit: (id, draft) => enrolment?.admit(id, draft),
    verify: (tenant, signal) => verifyOnce(tenant, config(), true, signal),
    tell,
    nowMs: Date.now,
  });
}

/** Goes the whole way of a tenant's alerts once, with tokens of its own: one that is held may lack a new role. */
export async function verifyOnce(
  tenant: ResolvedTenant,
  { sinks, memory }: Pick<Config, "sinks" | "memory">,
  canary: boolean,
  signal: AbortSignal,
): ReturnType<typeof verifyTenant> {
  const pool = createAccessPool(memory);
  try {
    return await verifyTenant(
      { tenant, access: pool.for(tenant).live, sinks, canary, nowMs: Date.now() },
      signal,
    );
  } finally {
    pool.close();
  }
}

export interface OnboardingDesk {
  readonly reply: (
    path: string,
    query: URLSearchParams,
    isTrusted: boolean,
  ) => Promise<PageReply | "untrusted" | undefined>;
  stop(): Promise<void>;
}

/**
 * Serves the pages, and looks now and then whether a consent has spread: also those whose answer another replica took
 * before it stopped.
 */
export function openOnboarding(
  flow: Flow,
  config: () => Config,
  onTrouble: (cause: unknown) => void,
): OnboardingDesk {
  let timer: NodeJS.Timeout | undefined;
  let turn: Promise<void> | undefined;
  const stopping = new AbortController();

  function look(): void {
    clearTimeout(timer);
    turn ??= flow
      .advance(stopping.signal)
      .catch(onTrouble)
      .finally(() => {
        turn = undefined;
        if (!stopping.signal.aborted) timer = setTimeout(look, config().onboarding.retryInterval);
      });
  }
  look();
  return {
    async reply(path, query, isTrusted) {
      const answer = await replyOnboarding(flow, path, query, isTrusted);
      if (query.has("state")) look();
      return answer;
    },
    async stop() {
      stopping.abort();
      clearTimeout(timer);
      await turn;
    },
  };
}

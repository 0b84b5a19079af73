import { setTimeout as sleep } from "node:timers/promises";
import { loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { onboardingRoute } from "../daemon/http.ts";
import { createOnboarding, type OnboardingDesk, openOnboarding } from "../daemon/onboarding.ts";
import { startServer } from "../http/server.ts";
import { StartupError } from "../model/failure.ts";
import type { Onboarding } from "../model/onboarding.ts";
import { OnboardingError } from "../onboarding/consent-link.ts";
import type { Flow, Invitation } from "../onboarding/flow.ts";
import { letterFor } from "../onboarding/letter.ts";
import { CALLBACK } from "../onboarding/reply.ts";
import type { Store } from "../queue/store.ts";
import { type ExitCode, type Io, type Options, UsageError } from "./command.ts";
import { atDesk } from "./desk.ts";
import { enrolmentIn, findTenantFile, folderOf } from "./tenant-files.ts";
import { stepLines } from "./verify.ts";

const LOOK_EVERY_MS = 500;

/**
 * `tenants consent`: makes a link for the customer's administrator; with `--wait` also waits for the answer.
 *
 * @param draft the file of a tenant that is added once its consent is verified, and not before.
 */
export async function invite(
  path: string,
  id: string,
  draft: string | undefined,
  options: Options,
  io: Io,
): Promise<ExitCode> {
  const loaded = loadConfig(path, process.env);
  if (draft !== undefined) {
    const there = findTenantFile(folderOf(loaded.config.tenantsDir), id);
    if (there !== undefined) throw new UsageError(`${there} is there already: leave --tenant-id out.`);
  }
  const isJson = options["json"] === true;
  return await atDesk(loaded.config, async ({ store }) => {
    const { config } = loaded;
    const flow = createOnboarding(() => config, store, enrolmentIn(path), ignore);
    const invitation = await flow.begin(id, draft).catch((cause: unknown) => {
      throw cause instanceof OnboardingError ? new UsageError(cause.message) : cause;
    });
    const letter = letterFor(invitation);
    if (options["wait"] !== true) {
      tell(io.out, isJson ? [asJson(invitation)] : letter);
      return 0;
    }
    tell(io.err, letter);
    const outcome = await waitForAnswer(flow, config, store, invitation, io);
    tell(io.out, isJson ? [asJson(invitation, outcome)] : [...stepLines(outcome.steps), outcome.says]);
    return outcome.state === "verified" ? 0 : 3;
  });
}

/** The command says it itself. */
const ignore = () => undefined;

function tell(say: (line: string) => void, lines: readonly string[]): void {
  for (const line of lines) say(line);
}

function asJson({ tenant, link, expiresMs }: Invitation, outcome?: Onboarding): string {
  const { state, says, steps } = outcome ?? {};
  const expires = new Date(expiresMs).toISOString();
  return JSON.stringify({ tenant: tenant.id, link, expires, state, says, steps }, undefined, 2);
}

async function waitForAnswer(
  flow: Flow,
  config: Config,
  store: Store,
  invitation: Invitation,
  io: Io,
): Promise<Onboarding> {
  const desk = openOnboarding(
    flow,
    () => config,
    () => undefined,
  );
  const server = await receiverAt(config.onboarding.redirectUri, desk.reply);
  io.err(
    server === undefined
      ? "Waiting for the answer, which the daemon at the redirect URI receives. Ctrl-C leaves the link in force."
      : `Waiting for the answer at ${config.onboarding.redirectUri}. Ctrl-C leaves the link in force.`,
  );
  try {
    while (true) {
      const onboarding = await store.onboarding(invitation.tenant.id);
      if (onboarding?.flow === invitation.flow && onboarding.state !== "verifying") return onboarding;
      if (Date.now() > invitation.expiresMs && onboarding?.flow !== invitation.flow)
        throw new StartupError("The link has expired, and no answer came.");
      await sleep(LOOK_EVERY_MS);
    }
  } finally {
    await desk.stop();
    await server?.close();
  }
}

/** Listens where the browser comes back to, when that is this machine and nobody listens there yet. */
async function receiverAt(redirectUri: string | undefined, reply: OnboardingDesk["reply"]) {
  const { protocol, hostname, port, pathname } = new URL(redirectUri ?? "https://unknown");
  const isLocal = hostname === "localhost" || hostname === "127.0.0.1" || hostname === "[::1]";
  if (protocol !== "http:" || !isLocal || pathname !== CALLBACK) return undefined;
  return await startServer({
    host: hostname === "localhost" ? "127.0.0.1" : hostname.replace(/[[\]]/g, ""),
    port: Number(port === "" ? 80 : port),
    token: undefined,
    routes: [onboardingRoute((path, query) => reply(path, query, false))],
  }).catch((cause: unknown) => {
    if (cause instanceof StartupError) return undefined;
    throw cause;
  });
}

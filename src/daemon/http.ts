import type { Config } from "../config/schema.ts";
import { type Checks, healthRoutes } from "../http/health.ts";
import { json, type Route } from "../http/route.ts";
import { type RunningServer, startServer } from "../http/server.ts";
import type { PageReply } from "../model/page-reply.ts";
import type { Snapshot } from "../pipeline/snapshot.ts";
import type { BullParts } from "../queue/bull.ts";
import { DeliverQueues } from "../queue/deliver-queue.ts";
import type { Store } from "../queue/store.ts";
import type { Events } from "../telemetry/events.ts";
import { letterRoutes } from "./letter-routes.ts";
import type { OnboardingDesk } from "./onboarding.ts";
import { type StatusPageParts, statusPageRoutes } from "./status-page.ts";

export interface HttpParts {
  readonly http: Config["http"];
  readonly ready: () => Promise<Checks>;
  /** @param accept which notations the scraper reads. */
  readonly metrics: (accept: string | undefined) => Promise<PageReply>;
  readonly snapshot: () => Promise<Snapshot>;
  readonly onboarding: OnboardingDesk;
  readonly page: Pick<StatusPageParts, "version" | "history">;
  readonly store: Store;
  readonly bull: BullParts;
  readonly events: Pick<Events, "httpFailed" | "httpGuessing" | "deadLettersRetried">;
}

/** Everything that is served over HTTP. @throws StartupError when the address cannot be had. */
export async function openHttp(parts: HttpParts): Promise<RunningServer> {
  const { http, ready, metrics, snapshot, onboarding, page, store, bull, events } = parts;
  const { host, port, token } = http;
  const outbox = new DeliverQueues(bull);
  const server = await startServer({
    host,
    port,
    token,
    trouble: { failed: events.httpFailed, guessing: events.httpGuessing },
    routes: [
      ...healthRoutes(ready, metrics),
      onboardingRoute(onboarding.reply),
      apiRoute("status", snapshot),
      apiRoute("tenants", async () => (await snapshot()).tenants),
      apiRoute("sinks", async () => (await snapshot()).sinks),
      ...letterRoutes(store, outbox, events.deadLettersRetried),
      ...statusPageRoutes({ ...page, snapshot, letters: store, canSignOut: token !== undefined }),
    ],
  });
  return {
    url: server.url,
    async close() {
      await server.close();
      await outbox.close();
    },
  };
}

/** The pages that customers' browsers are sent to. */
export function onboardingRoute(reply: OnboardingDesk["reply"]): Route {
  return {
    method: "GET",
    path: "/onboard/*",
    access: "open",
    answer: ({ path, query, isTrusted }) => reply(path, query, isTrusted),
  };
}

function apiRoute(name: string, look: () => Promise<unknown>): Route {
  return {
    method: "GET",
    path: `/api/${name}`,
    access: "token",
    answer: async () => json(200, await look()),
  };
}

import { readFileSync } from "node:fs";
import type { ResolvedTenant } from "../config/tenant-schema.ts";
import { createApi } from "../net/api.ts";
import { createAppGate } from "../net/app-gate.ts";
import { TokenCache } from "../net/credentials.ts";
import { createHttpClient, type HttpClient } from "../net/http.ts";
import { Room } from "../net/room.ts";
import type { TenantAccess } from "../sources/source.ts";
import type { Pace, Purpose } from "./call-budget.ts";

/** One answer may take this long; a page with evidence is some megabytes. */
const TIMEOUT_MS = 60_000;
const MAX_ANSWER_BYTES = 64_000_000;
/** Connections to one API host, shared by all tenants of a cloud. */
const CONNECTIONS = 64;

/** The Defender API still puts its old name into next links. */
const DEFENDER_LINK_HOSTS = ["api.securitycenter.microsoft.com"];

/** Two ways to the same tenant, with the same tokens: a backlog leaves a share of the calls to the live rounds. */
type Accesses = Readonly<Record<Purpose, TenantAccess>>;

export interface AccessPool {
  for(tenant: ResolvedTenant): Accesses;
  close(): void;
}

/**
 * Gives each tenant its own tokens over connections that the tenants of a cloud share: the token is in each
 * request, so a connection belongs to nobody.
 *
 * @param memory.pages is the most that pages take which are received or worked at, bytes.
 * @param pace keeps the calls within a budget; without it they are as many as are asked for.
 */
export function createAccessPool(
  memory: { readonly pages: number },
  pace: Pace = () => undefined,
): AccessPool {
  const room = new Room(memory.pages);
  const clients = new Map<string, HttpClient>();
  const gate = createAppGate();

  function clientFor(tenant: ResolvedTenant, ca: string | undefined): HttpClient {
    const key = `${tenant.cloud.name} ${tenant.proxy ?? ""}`;
    const known = clients.get(key);
    if (known !== undefined) return known;
    const client = createHttpClient({
      timeoutMs: TIMEOUT_MS,
      ca,
      proxy: tenant.proxy,
      maxAnswerBytes: MAX_ANSWER_BYTES,
      connections: CONNECTIONS,
    });
    clients.set(key, client);
    return client;
  }

  return {
    for(tenant) {
      const { cloud } = tenant;
      const ca = cloud.ca === undefined ? undefined : readFileSync(cloud.ca, "utf8");
      const http = clientFor(tenant, ca);
      const { tenantId, auth, proxy } = tenant;
      const tokens = new TokenCache({ tenantId, auth, authority: cloud.authority, ca, proxy }, gate);
      const accessFor = (purpose: Purpose): TenantAccess => ({
        tenantId,
        room,
        pageSize: tenant.poll.pageSize,
        incidentAlerts: tenant.incidents.alerts,
        graph: createApi(
          {
            origin: cloud.graph,
            audience: cloud.graphAudience,
            linkHosts: [],
            pace: pace(tenant, "graph", purpose),
          },
          http,
          tokens,
        ),
        defender: createApi(
          {
            origin: cloud.defender,
            audience: cloud.defenderAudience,
            linkHosts: DEFENDER_LINK_HOSTS,
            pace: pace(tenant, "defender", purpose),
          },
          http,
          tokens,
        ),
      });
      return { live: accessFor("live"), backlog: accessFor("backlog") };
    },
    close() {
      for (const client of clients.values()) client.close();
    },
  };
}

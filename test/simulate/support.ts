import { readFileSync } from "node:fs";
import { request } from "node:https";
import { onTestFinished } from "vitest";
import type { HecReceiver, ReceivedEvent } from "../../src/simulate/hec-receiver.ts";
import type { WorldTenant } from "../../src/simulate/tenant.ts";
import type { Version } from "../../src/simulate/version.ts";
import { startWorld, type World, type WorldOptions } from "../../src/simulate/world.ts";

/** A world that ends with the test. */
export async function aWorld(options: Partial<WorldOptions> = {}): Promise<World> {
  const world = await startWorld({ tenants: ["contoso"], limits: "none", ...options });
  onTestFinished(() => world.close());
  return world;
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test says by its assertions what it expects of the JSON.
  readonly body: any;
}

/** One request to the sign-in host, over TLS that is checked against the world's own authority. */
export function askEntra(world: World, path: string, form?: Record<string, string>): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const options = {
      method: form === undefined ? "GET" : "POST",
      ca: readFileSync(world.cloud.ca),
      agent: false,
    } as const;
    const call = request(`${world.cloud.authority}${path}`, options, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers as Record<string, string>,
          text,
          body: parse(text),
        }),
      );
    });
    call.on("error", reject);
    call.end(form === undefined ? undefined : new URLSearchParams(form).toString());
  });
}

export const SCOPES = {
  graph: "https://graph.microsoft.com/.default",
  defender: "https://api.securitycenter.microsoft.com/.default",
} as const;

export function askToken(
  world: World,
  tenant: WorldTenant,
  more: Record<string, string> = {},
): Promise<Reply> {
  return askEntra(world, `/${tenant.tenantId}/oauth2/v2.0/token`, {
    grant_type: "client_credentials",
    client_id: tenant.clientId,
    client_secret: tenant.clientSecret,
    scope: SCOPES.graph,
    ...more,
  });
}

export async function tokenFor(
  world: World,
  tenant: WorldTenant,
  api: "graph" | "defender",
): Promise<string> {
  return (await askToken(world, tenant, { scope: SCOPES[api] })).body.access_token;
}

/** Calls an API with a token of the tenant. */
export async function callApi(
  world: World,
  tenant: WorldTenant,
  api: "graph" | "defender",
  path: string,
  headers: Record<string, string> = {},
): Promise<Reply> {
  const token = await tokenFor(world, tenant, api);
  return get(path.startsWith("http") ? path : `${world.cloud[api]}${path}`, {
    authorization: `Bearer ${token}`,
    prefer: "include-unknown-enum-members",
    ...headers,
  });
}

export async function get(url: string, headers: Record<string, string> = {}): Promise<Reply> {
  return replyOf(await fetch(url, { headers }));
}

async function replyOf(response: Response): Promise<Reply> {
  const text = await response.text();
  return { status: response.status, headers: Object.fromEntries(response.headers), text, body: parse(text) };
}

/** Posts to a receiver with a good token unless the headers say otherwise. */
export async function post(
  hec: HecReceiver,
  body: string | Buffer,
  headers: Record<string, string | undefined> = {},
  path = "/services/collector/event",
): Promise<Reply> {
  const all = { authorization: `Splunk ${[...hec.tokens.keys()][0]}`, ...headers };
  const given = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return replyOf(
    await fetch(`${hec.url}${path}`, {
      method: "POST",
      body: new Uint8Array(Buffer.from(body)),
      headers: given,
    }),
  );
}

/** A version as a faithful forwarder sends it. */
export function eventOf(version: Version, fields: Record<string, unknown> = {}): string {
  const around = JSON.stringify({
    time: 1_777_874_462.703,
    host: "a",
    sourcetype: "ms365:defender:incident:alerts",
    fields: { tenant_id: version.tenantId, event_id: `${version.alertId} ${version.updatedText}`, ...fields },
  });
  return `${around.slice(0, -1)},"event":${version.raw}}`;
}

export function textsOf(events: readonly ReceivedEvent[]): readonly string[] {
  return events.map(({ text }) => text);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

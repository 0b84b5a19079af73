import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import type { Entra } from "./entra-directory.ts";

/** What clients ask the sign-in host besides tokens: where its endpoints are. */

/** The OpenID Connect metadata of a directory. */
export function openIdConfiguration(entra: Entra, tenant: string): object {
  const base = `${entra.origin}/${tenant}`;
  return {
    token_endpoint: `${base}/oauth2/v2.0/token`,
    token_endpoint_auth_methods_supported: ["client_secret_post", "private_key_jwt"],
    jwks_uri: `${base}/discovery/v2.0/keys`,
    issuer: `${base}/v2.0`,
    authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
    response_types_supported: ["code", "id_token"],
    scopes_supported: ["openid"],
    cloud_instance_name: new URL(entra.origin).host,
  };
}

/** The answer to a client that wants to know whether the host is one of the cloud's. */
export function instances(entra: Entra, tenant: string): object {
  const { host } = new URL(entra.origin);
  return {
    tenant_discovery_endpoint: `${entra.origin}/${tenant}/v2.0/.well-known/openid-configuration`,
    "api-version": "1.1",
    metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
  };
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, {
    "content-type": "application/json; charset=utf-8",
    "cache-control": "no-store, no-cache",
    "x-ms-request-id": randomUUID(),
    ...headers,
  });
  response.end(JSON.stringify(body));
}

export function sendHtml(response: ServerResponse, status: number, retryAfter?: string): void {
  response.writeHead(status, {
    "content-type": "text/html",
    ...(retryAfter === undefined ? {} : { "retry-after": retryAfter }),
  });
  response.end("<html><body>The service is unavailable.</body></html>");
}

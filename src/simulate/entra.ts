import { randomUUID, type X509Certificate } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Certificate } from "./certificates.ts";
import { checkAssertion, type FederatedCredential } from "./client-assertion.ts";
import { refusal } from "./entra-errors.ts";
import { type Listener, listen, readBody, resetConnection } from "./listener.ts";
import type { TokenMint } from "./tokens.ts";

/** The services that tokens are for. */
export type Resource = "graph" | "defender" | "monitor";

/** An application registration with everything it may prove itself by. All of it may change at run time. */
export interface AppRegistration {
  readonly clientId: string;
  secrets: { readonly value: string; readonly expired?: boolean }[];
  certificates: X509Certificate[];
  federated: FederatedCredential[];
}

/** What the sign-in host does instead of its work, for the next `times` requests or until it is cleared. */
export type EntraFault = { times?: number } & (
  | { readonly kind: "refuse"; readonly aadsts: number; readonly retryAfter?: string }
  | { readonly kind: "html"; readonly status: number; readonly retryAfter?: string }
  | { readonly kind: "empty-token" }
  | { readonly kind: "slow"; readonly delayMs: number }
  | { readonly kind: "hang" }
  | { readonly kind: "reset" }
);

/** One request for a token, as it was answered. Status 0: not answered. */
export interface TokenRequest {
  readonly at: number;
  readonly clientId: string;
  readonly scope: string;
  readonly credential: "secret" | "assertion" | "none";
  readonly status: number;
  readonly aadsts: number | undefined;
}

/** One customer's directory. All but its id may change at run time. */
export interface Directory {
  readonly tenantId: string;
  /** Client ids of the applications that the customer's administrator has let in. */
  readonly consents: Set<string>;
  /** The application roles that the tokens of this directory carry. */
  readonly roles: Record<Resource, readonly string[]>;
  /** The refusal for an application that is not let in: 7000229 or 700016. */
  missingAppCode: number;
  /** What the administrator answers on the consent page. */
  administrator: "accepts" | "cancels";
  fault: EntraFault | undefined;
  tokenLifetimeSeconds: number | undefined;
  /** Every request for a token so far, oldest first. */
  readonly requests: TokenRequest[];
}

/** The simulated sign-in host of one cloud. */
export interface Entra {
  readonly listener: Listener;
  readonly origin: string;
  /** By client id. */
  readonly apps: Map<string, AppRegistration>;
  /** By tenant id in lower case. */
  readonly directories: Map<string, Directory>;
  /** Audiences that name a service in a scope. */
  readonly audiences: Map<string, Resource>;
  /** Holds for all directories. */
  fault: EntraFault | undefined;
  tokenLifetimeSeconds: number;
}

export interface EntraOptions {
  readonly mint: TokenMint;
  readonly certificate: Certificate;
  readonly port?: number | undefined;
  readonly tokenLifetimeSeconds?: number | undefined;
}

const DEFAULT_ROLES: Record<Resource, readonly string[]> = {
  graph: ["SecurityAlert.Read.All", "SecurityIncident.Read.All"],
  defender: ["Alert.Read.All"],
  monitor: [],
};

export function createDirectory(tenantId: string, consents: readonly string[]): Directory {
  return {
    tenantId,
    consents: new Set(consents),
    roles: { ...DEFAULT_ROLES },
    missingAppCode: 7000229,
    administrator: "accepts",
    fault: undefined,
    tokenLifetimeSeconds: undefined,
    requests: [],
  };
}

export async function startEntra(options: EntraOptions): Promise<Entra> {
  const { cert, key } = options.certificate;
  const listener = await listen((request, response) => answer(entra, options.mint, request, response), {
    tls: { cert, key },
    port: options.port,
  });
  const entra: Entra = {
    listener,
    origin: listener.origin,
    apps: new Map(),
    directories: new Map(),
    audiences: new Map(),
    fault: undefined,
    tokenLifetimeSeconds: options.tokenLifetimeSeconds ?? 3599,
  };
  return entra;
}

async function answer(entra: Entra, mint: TokenMint, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", entra.origin);
  const [tenant = "", ...rest] = url.pathname.split("/").slice(1).map(decodeURIComponent);
  const route = `${request.method} ${rest.join("/")}`;
  if (route === "POST oauth2/v2.0/token") return answerToken(entra, mint, tenant, request, response);
  request.resume();
  if (route === "GET v2.0/.well-known/openid-configuration") return sendJson(response, 200, openIdConfiguration(entra, tenant));
  if (route === "GET discovery/instance") return sendJson(response, 200, instances(entra, tenant));
  if (route === "GET v2.0/adminconsent" || route === "GET adminconsent") {
    return answerConsent(entra, tenant, url, response);
  }
  response.writeHead(404).end();
}

function openIdConfiguration(entra: Entra, tenant: string): object {
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

function instances(entra: Entra, tenant: string): object {
  const { host } = new URL(entra.origin);
  return {
    tenant_discovery_endpoint: `${entra.origin}/${tenant}/v2.0/.well-known/openid-configuration`,
    "api-version": "1.1",
    metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
  };
}

async function answerToken(
  entra: Entra,
  mint: TokenMint,
  tenant: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const form = new URLSearchParams((await readBody(request, 1_000_000))?.toString() ?? "");
  const directory = entra.directories.get(tenant.toLowerCase());
  const asked = {
    clientId: form.get("client_id") ?? "",
    scope: form.get("scope") ?? "",
    credential: form.has("client_assertion") ? "assertion" : form.has("client_secret") ? "secret" : "none",
  } as const;
  const record = (status: number, aadsts?: number) =>
    directory?.requests.push({ at: Date.now(), ...asked, status, aadsts });
  const refuse = (aadsts: number, retryAfter?: string) => {
    const { status, body } = refusal(
      aadsts,
      { clientId: asked.clientId, tenant, scope: asked.scope },
      { trace: randomUUID(), correlation: form.get("client-request-id") ?? randomUUID(), origin: entra.origin },
    );
    record(status, aadsts);
    sendJson(response, status, body, retryAfter === undefined ? {} : { "retry-after": retryAfter });
  };

  const fault = takeFault(entra) ?? (directory === undefined ? undefined : takeFault(directory));
  switch (fault?.kind) {
    case "refuse":
      return refuse(fault.aadsts, fault.retryAfter);
    case "html":
      record(fault.status);
      return sendHtml(response, fault.status, fault.retryAfter);
    case "empty-token":
      record(200);
      return sendJson(response, 200, { token_type: "Bearer", expires_in: 0, access_token: "" });
    case "hang":
      record(0);
      return;
    case "reset":
      record(0);
      return resetConnection(request);
    case "slow":
      await new Promise((resolve) => setTimeout(resolve, fault.delayMs).unref());
      break;
    default:
  }

  const verdict = judge(entra, directory, tenant, form);
  if (typeof verdict === "number") return refuse(verdict);
  const lifetime = verdict.directory.tokenLifetimeSeconds ?? entra.tokenLifetimeSeconds;
  record(200);
  sendJson(response, 200, {
    token_type: "Bearer",
    expires_in: lifetime,
    ext_expires_in: lifetime,
    access_token: mint.issue({
      tid: verdict.directory.tenantId,
      aud: verdict.audience,
      appid: asked.clientId,
      roles: verdict.directory.roles[verdict.resource],
      exp: Math.floor(Date.now() / 1000) + lifetime,
    }),
  });
}

interface Grant {
  readonly directory: Directory;
  readonly audience: string;
  readonly resource: Resource;
}

/** The AADSTS number of the refusal, or what the token is to say. */
function judge(entra: Entra, directory: Directory | undefined, tenant: string, form: URLSearchParams): number | Grant {
  const clientId = form.get("client_id") ?? "";
  const scope = form.get("scope") ?? "";
  if (form.get("grant_type") !== "client_credentials" || clientId === "") return 9002313;
  if (directory === undefined) return 90002;
  const app = entra.apps.get(clientId);
  if (app === undefined) return 700016;
  const flaw = credentialFlaw(entra, app, tenant, form);
  if (flaw !== undefined) return flaw;
  if (!directory.consents.has(clientId)) return directory.missingAppCode;
  if (!scope.endsWith("/.default") || /\s/.test(scope)) return 70011;
  // `https://host//.default` names the audience `https://host/`; both forms are one service.
  const audience = scope.slice(0, -"/.default".length);
  const resource = entra.audiences.get(audience.replace(/\/$/, ""));
  return resource === undefined ? 500011 : { directory, audience, resource };
}

function credentialFlaw(entra: Entra, app: AppRegistration, tenant: string, form: URLSearchParams): number | undefined {
  const assertion = form.get("client_assertion");
  if (assertion !== null) {
    const base = `${entra.origin}/${tenant}`;
    return checkAssertion(assertion, {
      clientId: app.clientId,
      audiences: [`${base}/oauth2/v2.0/token`, `${base}/v2.0`],
      certificates: app.certificates,
      federated: app.federated,
    });
  }
  const secret = form.get("client_secret");
  if (secret === null) return 7000218;
  const known = app.secrets.find((candidate) => candidate.value === secret);
  if (known === undefined) return 7000215;
  return known.expired === true ? 7000222 : undefined;
}

/** The consent page, with an administrator who decides at once. Success and refusal both say `admin_consent=True`. */
function answerConsent(entra: Entra, tenant: string, url: URL, response: ServerResponse): void {
  const directory = entra.directories.get(tenant.toLowerCase());
  const redirect = url.searchParams.get("redirect_uri");
  if (directory === undefined || redirect === null || !URL.canParse(redirect)) return sendHtml(response, 400);
  const target = new URL(redirect);
  target.searchParams.set("admin_consent", "True");
  const state = url.searchParams.get("state");
  if (directory.administrator === "accepts") {
    directory.consents.add(url.searchParams.get("client_id") ?? "");
    target.searchParams.set("tenant", directory.tenantId);
    target.searchParams.set("scope", url.searchParams.get("scope") ?? "");
  } else {
    target.searchParams.set("error", "consent_required");
    target.searchParams.set("error_description", "AADSTS65004: User declined to consent to access the app.");
  }
  if (state !== null) target.searchParams.set("state", state);
  response.writeHead(302, { location: target.href }).end();
}

function takeFault(holder: { fault: EntraFault | undefined }): EntraFault | undefined {
  const { fault } = holder;
  if (fault?.times === undefined) return fault;
  fault.times--;
  if (fault.times <= 0) holder.fault = undefined;
  return fault;
}

function sendJson(response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  response.writeHead(status, {
    "content-type": "application/json; charset=utf-8",
    "cache-control": "no-store, no-cache",
    "x-ms-request-id": randomUUID(),
    ...headers,
  });
  response.end(JSON.stringify(body));
}

function sendHtml(response: ServerResponse, status: number, retryAfter?: string): void {
  response.writeHead(status, {
    "content-type": "text/html",
    ...(retryAfter === undefined ? {} : { "retry-after": retryAfter }),
  });
  response.end("<html><body>The service is unavailable.</body></html>");
}

import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Certificate } from "./certificates.ts";
import { algorithmOf, checkAssertion } from "./client-assertion.ts";
import { answerConsent } from "./entra-consent.ts";
import {
  type AppRegistration,
  type Directory,
  type Entra,
  isLetIn,
  type Resource,
  rolesNow,
} from "./entra-directory.ts";
import { refusal } from "./entra-errors.ts";
import { instances, openIdConfiguration, sendHtml, sendJson } from "./entra-pages.ts";
import { listen, readBody, resetConnection } from "./listener.ts";
import { takeFault } from "./take-fault.ts";
import type { TokenMint } from "./tokens.ts";

export interface EntraOptions {
  readonly mint: TokenMint;
  readonly certificate: Certificate;
  readonly port?: number | undefined;
  readonly tokenLifetimeSeconds?: number | undefined;
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

async function answer(
  entra: Entra,
  mint: TokenMint,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? "/", entra.origin);
  const [tenant = "", ...rest] = url.pathname.split("/").slice(1).map(decodeURIComponent);
  const route = `${request.method} ${rest.join("/")}`;
  if (route === "POST oauth2/v2.0/token") return answerToken(entra, mint, tenant, request, response);
  if (rest.at(-1) === "adminconsent") return answerConsent(entra, tenant, url, request, response);
  request.resume();
  if (route === "GET v2.0/.well-known/openid-configuration")
    return sendJson(response, 200, openIdConfiguration(entra, tenant));
  if (route === "GET discovery/instance") return sendJson(response, 200, instances(entra, tenant));
  response.writeHead(404).end();
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
    algorithm: algorithmOf(form.get("client_assertion")),
  } as const;
  const record = (status: number, aadsts?: number) =>
    directory?.requests.push({ at: Date.now(), ...asked, status, aadsts });
  const refuse = (aadsts: number, retryAfter?: string) => {
    const { status, body } = refusal(
      aadsts,
      { clientId: asked.clientId, tenant, scope: asked.scope },
      {
        trace: randomUUID(),
        correlation: form.get("client-request-id") ?? randomUUID(),
        origin: entra.origin,
      },
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
      roles: rolesNow(verdict.directory, asked.clientId, verdict.resource, Date.now()),
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
function judge(
  entra: Entra,
  directory: Directory | undefined,
  tenant: string,
  form: URLSearchParams,
): number | Grant {
  const clientId = form.get("client_id") ?? "";
  const scope = form.get("scope") ?? "";
  if (form.get("grant_type") !== "client_credentials" || clientId === "") return 9002313;
  if (directory === undefined) return 90002;
  const app = entra.apps.get(clientId);
  if (app === undefined) return 700016;
  const flaw = credentialFlaw(entra, app, tenant, form);
  if (flaw !== undefined) return flaw;
  if (!isLetIn(directory, clientId, Date.now())) return directory.missingAppCode;
  if (!scope.endsWith("/.default") || /\s/.test(scope)) return 70011;
  // `https://host//.default` names the audience `https://host/`; both forms are one service.
  const audience = scope.slice(0, -"/.default".length);
  const resource = entra.audiences.get(audience.replace(/\/$/, ""));
  return resource === undefined ? 500011 : { directory, audience, resource };
}

function credentialFlaw(
  entra: Entra,
  app: AppRegistration,
  tenant: string,
  form: URLSearchParams,
): number | undefined {
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

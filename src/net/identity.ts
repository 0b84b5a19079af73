import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import {
  ClientAssertionCredential,
  ClientCertificateCredential,
  ClientSecretCredential,
  DefaultAzureCredential,
  ManagedIdentityCredential,
  type TokenCredential,
  WorkloadIdentityCredential,
} from "@azure/identity";
import { type Auth, clientIdOf } from "./auth.ts";
import { readCertificateFile } from "./certificate-file.ts";
import type { SignInTransport } from "./sign-in-transport.ts";

/** Who we are towards Entra. The only home of @azure/identity, with the transport that it sends through. */

export interface Identity {
  readonly tenantId: string;
  readonly auth: Auth;
  /** `https://login.microsoftonline.com` */
  readonly authority: string;
  /** PEM text of authorities to trust, for private clouds. */
  readonly ca: string | undefined;
  readonly proxy: string | undefined;
}

/** What asks for the tokens of one identity. @throws Error when a file of it cannot be used. */
export function createCredential(identity: Identity, transport: SignInTransport): TokenCredential {
  const { auth, tenantId, authority } = identity;
  const options = {
    authorityHost: authority,
    httpClient: transport.client,
    // Only Microsoft's public clouds are known to the discovery service, and asking it costs a request a tenant.
    disableInstanceDiscovery: true,
    // Waiting and trying again is decided in one place, not here.
    retryOptions: { maxRetries: 0 },
    // A credential goes to no other address than the one that is configured.
    redirectOptions: { maxRetries: 0 },
  };
  switch (auth.type) {
    case "client-secret":
      return new ClientSecretCredential(tenantId, auth.clientId, auth.clientSecret, options);
    case "client-certificate": {
      const { pem: certificate } = readCertificateFile(auth.certificateFile, auth.certificatePassword);
      return new ClientCertificateCredential(tenantId, auth.clientId, { certificate }, options);
    }
    case "workload-identity": {
      const { clientId, tokenFile } = auth;
      const file = tokenFile === undefined ? {} : { tokenFilePath: tokenFile };
      return new WorkloadIdentityCredential({ ...options, tenantId, clientId, ...file });
    }
    case "managed-identity":
      return managedIdentity(auth, tenantId, options);
    case "default":
      // Whatever it finds may be set up for our own directory; each token is asked for in the tenant's.
      return inTenant(
        tenantId,
        (own) => new DefaultAzureCredential({ ...options, ...own, additionallyAllowedTenants: ["*"] }),
      );
    default:
      return auth satisfies never;
  }
}

type SdkOptions = NonNullable<ConstructorParameters<typeof ClientSecretCredential>[3]>;

/**
 * A managed identity lives in one directory. In a customer's the application signs in, and the identity's token is its
 * proof (learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity).
 */
function managedIdentity(
  auth: Extract<Auth, { type: "managed-identity" }>,
  tenantId: string,
  options: SdkOptions,
): TokenCredential {
  const whose = auth.identityClientId === undefined ? {} : { clientId: auth.identityClientId };
  const { authorityHost: _, ...local } = options;
  const identity = new ManagedIdentityCredential({ ...local, ...whose });
  if (auth.clientId === undefined) return identity;
  const audience = exchangeAudience(options.authorityHost ?? "");
  const assertion = async () => (await identity.getToken(`${audience}/.default`)).token;
  return new ClientAssertionCredential(tenantId, auth.clientId, assertion, options);
}

/** learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations */
function exchangeAudience(authority: string): string {
  const isGovernment = URL.canParse(authority) && new URL(authority).host.endsWith(".us");
  return isGovernment ? "api://AzureADTokenExchangeUSGov" : "api://AzureADTokenExchange";
}

function inTenant(tenantId: string, create: (own: { tenantId: string }) => TokenCredential): TokenCredential {
  const credential = create({ tenantId });
  return { getToken: (scopes, options) => credential.getToken(scopes, { ...options, tenantId }) };
}

/**
 * Names what an identity proves itself by, the same for all tenants that share it. It changes when the secret or the
 * file does, and tells nothing of either.
 */
export function credentialOf({ auth, authority }: Identity): string {
  const hash = createHash("sha256").update(JSON.stringify([authority, auth]));
  const file = fileOf(auth);
  if (file !== undefined) {
    const stat = statSync(file, { throwIfNoEntry: false });
    hash.update(`${stat?.mtimeMs} ${stat?.size} ${stat?.ino}`);
  }
  return hash.digest("hex");
}

function fileOf(auth: Auth): string | undefined {
  if (auth.type === "client-certificate") return auth.certificateFile;
  if (auth.type === "workload-identity") return auth.tokenFile ?? process.env["AZURE_FEDERATED_TOKEN_FILE"];
  return undefined;
}

/** When the credential ends, ms; undefined where nobody knows. A date is the last whole day, in UTC. */
export function credentialExpiry(auth: Auth): number | undefined {
  if (auth.type === "client-secret" && auth.expires !== undefined) {
    return Date.parse(auth.expires) + 86_400_000;
  }
  if (auth.type !== "client-certificate") return undefined;
  try {
    return readCertificateFile(auth.certificateFile, auth.certificatePassword).expiresMs;
  } catch {
    // The next sign-in says what is wrong with it.
    return undefined;
  }
}

/** What the identity proves itself by, in words for a person. */
export function credentialWords(auth: Auth): string {
  switch (auth.type) {
    case "client-secret":
      return `client secret of application ${auth.clientId}`;
    case "client-certificate":
      return `certificate ${auth.certificateFile}`;
    case "workload-identity":
      return `token of the workload identity (${fileOf(auth) ?? "AZURE_FEDERATED_TOKEN_FILE is not set"})`;
    case "managed-identity":
      return `managed identity${auth.clientId === undefined ? "" : ` for application ${clientIdOf(auth)}`}`;
    default:
      return "chain of default credentials";
  }
}

import type { ResolvedTenant } from "../config/tenant-schema.ts";
import { clientIdOf } from "../net/auth.ts";
import { definitionOf } from "../sources/index.ts";
import type { ApiName } from "../sources/source.ts";

/** What was asked for cannot be done as things are; the message says what would help. */
export class OnboardingError extends Error {
  override readonly name = "OnboardingError";
  /** HTTP status of the page that says it. */
  readonly status: number;

  constructor(message: string, status = 409) {
    super(message);
    this.status = status;
  }
}

/** The APIs that a tenant is read through, each once. Each is consented to alone. */
export function apisOf({ sources }: Pick<ResolvedTenant, "sources">): readonly ApiName[] {
  return [...new Set(sources.map((source) => definitionOf(source).api))];
}

/** The roles that an API is used with. */
export function rolesFor({ sources }: Pick<ResolvedTenant, "sources">, api: ApiName): readonly string[] {
  const definitions = sources.map(definitionOf).filter((definition) => definition.api === api);
  return definitions.map(({ role }) => role);
}

/**
 * Where the customer's administrator lets our application in, for one API
 * (learn.microsoft.com/entra/identity-platform/v2-admin-consent).
 *
 * @throws OnboardingError when there is no application that could be let in.
 */
export function consentLink(
  tenant: ResolvedTenant,
  api: ApiName,
  redirectUri: string | undefined,
  state: string,
): string {
  if (redirectUri === undefined) {
    throw new OnboardingError(
      "Name the redirect URI of the app registration as onboarding.redirectUri first.",
    );
  }
  const clientId = clientIdOf(tenant.auth);
  if (clientId === undefined) {
    throw new OnboardingError(
      `Tenant ${tenant.id} signs in with ${tenant.auth.type} and names no application; a consent needs \`auth.clientId\`.`,
    );
  }
  const { cloud, tenantId } = tenant;
  const audience = api === "graph" ? cloud.graphAudience : cloud.defenderAudience;
  const query = new URLSearchParams({
    client_id: clientId,
    scope: `${audience}/.default`,
    redirect_uri: redirectUri,
    state,
  });
  return `${cloud.authority}/${tenantId}/v2.0/adminconsent?${query}`;
}

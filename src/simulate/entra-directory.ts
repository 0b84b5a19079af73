import type { X509Certificate } from "node:crypto";
import type { FederatedCredential } from "./client-assertion.ts";
import type { Listener } from "./listener.ts";

/** The services that tokens are for. */
export type Resource = "graph" | "defender" | "monitor";

/** An application registration with everything it may prove itself by. All of it may change at run time. */
export interface AppRegistration {
  readonly clientId: string;
  /** Where the consent page may send the administrator back to; undefined: anywhere. */
  redirectUris?: readonly string[];
  secrets: { readonly value: string; readonly expired?: boolean }[];
  certificates: X509Certificate[];
  federated: FederatedCredential[];
}

/** What the sign-in host does instead of its work, for the next `times` requests or until it is cleared. */
type EntraFault = { times?: number } & (
  | { readonly kind: "refuse"; readonly aadsts: number; readonly retryAfter?: string }
  | { readonly kind: "html"; readonly status: number; readonly retryAfter?: string }
  | { readonly kind: "empty-token" }
  | { readonly kind: "slow"; readonly delayMs: number }
  | { readonly kind: "hang" }
  | { readonly kind: "reset" }
);

/** One request for a token, as it was answered. Status 0: not answered. */
interface TokenRequest {
  readonly at: number;
  readonly clientId: string;
  readonly scope: string;
  readonly credential: "secret" | "assertion" | "none";
  /** How the assertion says it is signed: `PS256`. */
  readonly algorithm: string | undefined;
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
  /** What the administrator answers on the consent page: at once, or by pressing a button of it. */
  administrator: "accepts" | "cancels" | "reads";
  /**
   * How long a consent takes to spread, ms: after half of it the application is known, after all of it the tokens
   * carry the roles.
   */
  spreadMs: number;
  /** Client id and service → when that consent has spread, for applications that were let in on the consent page. */
  readonly granted: Map<string, number>;
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
    spreadMs: 0,
    granted: new Map(),
    fault: undefined,
    tokenLifetimeSeconds: undefined,
    requests: [],
  };
}

/** Lets an application in, for one service. */
export function grantConsent(
  directory: Directory,
  clientId: string,
  resource: Resource,
  nowMs: number,
): void {
  directory.granted.set(`${clientId} ${resource}`, nowMs + directory.spreadMs);
  directory.consents.add(clientId);
}

/** Whether the sign-in host knows the application in this directory by now. */
export function isLetIn(directory: Directory, clientId: string, nowMs: number): boolean {
  if (!directory.consents.has(clientId)) return false;
  const spread = grantsOf(directory, clientId);
  return spread.length === 0 || spread.some((atMs) => atMs - directory.spreadMs / 2 <= nowMs);
}

/** The roles that a token carries by now. */
export function rolesNow(
  directory: Directory,
  clientId: string,
  resource: Resource,
  nowMs: number,
): readonly string[] {
  if (grantsOf(directory, clientId).length === 0) return directory.roles[resource];
  const atMs = directory.granted.get(`${clientId} ${resource}`) ?? Number.POSITIVE_INFINITY;
  return atMs <= nowMs ? directory.roles[resource] : [];
}

function grantsOf(directory: Directory, clientId: string): number[] {
  return [...directory.granted].flatMap(([key, atMs]) => (key.startsWith(`${clientId} `) ? [atMs] : []));
}

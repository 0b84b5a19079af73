/** What the texts of refusals speak of. */
export interface RefusalSubject {
  readonly clientId: string;
  readonly tenant: string;
  readonly scope: string;
}

interface Refusal {
  readonly status: number;
  readonly error: string;
  readonly text: (subject: RefusalSubject) => string;
}

/** Refusals of the token endpoint by AADSTS number (learn.microsoft.com/entra/identity-platform/reference-error-codes). */
const REFUSALS: Readonly<Record<number, Refusal>> = {
  50194: {
    status: 400,
    error: "invalid_request",
    text: ({ clientId }) => `Application '${clientId}' is not configured as a multi-tenant application.`,
  },
  50196: {
    status: 400,
    error: "invalid_request",
    text: () => "The server terminated an operation because it encountered a client request loop.",
  },
  65001: {
    status: 400,
    error: "invalid_grant",
    text: ({ clientId }) =>
      `The user or administrator has not consented to use the application with ID '${clientId}'. ` +
      "Send an interactive authorization request for this user and resource.",
  },
  70011: {
    status: 400,
    error: "invalid_scope",
    text: ({ scope }) =>
      `The provided value for the input parameter 'scope' is not valid. The scope ${scope} is not valid.`,
  },
  70021: {
    status: 400,
    error: "invalid_request",
    text: () => "No matching federated identity record found for presented assertion.",
  },
  90002: {
    status: 400,
    error: "invalid_request",
    text: ({ tenant }) =>
      `Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID and are signing into ` +
      "the correct cloud.",
  },
  90033: {
    status: 503,
    error: "temporarily_unavailable",
    text: () => "A transient error has occurred. Please try again.",
  },
  90055: {
    status: 429,
    error: "temporarily_unavailable",
    text: () => "The tenant has exceeded its request quota.",
  },
  500011: {
    status: 400,
    error: "invalid_resource",
    text: ({ scope, tenant }) =>
      `The resource principal named ${scope.replace(/\/\.default$/, "")} was not found in the tenant named ${tenant}.`,
  },
  700016: {
    status: 400,
    error: "unauthorized_client",
    text: ({ clientId, tenant }) =>
      `Application with identifier '${clientId}' was not found in the directory '${tenant}'. This can happen if the ` +
      "application has not been installed by the administrator of the tenant or consented to by any user in the " +
      "tenant. You may have sent your authentication request to the wrong tenant.",
  },
  700021: {
    status: 401,
    error: "invalid_client",
    text: () => "Client assertion application identifier doesn't match 'client_id' parameter.",
  },
  700023: {
    status: 401,
    error: "invalid_client",
    text: () => "Client assertion audience claim does not match Realm issuer.",
  },
  700024: {
    status: 401,
    error: "invalid_client",
    text: () => "Client assertion is not within its valid time range.",
  },
  700027: {
    status: 401,
    error: "invalid_client",
    text: ({ clientId }) =>
      `The certificate with identifier used to sign the client assertion is not registered on application '${clientId}'.`,
  },
  7000112: {
    status: 400,
    error: "unauthorized_client",
    text: ({ clientId }) => `Application '${clientId}' is disabled.`,
  },
  7000215: {
    status: 401,
    error: "invalid_client",
    text: ({ clientId }) =>
      "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the " +
      `client secret ID, for a secret added to app '${clientId}'.`,
  },
  7000218: {
    status: 401,
    error: "invalid_client",
    text: () =>
      "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
  },
  7000222: {
    status: 401,
    error: "invalid_client",
    text: ({ clientId }) => `The provided client secret keys for app '${clientId}' are expired.`,
  },
  7000229: {
    status: 401,
    error: "invalid_client",
    text: ({ clientId, tenant }) =>
      `The client application ${clientId} is missing service principal in the tenant ${tenant}.`,
  },
  9002313: {
    status: 400,
    error: "invalid_request",
    text: () => "Invalid request. Request is malformed or invalid.",
  },
};

/** Status and body of a refusal; a number that is not in the table is refused as `invalid_request`. */
export function refusal(
  code: number,
  subject: RefusalSubject,
  ids: { readonly trace: string; readonly correlation: string; readonly origin: string },
): { readonly status: number; readonly body: object } {
  const known = REFUSALS[code] ?? {
    status: 400,
    error: "invalid_request",
    text: () => "The request was refused.",
  };
  const timestamp = `${new Date().toISOString().slice(0, 19).replace("T", " ")}Z`;
  const tail = `Trace ID: ${ids.trace} Correlation ID: ${ids.correlation} Timestamp: ${timestamp}`;
  return {
    status: known.status,
    body: {
      error: known.error,
      error_description: `AADSTS${code}: ${known.text(subject)} ${tail}`,
      error_codes: [code],
      timestamp,
      trace_id: ids.trace,
      correlation_id: ids.correlation,
      error_uri: `${ids.origin}/error?code=${code}`,
      ...(code === 65001 ? { suberror: "consent_required" } : {}),
    },
  };
}

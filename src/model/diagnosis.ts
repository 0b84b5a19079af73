import type { FailureKind } from "./failure.ts";

/** Who can mend it: we who run the daemon, the customer's administrator, Microsoft, or time alone. */
export type Actor = "provider" | "customer" | "microsoft" | "nobody";

interface Row {
  readonly kind: FailureKind;
  /** `app`: the application's own credential is at fault, so all tenants that share it fail together. */
  readonly scope: "app" | "tenant";
  readonly actor: Actor;
  readonly means: string;
  readonly remedy: string;
}

/**
 * What a refusal of Entra or of a Defender API comes down to: who must act, and what to do. Log lines, the runbook and
 * the commands read it from here. Each name is an anchor of the runbook.
 */
export const DIAGNOSES = {
  "secret-wrong": {
    kind: "unauthorized",
    scope: "app",
    actor: "provider",
    means: "The client secret is not one of the application's, or its id was pasted instead of its value.",
    remedy: "Put the secret's value into the configuration; it is taken over without a restart.",
  },
  "secret-expired": {
    kind: "unauthorized",
    scope: "app",
    actor: "provider",
    means: "The client secret has expired; every tenant that signs in with it fails.",
    remedy:
      "Make a new secret in the app registration and put it into the configuration, or change to a certificate or a federated credential.",
  },
  "certificate-unknown": {
    kind: "unauthorized",
    scope: "app",
    actor: "provider",
    means: "The certificate is not registered with the application, or its key belongs to another one.",
    remedy: "Upload the certificate to the app registration, or configure the one that is there.",
  },
  "clock-wrong": {
    kind: "unauthorized",
    scope: "app",
    actor: "provider",
    means: "Our signed assertion is outside its time: this machine's clock is off.",
    remedy: "Set the clock (NTP); the sign-in heals by itself.",
  },
  "federation-mismatch": {
    kind: "unauthorized",
    scope: "app",
    actor: "provider",
    means:
      "No federated credential of the application matches the issuer, subject and audience of the token.",
    remedy: "Compare them with the federated credential in the app registration, letter by letter.",
  },
  "credential-missing": {
    kind: "unauthorized",
    scope: "app",
    actor: "provider",
    means: "The sign-in carried no credential, or one that cannot be used.",
    remedy: "Check `auth` of the tenant, its file and who may read it.",
  },
  "registration-wrong": {
    kind: "misconfigured",
    scope: "app",
    actor: "provider",
    means: "The app registration is at fault: its permission list, or it is not multi-tenant.",
    remedy: "Set it to accounts in any organizational directory and list the application permissions.",
  },
  "app-not-in-tenant": {
    kind: "unauthorized",
    scope: "tenant",
    actor: "customer",
    means: "The application is not known in this tenant: no consent yet, consent withdrawn, or a wrong id.",
    remedy:
      "Send the link of `alertferry tenants consent` to the customer's administrator, and check the tenant id.",
  },
  "app-disabled": {
    kind: "unauthorized",
    scope: "tenant",
    actor: "customer",
    means: "The customer has disabled our enterprise application.",
    remedy: "Ask the customer's administrator whether that was meant.",
  },
  "consent-missing": {
    kind: "unauthorized",
    scope: "tenant",
    actor: "customer",
    means: "A permission was not consented to, was declined, or needs an administrator.",
    remedy: "Send the link of `alertferry tenants consent` to the customer's administrator.",
  },
  "role-missing": {
    kind: "unauthorized",
    scope: "tenant",
    actor: "customer",
    means:
      "The token lacks the role that the API asks for; just after a consent it spreads for some minutes.",
    remedy:
      "Wait some minutes after a consent; else add the permission to the registration and have the customer consent anew.",
  },
  "not-provisioned": {
    kind: "unauthorized",
    scope: "tenant",
    actor: "customer",
    means: "The tenant has no licence for the product, or its Defender portal was never opened.",
    remedy: "Have the customer check the licence and open the Defender portal once.",
  },
  "policy-blocked": {
    kind: "unauthorized",
    scope: "tenant",
    actor: "customer",
    means: "A Conditional Access, cross-tenant or partner policy of the customer keeps us out.",
    remedy: "Ask the customer's administrator to except our application.",
  },
  "user-sign-in": {
    kind: "unauthorized",
    scope: "tenant",
    actor: "provider",
    means: "The refusal speaks of a user's sign-in, which the daemon never makes.",
    remedy: "Sign in as an application: a secret, a certificate or a federated credential.",
  },
  "tenant-not-found": {
    kind: "misconfigured",
    scope: "tenant",
    actor: "provider",
    means: "There is no such tenant at this sign-in host: a typo, another cloud, or it was deleted.",
    remedy: "Compare `tenantId` and `cloud` with what the customer says.",
  },
  "wrong-cloud": {
    kind: "misconfigured",
    scope: "tenant",
    actor: "provider",
    means: "The tenant lives in another national cloud than the application.",
    remedy: "Register one application in each cloud and name it under `apps`.",
  },
  "audience-unknown": {
    kind: "misconfigured",
    scope: "tenant",
    actor: "provider",
    means: "The tenant does not know the API: a wrong cloud, or a product that was never set up there.",
    remedy: "Check `cloud`; then have the customer open the Defender portal once.",
  },
  "sign-in-malformed": {
    kind: "misconfigured",
    scope: "tenant",
    actor: "provider",
    means: "Entra does not understand our request for a token.",
    remedy: "Check `clouds` and `auth`; if both are right, report it to us.",
  },
  "token-refused": {
    kind: "unauthorized",
    scope: "tenant",
    actor: "nobody",
    means: "The API refused a fresh token: revoked, or a short trouble of the API.",
    remedy: "It is asked for anew by itself; if it stays, check `cloud` and the clock.",
  },
  "query-refused": {
    kind: "misconfigured",
    scope: "tenant",
    actor: "provider",
    means: "The API refuses the query.",
    remedy: "Report it to us, with the request id.",
  },
  "page-limit": {
    kind: "misconfigured",
    scope: "tenant",
    actor: "nobody",
    means: "A limit of the API on page size, skip or links was hit.",
    remedy: "The span is divided and read again by itself; if it stays, lower `poll.pageSize`.",
  },
  "not-found": {
    kind: "misconfigured",
    scope: "tenant",
    actor: "provider",
    means: "There is no such address or object.",
    remedy: "Check the hosts of `clouds`.",
  },
  throttled: {
    kind: "throttled",
    scope: "tenant",
    actor: "nobody",
    means: "The call budget of this application in this tenant is used up.",
    remedy: "Nothing, it is waited out; if it goes on, another program shares the application.",
  },
  "request-loop": {
    kind: "throttled",
    scope: "tenant",
    actor: "nobody",
    means: "Entra saw too many equal requests for a token.",
    remedy: "Nothing, it is waited out; look for another program with the same application.",
  },
  unavailable: {
    kind: "transient",
    scope: "tenant",
    actor: "microsoft",
    means: "The other side is in trouble, or cannot be reached.",
    remedy: "It heals by itself; if it stays, look at the network, the proxy and Microsoft's service health.",
  },
  unknown: {
    kind: "unauthorized",
    scope: "tenant",
    actor: "provider",
    means: "A refusal that stands in no table of ours.",
    remedy: "Its number and words are in `error`; look the number up at Microsoft.",
  },
} as const satisfies Record<string, Row>;

export type Diagnosis = keyof typeof DIAGNOSES;

export const ACTORS: Readonly<Record<Actor, string>> = {
  provider: "we who run the daemon",
  customer: "the customer's administrator",
  microsoft: "Microsoft",
  nobody: "nobody",
};

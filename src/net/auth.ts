import { z } from "zod";
import { Guid, Secret } from "./options.ts";

/** The ways to sign in to a directory, as settings: of tenants that are read and of sinks that are written to. */

const clientId = Guid.describe("Application (client) id of the app registration.");
const expires = z.iso
  .date("must be a date such as 2027-01-31")
  .optional()
  .describe("Last day of the client secret; from 30 days before it on the daemon warns.");
const file = z.string().min(1, "must not be empty").meta({ file: true });

const ClientSecret = z.strictObject({
  type: z.literal("client-secret").describe("Sign in with a client secret."),
  clientId,
  clientSecret: Secret.describe("Client secret of the app registration."),
  expires,
});
const ClientCertificate = z.strictObject({
  type: z.literal("client-certificate").describe("Sign in with a certificate."),
  clientId,
  certificateFile: file.describe(
    "PEM file with the certificate and its private key, or a PFX file. It is read again when it changes.",
  ),
  certificatePassword: Secret.optional().describe("Password of the PFX file or of the private key."),
});
const WorkloadIdentity = z.strictObject({
  type: z.literal("workload-identity").describe("Sign in with a token that the platform writes to a file."),
  clientId,
  tokenFile: file
    .optional()
    .describe("File with the platform's token; without it the one that AZURE_FEDERATED_TOKEN_FILE names."),
});
const ManagedIdentity = z.strictObject({
  type: z.literal("managed-identity").describe("Sign in with the managed identity of the Azure machine."),
  clientId: clientId
    .optional()
    .describe(
      "Application (client) id of the app registration that trusts the identity by a federated credential. Without it the identity itself is used, which works in its own directory only.",
    ),
  identityClientId: Guid.optional().describe(
    "Client id of a user-assigned identity; without it the system-assigned one.",
  ),
});
const DefaultChain = z.strictObject({
  type: z.literal("default").describe("Sign in with whatever the Azure SDK's own chain finds."),
});

/** Every way to sign in. */
export const AUTH_OPTIONS = [
  ClientSecret,
  ClientCertificate,
  WorkloadIdentity,
  ManagedIdentity,
  DefaultChain,
] as const;

export type Auth = z.output<(typeof AUTH_OPTIONS)[number]>;

/** The application that signs in; undefined where the environment alone knows. */
export function clientIdOf(auth: Auth): string | undefined {
  return auth.type === "default" ? undefined : auth.clientId;
}

/** What the other side may not be quoted with. */
export function secretsOf(auth: Auth): readonly string[] {
  if (auth.type === "client-secret") return [auth.clientSecret];
  return auth.type === "client-certificate" ? [auth.certificatePassword ?? ""] : [];
}

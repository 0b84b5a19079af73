import { z } from "zod";
import { Guid, Secret } from "./options.ts";

/** The ways to sign in to a directory, as settings: of tenants that are read and of sinks that are written to. */

const clientId = Guid.describe("Application (client) id of the app registration.");
export const ClientSecret = z.strictObject({
  type: z.literal("client-secret").describe("Sign in with a client secret."),
  clientId,
  clientSecret: Secret.describe("Client secret of the app registration."),
});
export const ClientCertificate = z.strictObject({
  type: z.literal("client-certificate").describe("Sign in with a certificate."),
  clientId,
  certificateFile: z
    .string()
    .min(1, "must not be empty")
    .meta({ file: true })
    .describe("PEM file with the certificate and its private key. It is read again when it changes."),
});

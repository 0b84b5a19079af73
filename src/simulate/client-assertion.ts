import { constants, createHash, verify, type X509Certificate } from "node:crypto";
import { isObject, type JsonObject, text } from "../model/alert.ts";

/** A trust of the application in another identity provider: the token must name exactly these. */
export interface FederatedCredential {
  readonly issuer: string;
  readonly subject: string;
  readonly audience: string;
}

export interface AssertionRules {
  readonly clientId: string;
  /** The audiences that stand for this tenant's token endpoint. */
  readonly audiences: readonly string[];
  readonly certificates: readonly X509Certificate[];
  readonly federated: readonly FederatedCredential[];
}

const CLOCK_SKEW_SECONDS = 300;

/**
 * Checks a client's signed assertion as Entra does: certificate known by its thumbprint, signature made with its key,
 * audience, issuer, subject and time right. A federated token is compared by its claims; the simulated world has no
 * other identity provider whose signature could be checked.
 *
 * @returns the AADSTS number of the refusal; undefined when the assertion is good.
 */
export function checkAssertion(assertion: string, rules: AssertionRules): number | undefined {
  const [head = "", payload = "", signature = ""] = assertion.split(".");
  const header = decode(head);
  const claims = decode(payload);
  if (header === undefined || claims === undefined) return 9002313;
  const { iss: issuer, sub: subject } = claims;
  if (issuer !== rules.clientId) {
    const known = rules.federated.some(
      (credential) =>
        credential.issuer === issuer &&
        credential.subject === subject &&
        credential.audience === claims["aud"],
    );
    return known ? outOfTime(claims) : 70021;
  }
  const certificate = rules.certificates.find((candidate) => isNamedBy(candidate, header));
  if (certificate === undefined) return 700027;
  if (!isSigned(`${head}.${payload}`, signature, text(header["alg"]), certificate)) return 700027;
  if (subject !== rules.clientId) return 700021;
  if (!rules.audiences.includes(String(claims["aud"]))) return 700023;
  return outOfTime(claims);
}

export function algorithmOf(assertion: string | null): string | undefined {
  return text(decode(assertion?.split(".")[0] ?? "")?.["alg"]);
}

function isNamedBy(certificate: X509Certificate, header: JsonObject): boolean {
  const thumbprint = (algorithm: string) => createHash(algorithm).update(certificate.raw).digest("base64url");
  const sha256 = header["x5t#S256"];
  if (sha256 !== undefined) return sha256 === thumbprint("sha256");
  // The padded and the URL-safe form of the older header both occur.
  const sha1 = text(header["x5t"])?.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  return sha1 === thumbprint("sha1");
}

function isSigned(
  content: string,
  signature: string,
  algorithm: string | undefined,
  certificate: X509Certificate,
): boolean {
  const bytes = Buffer.from(signature, "base64url");
  const key = certificate.publicKey;
  if (algorithm === "RS256") return verify("sha256", Buffer.from(content), key, bytes);
  if (algorithm !== "PS256") return false;
  return verify(
    "sha256",
    Buffer.from(content),
    { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST },
    bytes,
  );
}

function outOfTime(claims: JsonObject): number | undefined {
  const now = Date.now() / 1000;
  const { exp, nbf } = claims;
  if (typeof exp !== "number" || exp < now - CLOCK_SKEW_SECONDS) return 700024;
  if (typeof nbf === "number" && nbf > now + CLOCK_SKEW_SECONDS) return 700024;
  return undefined;
}

function decode(part: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString());
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

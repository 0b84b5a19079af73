import { createHash, generateKeyPair, type KeyObject, randomBytes, sign, X509Certificate } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { isIPv4 } from "node:net";
import { promisify } from "node:util";
import * as der from "./der.ts";

/** A certificate with its private key, as text for files and TLS options. */
export interface Certificate {
  /** PEM */
  readonly cert: string;
  /** PEM, PKCS #8 */
  readonly key: string;
  readonly x509: X509Certificate;
}

/** Signs the certificates of one simulated world. Its key lives in memory only. */
export interface Authority {
  /** PEM of the authority's own certificate: what clients have to trust. */
  readonly ca: string;
  issue(request: CertificateRequest): Promise<Certificate>;
}

interface CertificateRequest {
  readonly name: string;
  readonly usage: "server" | "client";
  /** Names and addresses a server is reached by; default `localhost` and `127.0.0.1`. */
  readonly hosts?: readonly string[];
  /** Entra wants RSA from its clients; everything else is faster with EC. */
  readonly keyType?: "ec" | "rsa";
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

const DAY_MS = 86_400_000;
const OID = {
  commonName: "2.5.4.3",
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  subjectKeyId: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyId: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  server: "1.3.6.1.5.5.7.3.1",
  client: "1.3.6.1.5.5.7.3.2",
};

const generate = promisify(generateKeyPair);

/** Makes a new authority. Two of them do not trust each other. */
export async function createAuthority(name = "alertferry simulated authority"): Promise<Authority> {
  const keys = await generate("ec", { namedCurve: "P-256" });
  const self: Issuer = { name, key: keys.privateKey, keyId: keyId(keys.publicKey) };
  const ca = certificate(
    self,
    name,
    keys.publicKey,
    new Date(Date.now() - DAY_MS),
    new Date(Date.now() + 3650 * DAY_MS),
    [
      extension(OID.basicConstraints, der.sequence(der.yes()), true),
      // keyCertSign and cRLSign
      extension(OID.keyUsage, der.bitString(Buffer.from([0b0000_0110]), 1), true),
      extension(OID.subjectKeyId, der.octetString(self.keyId)),
    ],
  );
  return { ca, issue: (request) => issue(self, request) };
}

/** Writes the authority's certificate where a `ca:` key of a configuration can name it. */
export async function writeAuthority(authority: Authority, file: string): Promise<string> {
  await writeFile(file, authority.ca);
  return file;
}

async function issue(issuer: Issuer, request: CertificateRequest): Promise<Certificate> {
  const keys =
    request.keyType === "rsa"
      ? await generate("rsa", { modulusLength: 2048 })
      : await generate("ec", { namedCurve: "P-256" });
  const notBefore = request.notBefore ?? new Date(Date.now() - DAY_MS);
  const notAfter = request.notAfter ?? new Date(Date.now() + 365 * DAY_MS);
  const hosts = request.hosts ?? (request.usage === "server" ? ["localhost", "127.0.0.1"] : []);
  const cert = certificate(issuer, request.name, keys.publicKey, notBefore, notAfter, [
    extension(OID.basicConstraints, der.sequence(), true),
    // digitalSignature and, which only RSA needs, keyEncipherment
    extension(OID.keyUsage, der.bitString(Buffer.from([0b1010_0000]), 5), true),
    extension(OID.extendedKeyUsage, der.sequence(der.objectId(OID[request.usage]))),
    extension(OID.subjectKeyId, der.octetString(keyId(keys.publicKey))),
    extension(OID.authorityKeyId, der.sequence(der.implicit(0, issuer.keyId))),
    ...(hosts.length > 0 ? [extension(OID.subjectAltName, der.sequence(...hosts.map(hostName)))] : []),
  ]);
  const key = keys.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  return { cert, key, x509: new X509Certificate(cert) };
}

interface Issuer {
  readonly name: string;
  readonly key: KeyObject;
  readonly keyId: Buffer;
}

/** RFC 5280 section 4.1, signed with ECDSA and SHA-256. */
function certificate(
  issuer: Issuer,
  name: string,
  publicKey: KeyObject,
  notBefore: Date,
  notAfter: Date,
  extensions: readonly Buffer[],
): string {
  const algorithm = der.sequence(der.objectId(OID.ecdsaWithSha256));
  const version3 = der.explicit(0, der.unsignedInteger(Buffer.from([2])));
  const body = der.sequence(
    version3,
    der.unsignedInteger(randomBytes(16)),
    algorithm,
    distinguishedName(issuer.name),
    der.sequence(der.time(notBefore), der.time(notAfter)),
    distinguishedName(name),
    publicKey.export({ type: "spki", format: "der" }),
    der.explicit(3, der.sequence(...extensions)),
  );
  return der.pem(
    "CERTIFICATE",
    der.sequence(body, algorithm, der.bitString(sign("sha256", body, issuer.key))),
  );
}

function distinguishedName(commonName: string): Buffer {
  return der.sequence(der.setOf(der.sequence(der.objectId(OID.commonName), der.utf8String(commonName))));
}

function extension(id: string, value: Buffer, critical = false): Buffer {
  return der.sequence(der.objectId(id), ...(critical ? [der.yes()] : []), der.octetString(value));
}

function hostName(host: string): Buffer {
  return isIPv4(host)
    ? der.implicit(7, Buffer.from(host.split(".").map(Number)))
    : der.implicit(2, Buffer.from(host, "ascii"));
}

function keyId(publicKey: KeyObject): Buffer {
  return createHash("sha1")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest();
}

import { X509Certificate } from "node:crypto";

/** Why a TLS connection came to nothing, in words that say whose certificate is wrong and what is wrong with it. */

const UNTRUSTED = "its certificate comes from an authority that is not trusted here (tls.ca)";
const NO_TLS = "it does not speak TLS on this port";

/** What Node says when we refuse the other side, as the end of a sentence that begins with its name. */
const WE_REFUSE: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet",
  CERT_REVOKED: "its certificate is revoked",
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NO_TLS,
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
};

/**
 * Alerts by which the other side refuses our certificate. OpenSSL 1.1 to 3.1 say `ERR_SSL_SSLV3_ALERT_…`, later ones
 * `ERR_SSL_SSL/TLS_ALERT_…`; the names are those of RFC 8446 section 6.2.
 */
const THEY_REFUSE =
  /_ALERT_(ACCESS_DENIED|BAD_CERTIFICATE|CERTIFICATE_(?:EXPIRED|REQUIRED|REVOKED|UNKNOWN)|UNKNOWN_CA|UNSUPPORTED_CERTIFICATE)$/;

/** Both sides' certificates, as far as there are any. */
export interface Certificates {
  readonly own: X509Certificate | undefined;
  readonly theirs: X509Certificate | undefined;
}

/**
 * @param cause of the socket's `error`.
 * @returns `its certificate has expired`, the end of a sentence; undefined when neither side refused the other.
 */
export function tlsRefusal(cause: unknown, certificates: Certificates): string | undefined {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return wrongName(cause);
  const ours = WE_REFUSE[code];
  if (ours !== undefined) return ours;
  const alert = THEY_REFUSE.exec(code)?.[1];
  if (alert !== undefined) return clientRefusal(certificates, alert);
  if (!code.endsWith("_ALERT_HANDSHAKE_FAILURE")) return undefined;
  // Under TLS 1.2 that is also how a missing client certificate is refused.
  return certificates.own === undefined
    ? clientRefusal(certificates)
    : "it finds no TLS version or cipher that both sides have";
}

/**
 * What may have displeased the other side about our certificate.
 *
 * @param alert its own word for it; without it the certificates themselves are asked.
 */
export function clientRefusal({ own, theirs }: Certificates, alert?: string): string {
  if (own === undefined) return "it asks for a client certificate, and none is set (tls.cert and tls.key)";
  const refused = `it refuses our client certificate (${nameOf(own.subject)})`;
  const until = new Date(own.validTo);
  if (until < new Date()) return `${refused}: it expired on ${until.toISOString().slice(0, 10)}`;
  if (alert === "CERTIFICATE_EXPIRED") return `${refused}: it has expired by the clock there`;
  if (new Date(own.validFrom) > new Date()) return `${refused}: it is not valid yet`;
  if (alert === "CERTIFICATE_REVOKED") return `${refused}: it is revoked`;
  if (alert === "UNKNOWN_CA") return `${refused}: it does not trust its issuer, ${nameOf(own.issuer)}`;
  // Silence: an issuer that is not also its own is the likelier reason, then the name.
  if (alert === undefined && theirs !== undefined && theirs.issuer !== own.issuer)
    return `${refused}: it probably does not trust its issuer, ${nameOf(own.issuer)}`;
  return `${refused}: its name is probably not permitted there`;
}

/** @returns undefined for what is no certificate. */
export function readCertificate(pem: unknown): X509Certificate | undefined {
  try {
    return typeof pem === "string" || Buffer.isBuffer(pem) ? new X509Certificate(pem) : undefined;
  } catch {
    return undefined;
  }
}

/** Node hangs the refused certificate on this error. */
function wrongName(cause: unknown): string {
  const cert: unknown = cause instanceof Error && "cert" in cause ? cause.cert : undefined;
  const names =
    typeof cert === "object" && cert !== null && "subjectaltname" in cert ? String(cert.subjectaltname) : "";
  return `its certificate is for another name${names === "" ? "" : ` (${names.slice(0, 200)})`}; tls.serverName says which to expect`;
}

/** `CN=a\nO=b` → `CN=a, O=b` */
function nameOf(distinguishedName: string | undefined): string {
  return (distinguishedName ?? "").replaceAll("\n", ", ").slice(0, 200);
}

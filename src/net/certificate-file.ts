import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import forge from "node-forge";

/** The only home of node-forge: PKCS #12 files, which Node itself opens for TLS connections only. */

export interface ClientCertificate {
  /** The certificates, and the private key without a password. */
  readonly pem: string;
  /** End of the validity of the certificate that signs, ms. */
  readonly expiresMs: number;
}

/**
 * Reads a certificate with its private key, from PEM text or from a PFX (PKCS #12, RFC 7292) file.
 *
 * @throws Error whose message says what is missing; that of an unreadable file has a `code`.
 */
export function readCertificateFile(path: string, password: string | undefined): ClientCertificate {
  const content = readFileSync(path);
  const pem = content.includes("-----BEGIN")
    ? fromPem(content.toString(), password)
    : fromPfx(content, password);
  return { pem, expiresMs: Date.parse(new X509Certificate(pem).validTo) };
}

function fromPem(text: string, password: string | undefined): string {
  const blocks = text.match(/-----BEGIN ([A-Z ]+)-----[\s\S]+?-----END \1-----/g) ?? [];
  const certificates = blocks.filter((block) => block.startsWith("-----BEGIN CERTIFICATE-----"));
  const key = blocks.find((block) => /^-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(block));
  if (certificates.length === 0) throw new Error("there is no certificate in it");
  if (key === undefined) throw new Error("there is no private key in it");
  const plain = createPrivateKey({ key, ...(password === undefined ? {} : { passphrase: password }) });
  return [...certificates, String(plain.export({ type: "pkcs8", format: "pem" }))].join("\n");
}

function fromPfx(content: Buffer, password = ""): string {
  const { pki, pkcs12, asn1, util } = forge;
  const store = pkcs12.pkcs12FromAsn1(asn1.fromDer(util.createBuffer(content.toString("binary"))), password);
  const bags = (type: string | undefined) =>
    type === undefined ? [] : (store.getBags({ bagType: type })[type] ?? []);
  const { pkcs8ShroudedKeyBag = "", keyBag = "", certBag = "" } = pki.oids;
  const [keyPart] = [...bags(pkcs8ShroudedKeyBag), ...bags(keyBag)];
  if (keyPart?.key === undefined || keyPart.key === null) throw new Error("there is no private key in it");
  const id = keyPart.attributes?.["localKeyId"]?.[0];
  // The certificate of the key comes first, the authorities above it follow.
  const certificates = bags(certBag)
    .sort(
      (a, b) =>
        Number(b.attributes?.["localKeyId"]?.[0] === id) - Number(a.attributes?.["localKeyId"]?.[0] === id),
    )
    .map(({ cert, asn1: tree }) => {
      // Those whose signature is no RSA one stay undecoded.
      const whole = cert === undefined || cert === null ? tree : pki.certificateToAsn1(cert);
      return new X509Certificate(Buffer.from(asn1.toDer(whole).getBytes(), "binary")).toString();
    });
  if (certificates.length === 0) throw new Error("there is no certificate in it");
  return [...certificates, pki.privateKeyToPem(keyPart.key)].join("\n");
}

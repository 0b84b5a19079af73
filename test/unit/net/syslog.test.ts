import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type RelpFrame, RelpReader, relpFrame } from "../../../src/net/relp.ts";
import { frame } from "../../../src/net/syslog-stream.ts";
import { type Certificates, clientRefusal, tlsRefusal } from "../../../src/net/tls-failure.ts";
import { createAuthority } from "../../../src/simulate/certificates.ts";

describe("a frame", () => {
  it.each([
    ["octet-counting", "<165>1 - h a - - - hi", "21 <165>1 - h a - - - hi"],
    [
      "octet-counting",
      "<165>1 - h a - - - Grüße 日本 \u{1f600}",
      "38 <165>1 - h a - - - Grüße 日本 \u{1f600}",
    ],
    ["newline", "<165>1 - h a - - - hi", "<165>1 - h a - - - hi\n"],
  ] as const)("of %s counts bytes or ends the line: %s", (framing, message, framed) => {
    expect(frame(message, framing)).toBe(framed);
  });
});

/** Frames that receivers were seen to take; they lie beside the repository where they are there at all. */
const RECORDED = resolve("../shared/data/sinks/syslog-framing-vectors.json");

describe.runIf(existsSync(RECORDED))("a recorded frame", () => {
  it("is written as it was", () => {
    const vectors: readonly { message: string; frame: string }[] = JSON.parse(
      readFileSync(RECORDED, "utf8"),
    ).framing;

    const written = vectors.map(({ message, frame: recorded }) =>
      frame(message, recorded.endsWith("\n") ? "newline" : "octet-counting"),
    );

    expect(vectors.length).toBeGreaterThan(2);
    expect(written).toEqual(vectors.map(({ frame: recorded }) => recorded));
  });
});

describe("a RELP frame", () => {
  it.each([
    [relpFrame(2, "syslog", "hello"), "2 syslog 5 hello\n"],
    [relpFrame(3, "syslog", "ü"), "3 syslog 2 ü\n"],
    [relpFrame(4, "close"), "4 close 0\n"],
  ])("is %j", (written, expected) => {
    expect(written).toBe(expected);
  });

  it("is read wherever the stream is cut", () => {
    const frames = fc.array(
      fc.record({
        number: fc.integer({ min: 0, max: 999_999_999 }),
        command: fc.constantFrom("rsp", "serverclose", "open"),
        data: fc.string({ unit: "binary", maxLength: 40 }),
      }),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 30 })), (written, cuts) => {
        const bytes = Buffer.from(
          written.map(({ number, command, data }) => relpFrame(number, command, data)).join(""),
        );
        const reader = new RelpReader();
        const read: RelpFrame[] = [];
        let at = 0;
        for (const cut of [...cuts, bytes.length]) {
          read.push(...(reader.read(bytes.subarray(at, at + cut)) ?? []));
          at += cut;
        }
        expect(read.map(({ number, command, data }) => ({ number, command, data }))).toEqual(written);
      }),
    );
  });

  it.each(["HTTP/1.1 400 Bad Request\r\n\r\n", "1 rsp 3 200x", "1 rsp 999999999 ", "x".repeat(60)])(
    "is not seen in %j",
    (text) => {
      expect(new RelpReader().read(Buffer.from(text))).toBeUndefined();
    },
  );
});

describe("a TLS refusal", () => {
  const NONE: Certificates = { own: undefined, theirs: undefined };
  const DAY_MS = 86_400_000;

  async function certificates(
    days: { from?: number; to?: number } = {},
    isOther = false,
  ): Promise<Certificates> {
    const authority = await createAuthority("Our CA");
    const issuer = isOther ? await createAuthority("Another CA") : authority;
    const client = await issuer.issue({
      name: "forwarder.example",
      usage: "client",
      notBefore: new Date(Date.now() + (days.from ?? -1) * DAY_MS),
      notAfter: new Date(Date.now() + (days.to ?? 1) * DAY_MS),
    });
    const server = await authority.issue({ name: "localhost", usage: "server" });
    return { own: client.x509, theirs: server.x509 };
  }

  it.each([
    ["CERT_HAS_EXPIRED", "its certificate has expired"],
    ["SELF_SIGNED_CERT_IN_CHAIN", "an authority that is not trusted here"],
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "an authority that is not trusted here"],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "it does not speak TLS"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "its certificate is for another name"],
    ["ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "it asks for a client certificate, and none is set"],
    ["ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE", "it asks for a client certificate, and none is set"],
  ])("that Node calls %s is told as: %s", (code, words) => {
    expect(tlsRefusal(anError(code), NONE)).toContain(words);
  });

  it.each([
    ["ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", "does not trust its issuer, CN=Our CA"],
    ["ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED", "has expired by the clock there"],
    ["ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED", "is revoked"],
    ["ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE", "its name is probably not permitted there"],
    ["ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE", "no TLS version or cipher"],
  ])("of our certificate by %s is told as: %s", async (code, words) => {
    expect(tlsRefusal(anError(code), await certificates())).toContain(words);
  });

  it.each(["ECONNRESET", "EPIPE", "ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC"])(
    "is not seen in %s",
    (code) => {
      expect(tlsRefusal(anError(code), NONE)).toBeUndefined();
    },
  );

  it.each([
    [{ to: -0.5, from: -2 }, false, /\(CN=forwarder\.example\): it expired on \d{4}-\d\d-\d\d$/],
    [{ from: 1, to: 2 }, false, /it is not valid yet$/],
    [{}, true, /it probably does not trust its issuer, CN=Another CA$/],
    [{}, false, /its name is probably not permitted there$/],
  ])("without a word is guessed from our certificate: %o, other issuer %s", async (days, isOther, words) => {
    expect(clientRefusal(await certificates(days, isOther))).toMatch(words);
  });

  it("of an authority's certificate itself does not fail", async () => {
    const { ca } = await createAuthority("Our CA");

    expect(clientRefusal({ own: new X509Certificate(ca), theirs: undefined })).toContain("CN=Our CA");
  });
});

function anError(code: string): Error {
  return Object.assign(new Error("broken"), { code });
}

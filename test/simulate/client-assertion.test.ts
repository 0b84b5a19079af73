import { constants, createHash, sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import { type Certificate, createAuthority } from "../../src/simulate/certificates.ts";
import { checkAssertion } from "../../src/simulate/client-assertion.ts";

const CLIENT = "11111111-2222-4333-8444-555555555555";
const AUDIENCE = "https://127.0.0.1:1/tenant/oauth2/v2.0/token";
const FEDERATED = {
  issuer: "https://issuer.example",
  subject: "system:serviceaccount:soc:ferry",
  audience: "api://AzureADTokenExchange",
};

const certificate = await (await createAuthority()).issue({
  name: "client",
  usage: "client",
  keyType: "rsa",
});

describe("a client's assertion", () => {
  it.each(["PS256", "RS256"] as const)(
    "is good when signed with %s by the registered certificate's key",
    (algorithm) => {
      expect(check(assertion({ algorithm }))).toBeUndefined();
    },
  );

  it.each([
    ["x5t", "sha1"],
    ["x5t#S256", "sha256"],
  ])("names its certificate by %s", (name, hash) => {
    expect(check(assertion({ header: { [name]: thumbprint(certificate, hash) } }))).toBeUndefined();
    expect(check(assertion({ header: { [name]: "another" } }))).toBe(700027);
  });

  it.each([
    ["another tenant's token endpoint", { aud: "https://127.0.0.1:1/other/oauth2/v2.0/token" }, 700023],
    ["another application's name as subject", { sub: "somebody" }, 700021],
    ["a time that is over", { exp: seconds() - 600 }, 700024],
    ["a time to come", { nbf: seconds() + 600 }, 700024],
    ["no time at all", { exp: undefined }, 700024],
  ])("is refused with %s", (_, claims, code) => {
    expect(check(assertion({ claims }))).toBe(code);
  });

  it("is refused when its text was changed, and when it is none", () => {
    const [head, , signature] = assertion({}).split(".");
    const changed = encode({ ...goodClaims(), jti: "changed" });

    expect(check(`${head}.${changed}.${signature}`)).toBe(700027);
    expect(check("hello")).toBe(9002313);
    expect(check(assertion({ algorithm: "none" }))).toBe(700027);
  });

  it("of another identity provider is good only when exactly this issuer, subject and audience are trusted", () => {
    const claims = { iss: FEDERATED.issuer, sub: FEDERATED.subject, aud: FEDERATED.audience };

    expect(check(assertion({ claims }))).toBeUndefined();
    expect(check(assertion({ claims: { ...claims, sub: "system:serviceaccount:soc:other" } }))).toBe(70021);
    expect(check(assertion({ claims: { ...claims, exp: 0 } }))).toBe(700024);
  });
});

function check(text: string): number | undefined {
  return checkAssertion(text, {
    clientId: CLIENT,
    audiences: [AUDIENCE],
    certificates: [certificate.x509],
    federated: [FEDERATED],
  });
}

interface Parts {
  readonly algorithm?: "PS256" | "RS256" | "none";
  readonly header?: object;
  readonly claims?: object;
}

function assertion({ algorithm = "PS256", header, claims }: Parts): string {
  const head = encode({
    alg: algorithm,
    typ: "JWT",
    ...(header ?? { "x5t#S256": thumbprint(certificate, "sha256") }),
  });
  const content = `${head}.${encode({ ...goodClaims(), ...claims })}`;
  const padding = algorithm === "PS256" ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } : {};
  const signature = sign("sha256", Buffer.from(content), { key: certificate.key, ...padding });
  return `${content}.${signature.toString("base64url")}`;
}

function goodClaims(): object {
  return { aud: AUDIENCE, iss: CLIENT, sub: CLIENT, jti: "1", nbf: seconds(), exp: seconds() + 600 };
}

function thumbprint({ x509 }: Certificate, hash: string): string {
  return createHash(hash).update(x509.raw).digest("base64url");
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function seconds(): number {
  return Math.floor(Date.now() / 1000);
}

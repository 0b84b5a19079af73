import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { createAppGate } from "../../../src/net/app-gate.ts";
import type { Auth } from "../../../src/net/auth.ts";
import { readCertificateFile } from "../../../src/net/certificate-file.ts";
import { TokenCache } from "../../../src/net/credentials.ts";
import { credentialExpiry, type Identity } from "../../../src/net/identity.ts";
import type { Certificate } from "../../../src/simulate/certificates.ts";
import { aWorld } from "../../simulate/support.ts";
import { startMetadataEndpoint } from "../../support/metadata-endpoint.ts";
import { failureOf } from "./support.ts";

const GRAPH = "https://graph.microsoft.com";
const MINUTE_MS = 60_000;
const TRUST = {
  issuer: "https://issuer.example/oidc",
  subject: "system:serviceaccount:soc:alertferry",
  audience: "api://AzureADTokenExchange",
};

/** An application that every tenant of the world has let in. */
async function aBench(...tenants: string[]) {
  const world = await aWorld({ tenants: tenants.length === 0 ? ["contoso"] : tenants });
  const ca = await readFile(world.cloud.ca, "utf8");
  const [first] = world.tenants;
  if (first === undefined) throw new Error("The world has no tenant.");
  const identity = (auth: Auth, { tenantId } = first): Identity => ({
    ...{ tenantId, auth, authority: world.cloud.authority, ca, proxy: undefined },
  });
  return { world, tenant: first, clientId: first.clientId, identity };
}

function ask(tokens: TokenCache): Promise<string> {
  return tokens.token(GRAPH, new AbortController().signal);
}

async function aFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "identity-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

/** The token of another identity provider; the simulated Entra compares its claims. */
function platformToken(claims: object = {}): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const { issuer: iss, subject: sub, audience: aud } = TRUST;
  return `${part({ alg: "RS256", typ: "JWT" })}.${part({ iss, sub, aud, nbf: now, exp: now + 600, ...claims })}.c2ln`;
}

/** A PFX file as OpenSSL writes it. */
async function aPfx({ cert, key }: Certificate, password: string, ...more: string[]): Promise<string> {
  const folder = await aFolder();
  await writeFile(join(folder, "both.pem"), `${cert}${key}`);
  const file = join(folder, "app.pfx");
  const command = ["pkcs12", "-export", "-in", join(folder, "both.pem"), "-out", file];
  execFileSync("openssl", [...command, "-passout", `pass:${password}`, ...more], { stdio: "pipe" });
  return file;
}

describe("an application signs in", () => {
  it("with a certificate, by an assertion that is signed with PS256", async () => {
    const { world, tenant, clientId, identity } = await aBench();
    const { cert, key } = await world.clientCertificate();
    const certificateFile = join(await aFolder(), "app.pem");
    await writeFile(certificateFile, `${cert}${key}`);

    await ask(new TokenCache(identity({ type: "client-certificate", clientId, certificateFile })));

    expect(tenant.entra.requests).toMatchObject([
      { credential: "assertion", algorithm: "PS256", status: 200 },
    ]);
  });

  it.each([
    ["as OpenSSL writes it today", []],
    ["of the older kind", ["-legacy", "-descert"]],
  ])("with a PFX file %s", async (_, options) => {
    const { world, tenant, clientId, identity } = await aBench();
    const certificateFile = await aPfx(await world.clientCertificate(), "a b", ...options);
    const auth = {
      type: "client-certificate",
      clientId,
      certificateFile,
      certificatePassword: "a b",
    } as const;

    await ask(new TokenCache(identity(auth)));

    expect(tenant.entra.requests).toMatchObject([{ algorithm: "PS256", status: 200 }]);
  });

  it("with the token that the platform has written last", async () => {
    const { tenant, clientId, identity } = await aBench();
    tenant.app.federated = [TRUST];
    const tokenFile = join(await aFolder(), "token");
    await writeFile(tokenFile, platformToken({ sub: "system:serviceaccount:soc:other" }));
    const tokens = new TokenCache(identity({ type: "workload-identity", clientId, tokenFile }));

    const refused = await failureOf(ask(tokens));
    await writeFile(tokenFile, platformToken());
    await ask(tokens);

    expect(refused).toMatchObject({ code: "AADSTS70021", diagnosis: "federation-mismatch", app: clientId });
    expect(tenant.entra.requests.map(({ status }) => status)).toEqual([400, 200]);
  });

  it("with the managed identity of the machine as its proof", async () => {
    const { tenant, clientId, identity } = await aBench();
    tenant.app.federated = [TRUST];
    const metadata = await startMetadataEndpoint(() => platformToken());
    vi.stubEnv("AZURE_POD_IDENTITY_AUTHORITY_HOST", metadata.origin);
    onTestFinished(() => void vi.unstubAllEnvs());
    const identityClientId = "6f1d3c5b-0e2a-4b7c-9d8e-1a2b3c4d5e6f";

    await ask(new TokenCache(identity({ type: "managed-identity", clientId, identityClientId })));

    expect(metadata.asked).toEqual([{ resource: "api://AzureADTokenExchange", clientId: identityClientId }]);
    expect(tenant.entra.requests).toMatchObject([{ clientId, credential: "assertion", status: 200 }]);
  });

  it("with whatever the environment holds, in the tenant's directory and not in its own", async () => {
    const { tenant, clientId, identity } = await aBench();
    vi.stubEnv("AZURE_TENANT_ID", "00000000-1111-4222-8333-444444444444");
    vi.stubEnv("AZURE_CLIENT_ID", clientId);
    vi.stubEnv("AZURE_CLIENT_SECRET", tenant.clientSecret);
    onTestFinished(() => void vi.unstubAllEnvs());

    await ask(new TokenCache(identity({ type: "default" })));

    expect(tenant.entra.requests).toMatchObject([{ clientId, credential: "secret", status: 200 }]);
  });
});

describe("a PFX file", () => {
  it.each([
    ["with another password", "wrong"],
    ["without a password where it has one", undefined],
  ])("cannot be read %s, and what is said names neither", async (_, password) => {
    const { world } = await aBench();
    const file = await aPfx(await world.clientCertificate(), "right");

    expect(() => readCertificateFile(file, password)).toThrow(/^(?!.*(right|wrong)).*$/);
  });
});

describe("a credential that is refused for all its tenants", () => {
  it("is asked about by one of them, and by all as soon as it is another", async () => {
    const names = Array.from({ length: 40 }, (_, at) => `tenant-${at}`);
    const { world, clientId, tenant, identity } = await aBench(...names);
    const expired = { value: "the-old-secret", expired: true };
    tenant.app.secrets = [expired, { value: "the-new-secret" }];
    const gate = createAppGate();
    const all = (clientSecret: string) =>
      world.tenants.map(
        (each) => new TokenCache(identity({ type: "client-secret", clientId, clientSecret }, each), gate),
      );
    const requests = () => world.tenants.flatMap(({ entra }) => entra.requests).length;
    const [first, ...others] = all(expired.value);

    const refusal = await failureOf(ask(first ?? new TokenCache(identity({ type: "default" }))));
    const told = await Promise.all(others.map((tokens) => failureOf(ask(tokens))));
    const askedWhileRefused = requests();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + MINUTE_MS });
    onTestFinished(() => void vi.useRealTimers());
    await Promise.all(others.map((tokens) => failureOf(ask(tokens))));
    const askedAfterAMinute = requests();
    await Promise.all(all("the-new-secret").map(ask));

    expect(refusal).toMatchObject({ code: "AADSTS7000222", diagnosis: "secret-expired", app: clientId });
    expect(new Set(told)).toEqual(new Set([refusal]));
    expect([askedWhileRefused, askedAfterAMinute, requests()]).toEqual([1, 2, 42]);
  });
});

describe("the end of a credential", () => {
  it("is that of the certificate, or the end of the last day that is configured for the secret", async () => {
    const { world, clientId } = await aBench();
    const certificate = await world.clientCertificate();
    const certificateFile = await aPfx(certificate, "");
    const secret = { type: "client-secret", clientId, clientSecret: "x" } as const;

    expect(credentialExpiry({ type: "client-certificate", clientId, certificateFile })).toBe(
      Date.parse(certificate.x509.validTo),
    );
    expect(credentialExpiry({ ...secret, expires: "2027-01-31" })).toBe(Date.UTC(2027, 1, 1));
    expect(credentialExpiry(secret)).toBeUndefined();
  });
});

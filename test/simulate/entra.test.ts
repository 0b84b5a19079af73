import { readFileSync } from "node:fs";
import { ClientCertificateCredential, ClientSecretCredential } from "@azure/identity";
import { describe, expect, it } from "vitest";
import { createAuthority } from "../../src/simulate/certificates.ts";
import type { World } from "../../src/simulate/world.ts";
import { askEntra, askToken, aWorld, SCOPES, tokenFor } from "./support.ts";

describe("the sign-in host, asked by the Azure SDK", () => {
  it("gives a token for a client secret", async () => {
    const world = await aWorld();
    const tenant = world.tenant("contoso");

    const token = await new ClientSecretCredential(
      tenant.tenantId,
      tenant.clientId,
      tenant.clientSecret,
      sdkOptions(world),
    ).getToken(SCOPES.graph);

    expect(claimsOf(token.token)).toMatchObject({
      tid: tenant.tenantId,
      aud: "https://graph.microsoft.com",
      appid: tenant.clientId,
      roles: ["SecurityAlert.Read.All", "SecurityIncident.Read.All"],
    });
    expect(tenant.entra.requests).toMatchObject([{ credential: "secret", scope: SCOPES.graph, status: 200 }]);
  });

  it("gives a token for a registered certificate", async () => {
    const world = await aWorld();
    const tenant = world.tenant("contoso");
    const { cert, key } = await world.clientCertificate();

    const token = await certificateCredential(world, `${key}${cert}`).getToken(SCOPES.defender);

    expect(claimsOf(token.token)).toMatchObject({ aud: "https://api.securitycenter.microsoft.com" });
    expect(tenant.entra.requests).toMatchObject([{ credential: "assertion", status: 200 }]);
  });

  it("refuses a certificate that is not registered", async () => {
    const world = await aWorld();
    const { cert, key } = await (await createAuthority()).issue({
      name: "x",
      usage: "client",
      keyType: "rsa",
    });

    await expect(certificateCredential(world, `${key}${cert}`).getToken(SCOPES.graph)).rejects.toThrow(
      "AADSTS700027",
    );
  });

  it("refuses a key that is not the registered certificate's", async () => {
    const world = await aWorld();
    const { cert } = await world.clientCertificate();
    const { key } = await world.authority.issue({ name: "x", usage: "client", keyType: "rsa" });

    await expect(certificateCredential(world, `${key}${cert}`).getToken(SCOPES.graph)).rejects.toThrow(
      "AADSTS700027",
    );
  });

  it("is asked once for as long as a token is good", async () => {
    const world = await aWorld();
    const tenant = world.tenant("contoso");
    const credential = new ClientSecretCredential(
      tenant.tenantId,
      tenant.clientId,
      tenant.clientSecret,
      sdkOptions(world),
    );

    await credential.getToken(SCOPES.graph);
    await credential.getToken(SCOPES.graph);
    await credential.getToken(SCOPES.defender);

    expect(tenant.entra.requests.map(({ scope }) => scope)).toEqual([SCOPES.graph, SCOPES.defender]);
  });

  it("tells its refusal in Microsoft's words", async () => {
    const world = await aWorld();
    const tenant = world.tenant("contoso");

    const credential = new ClientSecretCredential(
      tenant.tenantId,
      tenant.clientId,
      "wrong",
      sdkOptions(world),
    );

    await expect(credential.getToken(SCOPES.graph)).rejects.toThrow(
      "AADSTS7000215: Invalid client secret provided.",
    );
  });
});

describe("the sign-in host", () => {
  it.each([
    {
      why: "a wrong secret",
      change: { client_secret: "wrong" },
      status: 401,
      code: 7000215,
      error: "invalid_client",
    },
    {
      why: "a scope without /.default",
      change: { scope: "https://graph.microsoft.com/x" },
      status: 400,
      code: 70011,
      error: "invalid_scope",
    },
    {
      why: "an unknown service",
      change: { scope: "https://nothing.example/.default" },
      status: 400,
      code: 500011,
      error: "invalid_resource",
    },
    {
      why: "an unknown application",
      change: { client_id: "nobody" },
      status: 400,
      code: 700016,
      error: "unauthorized_client",
    },
    {
      why: "another grant",
      change: { grant_type: "password" },
      status: 400,
      code: 9002313,
      error: "invalid_request",
    },
  ])("refuses $why with AADSTS$code", async ({ change, status, code, error }) => {
    const world = await aWorld();

    const reply = await askToken(world, world.tenant("contoso"), change);

    expect(reply.status).toBe(status);
    expect(reply.body).toMatchObject({
      error,
      error_codes: [code],
      error_description: expect.stringMatching(`^AADSTS${code}: `),
    });
    expect(reply.body).toHaveProperty("trace_id");
    expect(reply.body).toHaveProperty("correlation_id");
  });

  it("refuses a request without a credential, an unknown tenant, an expired secret, and an application not let in", async () => {
    const world = await aWorld({ apps: "per-tenant", tenants: ["contoso", "fabrikam"] });
    const [contoso, fabrikam] = [world.tenant("contoso"), world.tenant("fabrikam")];

    const form = { grant_type: "client_credentials", client_id: contoso.clientId, scope: SCOPES.graph };
    const codes = [
      await askEntra(world, `/${contoso.tenantId}/oauth2/v2.0/token`, form),
      await askEntra(world, "/00000000-0000-4000-8000-000000000404/oauth2/v2.0/token", form),
    ];
    contoso.app.secrets = [{ value: contoso.clientSecret, expired: true }];
    codes.push(await askToken(world, contoso));
    fabrikam.entra.consents.clear();
    codes.push(await askToken(world, fabrikam));
    fabrikam.entra.missingAppCode = 700016;
    codes.push(await askToken(world, fabrikam));

    expect(codes.map(({ body }) => body.error_codes[0])).toEqual([7000218, 90002, 7000222, 7000229, 700016]);
  });

  it("gives a token without roles where none are granted", async () => {
    const world = await aWorld();
    const tenant = world.tenant("contoso");
    tenant.entra.roles.graph = [];

    expect(claimsOf(await tokenFor(world, tenant, "graph"))).toMatchObject({ roles: [] });
  });

  it("gives tokens as short as it is told, for one tenant or for all", async () => {
    const world = await aWorld({ tokenLifetimeSeconds: 600 });
    const tenant = world.tenant("contoso");
    const general = await askToken(world, tenant);
    tenant.entra.tokenLifetimeSeconds = 1;

    expect([general.body.expires_in, (await askToken(world, tenant)).body.expires_in]).toEqual([600, 1]);
  });

  it("accepts the simulated addresses as audiences", async () => {
    const world = await aWorld();
    const scope = `${world.cloud.graph}/.default`;

    const { body } = await askToken(world, world.tenant("contoso"), { scope });

    expect(claimsOf(body.access_token)).toMatchObject({ aud: world.cloud.graph });
  });

  it("plays a fault for as many requests as it is told, for one tenant only", async () => {
    const world = await aWorld({ tenants: ["contoso", "fabrikam"] });
    const tenant = world.tenant("contoso");
    tenant.entra.fault = { kind: "refuse", aadsts: 90055, retryAfter: "7", times: 1 };

    const refused = await askToken(world, tenant);
    const other = await askToken(world, world.tenant("fabrikam"));
    const again = await askToken(world, tenant);

    expect([refused.status, refused.headers["retry-after"], other.status, again.status]).toEqual([
      429,
      "7",
      200,
      200,
    ]);
    expect(tenant.entra.requests.map(({ aadsts }) => aadsts)).toEqual([90055, undefined]);
  });

  it.each([
    { fault: { kind: "html", status: 503 }, status: 503, type: "text/html" },
    { fault: { kind: "empty-token" }, status: 200, type: "application/json" },
    { fault: { kind: "refuse", aadsts: 90033 }, status: 503, type: "application/json" },
  ] as const)("answers $fault.kind for all tenants", async ({ fault, status, type }) => {
    const world = await aWorld();
    world.entra.fault = { ...fault };

    const reply = await askToken(world, world.tenant("contoso"));

    expect(reply.status).toBe(status);
    expect(reply.headers["content-type"]).toContain(type);
  });

  it("cuts the connection when it is told to", async () => {
    const world = await aWorld();
    world.entra.fault = { kind: "reset" };

    await expect(askToken(world, world.tenant("contoso"))).rejects.toThrow(/socket hang up|ECONNRESET/);
  });

  it("sends the administrator back with the consent, and lets the application in", async () => {
    const world = await aWorld();
    const tenant = world.tenant("contoso");
    tenant.entra.consents.clear();
    const page = `/${tenant.tenantId}/v2.0/adminconsent?client_id=${tenant.clientId}&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default&state=a%20b&redirect_uri=${encodeURIComponent("http://127.0.0.1:1/onboard/callback")}`;

    tenant.entra.administrator = "cancels";
    const cancelled = new URL((await askEntra(world, page)).headers["location"] ?? "");
    tenant.entra.administrator = "accepts";
    const accepted = new URL((await askEntra(world, page)).headers["location"] ?? "");

    expect(Object.fromEntries(cancelled.searchParams)).toMatchObject({
      admin_consent: "True",
      error: "consent_required",
      state: "a b",
    });
    expect(Object.fromEntries(accepted.searchParams)).toMatchObject({
      admin_consent: "True",
      tenant: tenant.tenantId,
      state: "a b",
    });
    expect((await askToken(world, tenant)).status).toBe(200);
  });
});

function sdkOptions(world: World): object {
  return {
    authorityHost: world.cloud.authority,
    disableInstanceDiscovery: true,
    tlsOptions: { ca: readFileSync(world.cloud.ca, "utf8") },
    retryOptions: { maxRetries: 0 },
  };
}

function certificateCredential(world: World, certificate: string): ClientCertificateCredential {
  const { tenantId, clientId } = world.tenant("contoso");
  return new ClientCertificateCredential(tenantId, clientId, { certificate }, sdkOptions(world));
}

function claimsOf(token: string): unknown {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
}

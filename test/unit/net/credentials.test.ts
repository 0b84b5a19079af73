import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { createAppGate } from "../../../src/net/app-gate.ts";
import { TokenCache } from "../../../src/net/credentials.ts";
import type { Identity } from "../../../src/net/identity.ts";
import { createAuthority } from "../../../src/simulate/certificates.ts";
import type { WorldTenant } from "../../../src/simulate/tenant.ts";
import type { World } from "../../../src/simulate/world.ts";
import { aWorld } from "../../simulate/support.ts";
import { aProxy, aServer, everythingAbout, failureOf } from "./support.ts";

const GRAPH = "https://graph.microsoft.com";
const DEFENDER = "https://api.securitycenter.microsoft.com";
const MINUTE_MS = 60_000;

interface Bench {
  readonly world: World;
  readonly tenant: WorldTenant;
  /** The tenant's own, with a client secret. */
  readonly identity: Identity;
  /** How many tokens were asked for so far. */
  readonly asked: () => number;
}

async function aBench(): Promise<Bench> {
  const world = await aWorld();
  const tenant = world.tenant("contoso");
  const { tenantId, clientId, clientSecret } = tenant;
  const ca = await readFile(world.cloud.ca, "utf8");
  return {
    world,
    tenant,
    identity: {
      tenantId,
      auth: { type: "client-secret", clientId, clientSecret },
      authority: world.cloud.authority,
      ca,
      proxy: undefined,
    },
    asked: () => tenant.entra.requests.length,
  };
}

function ask(tokens: TokenCache, audience = GRAPH, signal = new AbortController().signal): Promise<string> {
  return tokens.token(audience, signal);
}

function claimsOf(token: string): unknown {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
}

/** Sets the clock forward without touching timers. */
function setForward(ms: number): void {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + ms });
  onTestFinished(() => void vi.useRealTimers());
}

describe("a token", () => {
  it("is for the tenant, the application and the audience that was asked for", async () => {
    const { identity, tenant } = await aBench();

    const token = await ask(new TokenCache(identity));

    expect(claimsOf(token)).toMatchObject({ tid: tenant.tenantId, appid: tenant.clientId, aud: GRAPH });
  });

  it("is asked for once by fifty who ask at the same time", async () => {
    const { identity, asked } = await aBench();
    const tokens = new TokenCache(identity);

    const given = await Promise.all(Array.from({ length: 50 }, () => ask(tokens)));

    expect(new Set(given).size).toBe(1);
    expect(asked()).toBe(1);
  });

  it("is kept, for each audience its own", async () => {
    const { identity, tenant } = await aBench();
    const tokens = new TokenCache(identity);

    const first = [await ask(tokens, GRAPH), await ask(tokens, DEFENDER)];
    const again = [await ask(tokens, GRAPH), await ask(tokens, DEFENDER)];

    expect(again).toEqual(first);
    expect(tenant.entra.requests.map(({ scope }) => scope)).toEqual([
      `${GRAPH}/.default`,
      `${DEFENDER}/.default`,
    ]);
  });

  it("is renewed five to seven minutes before its end", async () => {
    const { identity, asked } = await aBench();
    const tokens = new TokenCache(identity);
    await ask(tokens);

    setForward(52 * MINUTE_MS);
    await ask(tokens);
    const before = asked();
    setForward(3.1 * MINUTE_MS);
    await ask(tokens);

    expect([before, asked()]).toEqual([1, 2]);
  });

  it("that lives for a few minutes only is renewed after half of its life", async () => {
    const { identity, tenant, asked } = await aBench();
    tenant.entra.tokenLifetimeSeconds = 120;
    const tokens = new TokenCache(identity);
    await ask(tokens);

    setForward(0.9 * MINUTE_MS);
    await ask(tokens);
    const before = asked();
    setForward(0.2 * MINUTE_MS);
    await ask(tokens);

    expect([before, asked()]).toEqual([1, 2]);
  });

  it("that an API has refused is replaced, once", async () => {
    const { identity, asked } = await aBench();
    const tokens = new TokenCache(identity);
    const refused = await ask(tokens);

    tokens.drop(GRAPH, refused);
    const renewed = await ask(tokens);
    tokens.drop(GRAPH, refused);
    tokens.drop(DEFENDER, renewed);

    expect(renewed).not.toBe(refused);
    expect(await ask(tokens)).toBe(renewed);
    expect(asked()).toBe(2);
  });

  it("comes for a certificate", async () => {
    const { world, tenant, identity } = await aBench();
    const certificateFile = await aFile(await clientCertificate(world));
    const auth = { type: "client-certificate", clientId: tenant.clientId, certificateFile } as const;

    await ask(new TokenCache({ ...identity, auth }));

    expect(tenant.entra.requests).toMatchObject([{ credential: "assertion", status: 200 }]);
  });

  it("comes for a certificate that has taken the place of the one before", async () => {
    const { world, tenant, identity } = await aBench();
    const certificateFile = await aFile(await clientCertificate(world));
    const auth = { type: "client-certificate", clientId: tenant.clientId, certificateFile } as const;
    const tokens = new TokenCache({ ...identity, auth });
    const token = await ask(tokens);

    tenant.app.certificates = [];
    await writeFile(certificateFile, await clientCertificate(world));
    tokens.drop(GRAPH, token);
    await ask(tokens);

    expect(tenant.entra.requests.map(({ status }) => status)).toEqual([200, 200]);
  });

  it("comes through a proxy", async () => {
    const { world, identity } = await aBench();
    const proxy = await aProxy();

    await ask(new TokenCache({ ...identity, proxy: proxy.url }));

    expect(proxy.asked).toEqual([`CONNECT ${new URL(world.cloud.authority).host}`]);
  });
});

describe("who gives up waiting for a token", () => {
  it("is told the reason, and leaves the others to get it", async () => {
    const { identity, asked } = await aBench();
    const tokens = new TokenCache(identity);
    const stop = new AbortController();

    const stopped = failureOf(ask(tokens, GRAPH, stop.signal));
    const others = [ask(tokens), ask(tokens)];
    stop.abort(new Error("the daemon is stopping"));

    expect((await stopped).message).toBe("the daemon is stopping");
    expect(new Set(await Promise.all(others)).size).toBe(1);
    expect(asked()).toBe(1);
  });

  it("leaves it to whoever asks next", async () => {
    const { identity, asked } = await aBench();
    const tokens = new TokenCache(identity);
    const stop = new AbortController();

    const stopped = failureOf(ask(tokens, GRAPH, stop.signal));
    stop.abort();
    await stopped;
    await ask(tokens);

    expect(asked()).toBe(1);
  });

  it("before it asks, asks for none", async () => {
    const { identity, asked } = await aBench();

    const error = await failureOf(
      ask(new TokenCache(identity), GRAPH, AbortSignal.abort(new Error("too late"))),
    );

    expect(error.message).toBe("too late");
    expect(asked()).toBe(0);
  });
});

describe("a sign-in that Entra refuses", () => {
  it.each([
    [7000215, "unauthorized"],
    [7000222, "unauthorized"],
    [700027, "unauthorized"],
    [700016, "unauthorized"],
    [7000229, "unauthorized"],
    [65001, "unauthorized"],
    [53003, "unauthorized"],
    [123456, "unauthorized"],
    [90002, "misconfigured"],
    [500011, "misconfigured"],
    [70011, "misconfigured"],
    [90055, "throttled"],
    [50196, "throttled"],
    [90033, "transient"],
    [90024, "transient"],
  ] as const)("with AADSTS%i is %s", async (aadsts, kind) => {
    const { identity, tenant } = await aBench();
    tenant.entra.fault = { kind: "refuse", aadsts };

    const error = await failureOf(ask(new TokenCache(identity)));

    expect(error).toMatchObject({ name: "SourceError", kind, code: `AADSTS${aadsts}` });
  });

  it("is told in Entra's own words, without the ids that differ in every answer", async () => {
    const { identity, tenant } = await aBench();
    tenant.entra.fault = { kind: "refuse", aadsts: 7000222 };
    const tokens = new TokenCache(identity);

    const errors = [await failureOf(ask(tokens)), await failureOf(ask(tokens))];

    expect(errors[0]?.message).toBe(
      `${new URL(identity.authority).host} refused the sign-in to tenant ${tenant.tenantId}: ` +
        `AADSTS7000222: The provided client secret keys for app '${tenant.clientId}' are expired.`,
    );
    expect(errors[1]?.message).toBe(errors[0]?.message);
  });

  it("is told with the id that support asks for", async () => {
    const { identity, tenant } = await aBench();
    tenant.entra.fault = { kind: "refuse", aadsts: 7000222 };

    const error = await failureOf(ask(new TokenCache(identity)));

    expect(error).toMatchObject({ status: 401, requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) });
  });

  it("is told with the pause that Entra asks for", async () => {
    const { identity, tenant } = await aBench();
    tenant.entra.fault = { kind: "refuse", aadsts: 90055, retryAfter: "7" };

    const error = await failureOf(ask(new TokenCache(identity)));

    expect(error).toMatchObject({ kind: "throttled", status: 429, retryAfterMs: 7000 });
  });

  it("is tried again by whoever asks next", async () => {
    const { identity, tenant, asked } = await aBench();
    tenant.entra.fault = { kind: "refuse", aadsts: 90033, times: 1 };
    const tokens = new TokenCache(identity);

    await failureOf(ask(tokens));
    await ask(tokens);

    expect(asked()).toBe(2);
  });

  it("fails all who waited for it", async () => {
    const { identity, tenant, asked } = await aBench();
    tenant.entra.fault = { kind: "refuse", aadsts: 7000215 };
    const tokens = new TokenCache(identity);

    const errors = await Promise.all(Array.from({ length: 10 }, () => failureOf(ask(tokens))));

    for (const error of errors) expect(error).toMatchObject({ code: "AADSTS7000215" });
    expect(asked()).toBe(1);
  });
});

describe("a sign-in that gets no answer", () => {
  it.each([
    [
      { kind: "html", status: 503 },
      { kind: "transient", code: "503", status: 503 },
    ],
    [
      { kind: "html", status: 503, retryAfter: "30" },
      { kind: "throttled", code: "503", retryAfterMs: 30_000 },
    ],
    [
      { kind: "html", status: 429, retryAfter: "7" },
      { kind: "throttled", code: "429", retryAfterMs: 7000 },
    ],
    [
      { kind: "html", status: 404 },
      { kind: "misconfigured", code: "404" },
    ],
    [{ kind: "empty-token" }, { kind: "transient", code: "200" }],
    [{ kind: "reset" }, { kind: "transient", code: "ECONNRESET" }],
  ] as const)("but %j is %j", async (fault, expected) => {
    const { identity, tenant } = await aBench();
    tenant.entra.fault = { ...fault };

    const error = await failureOf(ask(new TokenCache(identity)));

    expect(error).toMatchObject({ name: "SourceError", ...expected });
    expect(error.message).toContain(tenant.tenantId);
  });

  it("is given up after a time", async () => {
    const { identity, tenant, asked } = await aBench();
    tenant.entra.fault = { kind: "hang", times: 1 };
    const tokens = new TokenCache(identity, createAppGate(), 300);

    const error = await failureOf(ask(tokens));
    await ask(tokens);

    expect(error).toMatchObject({ kind: "transient", code: "ETIMEDOUT" });
    expect(asked()).toBe(2);
  });

  it("since nobody is there waits for somebody to be", async () => {
    const { identity, tenant } = await aBench();
    const gone = await aServer(() => undefined);
    await gone.stop();
    const authority = gone.origin.replace("http:", "https:");

    const error = await failureOf(ask(new TokenCache({ ...identity, authority })));

    expect(error).toMatchObject({ kind: "transient", code: "ECONNREFUSED" });
    expect(error.message).toBe(
      `Sign-in to tenant ${tenant.tenantId}: 127.0.0.1:${gone.port} could not be reached or broke off (ECONNREFUSED).`,
    );
  });

  it("that can be believed asks a person to look at the authority", async () => {
    const { identity, asked } = await aBench();
    const { ca } = await createAuthority();

    const error = await failureOf(ask(new TokenCache({ ...identity, ca })));

    expect(error).toMatchObject({ kind: "misconfigured", code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" });
    expect(asked()).toBe(0);
  });
});

describe("a certificate that cannot be used", () => {
  it.each([
    ["is not there", async () => "/nowhere/certificate.pem", "ENOENT"],
    ["is a folder", async () => tmpdir(), "EISDIR"],
    ["is empty", async () => aFile(""), "unusable-credential"],
    [
      "has no key",
      async (world: World) => aFile((await world.clientCertificate()).cert),
      "unusable-credential",
    ],
    [
      "has no certificate",
      async (world: World) => aFile((await world.clientCertificate()).key),
      "unusable-credential",
    ],
  ] as const)("since it %s is named, and nothing is asked", async (_, file, code) => {
    const { world, identity, tenant, asked } = await aBench();
    const certificateFile = await file(world);
    const auth = { type: "client-certificate", clientId: tenant.clientId, certificateFile } as const;

    const error = await failureOf(ask(new TokenCache({ ...identity, auth })));

    expect(error).toMatchObject({ kind: "misconfigured", code });
    expect(error.message).toContain(
      `The certificate ${certificateFile} for tenant ${tenant.tenantId} cannot be used (`,
    );
    expect(everythingAbout(error)).not.toContain("PRIVATE KEY");
    expect(asked()).toBe(0);
  });

  it("is used as soon as it can be", async () => {
    const { world, identity, tenant } = await aBench();
    const certificateFile = await aFile("");
    const auth = { type: "client-certificate", clientId: tenant.clientId, certificateFile } as const;
    const tokens = new TokenCache({ ...identity, auth });

    await failureOf(ask(tokens));
    await writeFile(certificateFile, await clientCertificate(world));

    expect(await ask(tokens)).not.toBe("");
  });
});

describe("the error of a sign-in", () => {
  it.each([
    { kind: "refuse", aadsts: 7000215 },
    { kind: "html", status: 500 },
    { kind: "empty-token" },
    { kind: "reset" },
    { kind: "hang" },
  ] as const)("never holds the secret: %j", async (fault) => {
    const { identity, tenant } = await aBench();
    tenant.entra.fault = { ...fault };

    const told = everythingAbout(await failureOf(ask(new TokenCache(identity, createAppGate(), 300))));

    expect(told).not.toContain(tenant.clientSecret);
    expect(told).not.toContain(encodeURIComponent(tenant.clientSecret));
  });
});

/** A new one that the tenant's application accepts, with its key. */
async function clientCertificate(world: World): Promise<string> {
  const { cert, key } = await world.clientCertificate();
  return `${key}${cert}`;
}

async function aFile(content: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "alertferry-test-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, "certificate.pem");
  await writeFile(file, content);
  return file;
}

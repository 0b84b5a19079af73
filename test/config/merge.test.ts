import { describe, expect, it } from "vitest";
import { GUIDS, load, problemsOf, SINKS } from "./support.ts";

const [APP, DIRECTORY, OTHER_APP] = GUIDS;
const DEFAULTS = `defaults:
  auth: { type: client-secret, clientId: ${APP}, clientSecret: "\${env:SECRET}" }
  sources: [graph_alerts]
  sinks: [console, archive]
  poll: { interval: 30s, overlap: 5m }
  filter: { minSeverity: low, excludeTitles: [Test] }
`;

function tenantWith(settings: string) {
  const text = `${DEFAULTS}tenants:\n  - { id: contoso, tenantId: ${DIRECTORY}, ${settings} }\n${SINKS}`;
  const [tenant] = load(text).config.tenants;
  if (tenant === undefined) throw new Error("There is no tenant.");
  return tenant;
}

describe("defaults and tenants", () => {
  it("gives a tenant everything that defaults say, and the built-in values for the rest", () => {
    expect(tenantWith("")).toEqual({
      id: "contoso",
      name: "contoso",
      tenantId: DIRECTORY,
      cloud: expect.objectContaining({ name: "global", graph: "https://graph.microsoft.com" }),
      auth: { type: "client-secret", clientId: APP, clientSecret: "s3cr3t-value" },
      sources: ["graph_alerts"],
      sinks: ["console", "archive"],
      poll: { interval: 30_000, overlap: 300_000, settle: 0, initialLookback: 86_400_000, pageSize: 1000 },
      updates: "all",
      filter: { minSeverity: "low", serviceSources: [], excludeTitles: ["Test"] },
      incidents: { alerts: false },
      proxy: undefined,
    });
  });

  it("merges poll and filter key by key", () => {
    const tenant = tenantWith("poll: { interval: 2m }, filter: { excludeTitles: [] }");

    expect(tenant.poll).toMatchObject({ interval: 120_000, overlap: 300_000 });
    expect(tenant.filter).toMatchObject({ minSeverity: "low", excludeTitles: [] });
  });

  it("replaces lists and the cloud", () => {
    const tenant = tenantWith("sources: [mde_alerts], sinks: [archive], cloud: gcc-high");

    expect(tenant).toMatchObject({
      sources: ["mde_alerts"],
      sinks: ["archive"],
      cloud: { name: "gcc-high" },
    });
  });

  it("completes auth of the same type", () => {
    expect(tenantWith(`auth: { clientId: ${OTHER_APP} }`).auth).toMatchObject({
      type: "client-secret",
      clientId: OTHER_APP,
      clientSecret: "s3cr3t-value",
    });
    expect(tenantWith(`auth: { type: client-secret, clientId: ${OTHER_APP} }`).auth).toMatchObject({
      clientSecret: "s3cr3t-value",
    });
  });

  it("takes over nothing into auth of another type", () => {
    const auth = `auth: { type: client-certificate, clientId: ${OTHER_APP}, certificateFile: /c.pem }`;

    expect(tenantWith(auth).auth).toEqual({
      type: "client-certificate",
      clientId: OTHER_APP,
      certificateFile: "/c.pem",
    });
  });

  it("takes a key with nothing behind it as absent", () => {
    expect(tenantWith("poll: , filter: { minSeverity: }, sinks: ")).toMatchObject({
      poll: { interval: 30_000 },
      filter: { minSeverity: "low" },
      sinks: ["console", "archive"],
    });
  });

  it("works without defaults", () => {
    const tenant = `{ id: a, tenantId: ${DIRECTORY}, sources: [graph_alerts], sinks: [console], auth: { type: client-certificate, clientId: ${APP}, certificateFile: a.pem } }`;

    expect(load(`tenants: [${tenant}]\n${SINKS}`).config.tenants).toHaveLength(1);
  });

  it("resolves a private cloud with its own addresses", () => {
    const lab =
      "{ authority: https://entra.lab/, graph: http://127.0.0.1:1, defender: http://127.0.0.1:2, ca: lab.pem }";

    const { config } = load(
      `clouds: { lab: ${lab} }\n${DEFAULTS}tenants: [{ id: a, tenantId: ${DIRECTORY}, cloud: lab }]\n${SINKS}`,
    );

    expect(config.tenants[0]?.cloud).toEqual({
      name: "lab",
      authority: "https://entra.lab",
      graph: "http://127.0.0.1:1",
      defender: "http://127.0.0.1:2",
      portal: "https://security.microsoft.com",
      graphAudience: "https://graph.microsoft.com",
      defenderAudience: "https://api.securitycenter.microsoft.com",
      ca: expect.stringMatching(/^\/.*\/lab\.pem$/),
      callLimits: true,
    });
  });

  it("reports a mistake in defaults once, where it was written, however many tenants inherit it", () => {
    const tenants = `tenants:
  - { id: a, tenantId: ${GUIDS[0]} }
  - { id: b, tenantId: ${GUIDS[1]} }
`;

    expect(
      problemsOf(`${DEFAULTS.replace("30s", "thirty").replace("archive", "archiv")}${tenants}${SINKS}`),
    ).toEqual([
      "a.yaml:4: defaults.sinks[1]: there is no sink `archiv`; did you mean `archive`?",
      "a.yaml:5: defaults.poll.interval: must be a duration such as 500ms, 60s, 15m, 24h or 7d",
    ]);
  });

  it("reports a mistake in defaults that every tenant overrides", () => {
    const tenants = `tenants: [{ id: a, tenantId: ${DIRECTORY}, poll: { interval: 5s } }]\n`;

    expect(problemsOf(`${DEFAULTS.replace("30s", "thirty")}${tenants}${SINKS}`)).toHaveLength(1);
  });

  it("reports a key that neither the tenant nor defaults have at the mapping that lacks it", () => {
    const defaults = DEFAULTS.replace(/, clientSecret: "[^"]*"/, "").replace(
      "  sources: [graph_alerts]\n",
      "",
    );
    const tenants = `tenants:\n  - id: a\n    tenantId: ${DIRECTORY}\n`;

    expect(problemsOf(`${defaults}${tenants}${SINKS}`)).toEqual([
      "a.yaml:2: defaults.auth.clientSecret: is required",
      "a.yaml:7: tenants[0].sources: is required, here or under `defaults`",
    ]);
  });
});

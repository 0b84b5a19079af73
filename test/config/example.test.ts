import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isMap, isScalar, isSeq, type Node, parseDocument } from "yaml";
import { loadConfig } from "../../src/config/load.ts";
import { ConfigFile, SINK_DEFINITIONS } from "../../src/config/schema.ts";
import { DEFAULT_KEYS, Tenant } from "../../src/config/tenant-schema.ts";
import { commonSettings } from "../../src/sinks/sink.ts";
import { keysOf } from "./tree.ts";

const ROOT = join(import.meta.dirname, "../..");
const EXAMPLE = join(ROOT, "config/example.yaml");
const MINIMAL = join(ROOT, "config/minimal.yaml");
const ENV = {
  REDIS_URL: "rediss://:password@redis.example:6380",
  ALERTFERRY_KEY: Buffer.alloc(32, 7).toString("base64"),
  ALERTFERRY_HTTP_TOKEN: "http-token",
  DEFENDER_CLIENT_SECRET: "client-secret",
  SPLUNK_TOKEN: "splunk-token",
  SENTINEL_SECRET: "sentinel-secret",
  ELASTIC_API_KEY: "elastic-key",
  WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 7).toString("base64")}`,
  CONTOSO_PFX_PASSWORD: "pfx-password",
  SMTP_PASSWORD: "smtp-password",
};
const COMMON = Object.keys(commonSettings({ maxAlerts: 1, maxBytes: "1MB", linger: "0ms", concurrency: 1 }));

/**
 * One name for a key that the schema has in several places: a tenant's settings may stand in `defaults` or in the
 * tenant, what every sink takes may stand in any of them, and a sink may sign in by a certificate as a tenant may.
 */
function canonical(path: string): string {
  const tenant = path
    .replace(/^(defaults|tenants\[\])\./, "tenant.")
    .replace(/^apps\.\*/, "tenant.auth")
    .replace(
      /^sinks\.\*\(\w+\)\.(auth\([\w-]+\)\.(?:certificateFile|certificatePassword|tokenFile|identityClientId|expires))$/,
      "tenant.$1",
    )
    .replace(/^(sinks\.\*\(\w+\)\.auth)\([\w-]+\)/, "$1");
  return tenant.replace(new RegExp(`^sinks\\.\\*\\(\\w+\\)\\.(${COMMON.join("|")})\\b`), "sinks.*.$1");
}

/** Every key that the file holds, with names as keysOf() gives them. */
function keysIn(node: unknown, path: string): string[] {
  if (isSeq(node)) return node.items.flatMap((item) => keysIn(item, `${path}[]`));
  if (!isMap(node)) return [];
  const type = node.get("type");
  const at = typeof type === "string" ? `${path}(${type})` : path;
  return node.items.flatMap(({ key, value }) => {
    const name = isScalar(key) ? String(key.value) : "";
    const below =
      path === "clouds" || path === "sinks" || path === "apps"
        ? `${path}.*`
        : at === ""
          ? name
          : `${at}.${name}`;
    return below.endsWith("*") ? keysIn(value, below) : [below, ...keysIn(value, below)];
  });
}

describe("config/example.yaml", () => {
  const contents: Node | null = parseDocument(readFileSync(EXAMPLE, "utf8")).contents;
  const present = keysIn(contents, "").map(canonical);

  it("loads without problems or warnings", () => {
    const { config, warnings } = loadConfig(EXAMPLE, ENV);

    expect(warnings).toEqual([]);
    expect(config.tenants.map((tenant) => tenant.id)).toEqual(["contoso", "fabrikam"]);
  });

  it("holds every key exactly once", () => {
    const fromFile = keysOf(ConfigFile)
      .map(({ path }) => path)
      // The variants of `auth` are listed from the merged tenant below.
      .filter((path) => !/^(defaults|tenants\[\])\./.test(path));
    const fromTenant = keysOf(Tenant, "tenant").map(({ path }) => path);
    const expected = new Set([...fromFile, ...fromTenant].map(canonical));

    expect([...present].filter((path) => path !== "tenant.auth").sort()).toEqual(
      [...expected].filter((path) => path !== "tenant.auth").sort(),
    );
  });

  it("shows every sink and the settings of a tenant", () => {
    for (const { type } of SINK_DEFINITIONS) expect(present).toContain(`sinks.*(${type}).type`);
    for (const key of DEFAULT_KEYS) expect(present).toContain(`tenant.${key}`);
  });

  it("shows the defaults where there are some", () => {
    const { config } = loadConfig(EXAMPLE, ENV);
    const plain = loadConfig(MINIMAL, ENV);

    expect(config.tenants[1]?.poll).toEqual(plain.config.tenants[1]?.poll);
    expect(config.tenants[1]?.filter).toEqual(plain.config.tenants[1]?.filter);
    expect(config.sinks["splunk"]).toMatchObject({ ...plain.config.sinks["splunk"], tls: {} });
    expect(config.shutdownTimeout).toBe(plain.config.shutdownTimeout);
    expect(config.http).toMatchObject(plain.config.http);
    expect(config.log).toMatchObject(plain.config.log);
    expect(config.queue).toMatchObject(plain.config.queue);
  });
});

describe("config/minimal.yaml", () => {
  it("is short and loads", () => {
    const { config, warnings } = loadConfig(MINIMAL, ENV);

    expect(warnings).toEqual([]);
    expect(config.tenants).toHaveLength(2);
    expect(readFileSync(MINIMAL, "utf8").trimEnd().split("\n").length).toBeLessThanOrEqual(25);
  });
});

import { describe, expect, it } from "vitest";
import { z } from "zod";
import { ConfigFile, createSink, SINK_DEFINITIONS } from "../../src/config/schema.ts";
import { unwrap } from "../../src/config/schema-tree.ts";
import { Tenant } from "../../src/config/tenant-schema.ts";
import { CLOUDS } from "../../src/net/clouds.ts";
import { DEFAULTS, load, SINKS, TENANT } from "./support.ts";
import { keysOf } from "./tree.ts";

const KEYS = [...keysOf(ConfigFile), ...keysOf(Tenant, "tenant")];

describe("the schema", () => {
  it.each(KEYS.map(({ path, schema }) => [path, unwrap(schema).meta.description] as const))(
    "describes %s in a full sentence",
    (_path, description) => {
      expect(description).toMatch(/^\S[\s\S]{10,}\S$/);
    },
  );

  it("marks what must not be printed", () => {
    const secrets = KEYS.filter(({ schema }) => unwrap(schema).meta.secret).map(({ path }) => path);

    expect(secrets).toEqual(
      expect.arrayContaining([
        "queue.encryptionKey",
        "http.token",
        "defaults.auth.clientSecret",
        "tenants[].auth.clientSecret",
        "tenant.auth(client-secret).clientSecret",
      ]),
    );
    const suspicious = KEYS.filter(({ path }) => /(secret|token|password|apiKey|encryptionKey)$/i.test(path));
    expect(suspicious.map(({ path }) => path).filter((path) => !secrets.includes(path))).toEqual([]);
  });

  it("has defaults for all but what only the user can know", () => {
    const required = KEYS.filter(({ schema }) => !unwrap(schema).optional).map(({ path }) => path);

    expect(required.filter((path) => !/^(sinks|apps|tenants?\b)/.test(path))).toEqual([
      "clouds.*.authority",
      "clouds.*.graph",
      "clouds.*.defender",
    ]);
  });

  it("knows every sink of the registry", () => {
    const types = keysOf(ConfigFile).flatMap(
      ({ path }) => /^sinks\.\*\((\w+)\)\.type$/.exec(path)?.[1] ?? [],
    );

    expect(types).toEqual(SINK_DEFINITIONS.map((definition) => definition.type));
  });

  it("makes the sink that was configured", async () => {
    const { sinks } = load(`${DEFAULTS}${TENANT}${SINKS}`).config;

    for (const settings of Object.values(sinks)) {
      const sink = createSink(settings);
      expect(sink.deliver).toBeTypeOf("function");
      await sink.close();
    }
    expect(Object.keys(sinks)).toEqual(["console", "archive"]);
  });

  it("keeps the addresses of a built-in cloud together", () => {
    for (const cloud of Object.values(CLOUDS)) {
      const endsInUs = (address: string) => new URL(address).host.endsWith(".us");
      // Tokens do not cross clouds: sign-in, Graph and its audience are all of one.
      expect(endsInUs(cloud.graph)).toBe(endsInUs(cloud.authority));
      expect(cloud.graphAudience).toBe(cloud.graph);
      for (const address of Object.values(cloud))
        expect(z.url({ protocol: /^https$/ }).parse(address)).toBe(address);
    }
  });
});

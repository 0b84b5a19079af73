import { describe, expect, it } from "vitest";
import { DEFAULTS, ENV, GUIDS, load, problemsOf, SINKS, TENANT } from "./support.ts";

const REST = `${DEFAULTS}${TENANT}${SINKS}`;

describe("secrets", () => {
  it("are collected wherever the schema says secret, wherever they came from", () => {
    const text = `http: { token: "\${file:token}" }\n${DEFAULTS}${TENANT}
    auth: { clientSecret: "\${env:OTHER}" }
sinks:
  console: { type: stdout }
  splunk: { type: splunk_hec, url: "https://s:1", token: "\${env:HEC}" }
`;

    const { secrets, warnings } = load(
      text,
      { token: "http-token\n" },
      { ...ENV, OTHER: "other", HEC: "hec-token" },
    );

    expect([...secrets].sort()).toEqual(["hec-token", "http-token", "other", "s3cr3t-value"].sort());
    expect(warnings).toEqual([]);
  });

  it("are each of a list, where one alone may stand too", () => {
    const key = (byte: number) => `whsec_${Buffer.alloc(32, byte).toString("base64")}`;
    const [one, two] = [key(7), key(8)];
    const hook = (secret: string) =>
      `sinks: { console: { type: webhook, url: "https://h", secret: ${secret} } }\n`;
    const text = `${DEFAULTS}${TENANT}${hook('["${env:ONE}", "${env:TWO}"]')}`;

    expect(load(text, {}, { ...ENV, ONE: one, TWO: two }).secrets).toEqual(
      expect.arrayContaining([one, two]),
    );
    expect(load(`${DEFAULTS}${TENANT}${hook(`[${one}]`)}`).warnings).toMatchObject([
      { path: "sinks.console.secret[0]" },
    ]);
  });

  it("are the passwords of URLs too, as written and decoded", () => {
    const { secrets } = load(
      `queue: { redis: "\${env:REDIS}" }\n${REST}`,
      {},
      { ...ENV, REDIS: "rediss://u:p%40ss@h" },
    );

    expect(secrets).toEqual(expect.arrayContaining(["p%40ss", "p@ss"]));
  });

  it("draw a warning with its place when they stand in the file itself", () => {
    const text = `queue: { redis: "redis://:hunter2@localhost" }\nhttp:\n  token: literal\n${REST}`;

    expect(load(text).warnings.map(({ line, path }) => [line, path])).toEqual([
      [1, "queue.redis"],
      [3, "http.token"],
    ]);
    expect(load(text).warnings[1]?.message).toBe(
      "a secret stands in the file itself; refer to it with ${env:NAME} or ${file:/path}",
    );
  });

  it("draw one warning in defaults, however many tenants inherit them", () => {
    const tenants = `tenants: [{ id: a, tenantId: ${GUIDS[1]} }, { id: b, tenantId: ${GUIDS[2]} }]`;

    const { warnings } = load(`${DEFAULTS.replace('"${env:SECRET}"', "literal")}${tenants}${SINKS}`);

    expect(warnings.map((warning) => warning.path)).toEqual(["defaults.auth.clientSecret"]);
  });

  it("do not draw a warning for an address without a password", () => {
    expect(load(`queue: { redis: "redis://localhost:6379" }\n${REST}`).warnings).toEqual([]);
  });

  it.each([
    ["of the wrong type", "http: { token: [TOPSECRET] }"],
    ["that is too short", "queue: { encryptionKey: TOPSECRET }"],
    ["at an unknown key", "http: { tokn: TOPSECRET }"],
    ["in a broken URL", "queue: { redis: 'http://:TOPSECRET@h' }"],
    ["in place of a mapping", "http: TOPSECRET"],
    ["in place of a number", "http: { port: TOPSECRET }"],
    ["in place of an enum", "log: { level: TOPSECRET }"],
    ["inside a broken reference", "http: { token: 'TOP${SECRET-TOPSECRET' }"],
    ["before a tab", "http:\n\ttoken: TOPSECRET"],
    ["after a second colon", "http:\n  token: a: TOPSECRET"],
    ["behind a bracket that is missing", "http: { token: TOPSECRET"],
    ["after a bad escape", 'http: { token: "TOPSECRET\\q" }'],
    ["with a tag", "http: { token: !TOPSECRET TOPSECRET }"],
    ["as an alias", "http: { token: *TOPSECRET }"],
    ["where a number was meant for a sink's token", "http: { port: '${env:TOP}' }"],
  ])("stay out of the problem when one stands %s", (_where, line) => {
    const problems = problemsOf(`${line}\n${REST}`, {}, { ...ENV, TOP: "TOPSECRET" });

    expect(problems.length).toBeGreaterThan(0);
    expect(problems.join("\n")).not.toContain("TOPSECRET");
    expect(problems.join("\n")).not.toContain(ENV.SECRET);
  });
});

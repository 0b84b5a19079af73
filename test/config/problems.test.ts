import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { findConfig, loadConfig } from "../../src/config/load.ts";
import { SINK_DEFINITIONS } from "../../src/config/schema.ts";
import { nearest } from "../../src/config/suggest.ts";
import { DEFAULTS, folderWith, GUIDS, problemsOf, SINKS, TENANT } from "./support.ts";

const SINK_TYPES = SINK_DEFINITIONS.map(({ type }) => type).join(", ");

const REST = `${DEFAULTS}${TENANT}${SINKS}`;

describe("a file that is nested", () => {
  const nested = (open: string, depth: number, close = "") =>
    `queue:\n  prefix: ${open.repeat(depth)}${close.repeat(depth)}\n`;

  it.each([
    ["lists", nested("[", 40, "]"), nested("[", 3000, "]")],
    ["mappings", nested("{ a: ", 40, "}"), nested("{ a: ", 100_000)],
    ["lines", "- ".repeat(40), `a:\n${"- ".repeat(3000)}`],
  ])("in %s is read as far as a person could have meant it", (_, some, far) => {
    expect(problemsOf(some).join()).not.toContain("nested");
    expect(problemsOf(far)).toEqual(["a.yaml:2: not valid YAML: nested more than 50 deep"]);
  });
});

describe("what a message tells of the file", () => {
  it("is no value that a slip of the hand put into the place of a key", () => {
    const text = `${REST}http:\n  token:dd6f5c1e-0000-4b0e-9d10-8c0f4f3e2a11: x\n  0d2f7c1e-55aa-4b0e-9d10-8c0f4f3e2a11: x\n`;

    expect(problemsOf(text)).toEqual([
      'a.yaml:15: http["token…"]: unknown key `token…`; did you mean `token`?',
      'a.yaml:16: http["…"]: unknown key `…`; allowed: `host`, `port`, `token`',
    ]);
  });

  it("is nothing that a reference brought, and no text that cannot be a name", () => {
    const wrong = DEFAULTS.replace("[console]", '["${env:SECRET}", "Zq7Q~written.into-it"]');

    expect(problemsOf(`tenantsDir: \${env:SECRET}\n${wrong}${TENANT}${SINKS}`)).toEqual([
      "a.yaml:1: tenantsDir: this folder does not exist",
      "a.yaml:6: defaults.sinks[0]: there is no sink of the name that this refers to; allowed: `console`, `archive`",
      "a.yaml:6: defaults.sinks[1]: there is no sink `Zq…`; allowed: `console`, `archive`",
    ]);
  });
});

describe("an address that other machines reach", () => {
  it.each(["0.0.0.0", "::", "10.1.2.3", "alertferry.example", "127.0.0.1.example", "0"])(
    "%s is refused without a token, with its place",
    (host) => {
      expect(problemsOf(`http:\n  port: 0\n  host: '${host}'\n${REST}`)).toEqual([
        "a.yaml:3: http.host: other machines reach this address, so `http.token` must be set; or listen on 127.0.0.1",
      ]);
    },
  );

  it("is taken with a token; an empty one, or a reference that leads nowhere, is none", () => {
    expect(problemsOf(`http: { host: 0.0.0.0, token: "\${env:SECRET}" }\n${REST}`)).toEqual([]);
    expect(problemsOf(`http: { host: 0.0.0.0, token: }\n${REST}`)).toHaveLength(1);
    expect(problemsOf(`http: { host: 0.0.0.0, token: '' }\n${REST}`)).toEqual([
      "a.yaml:1: http.token: must not be empty",
    ]);
    expect(problemsOf(`http: { host: 0.0.0.0, token: "\${env:NO_SUCH}" }\n${REST}`)).toEqual([
      "a.yaml:1: http.token: the environment variable NO_SUCH is not set",
    ]);
  });

  it.each(["127.0.0.1", "127.8.9.10", "localhost", "::1"])("is not %s", (host) => {
    expect(problemsOf(`http: { host: '${host}' }\n${REST}`)).toEqual([]);
  });
});

describe("problems", () => {
  it("are all told at once, each with its line and path", () => {
    const text = `queue:
  prefix: my alerts
http:
  port: 70000
log: { level: loud }
defaults:
  auth: { type: client-secret, clientId: ${GUIDS[0]}, clientSecret: "\${env:NO_SUCH}" }
  sources: [graph_alerts]
  sinks: [splunkk]
tenants:
  - id: contoso
    tenantId: not-a-guid
  - id: Fabrikam
    tenantId: ${GUIDS[1]}
    poll:
      intervall: 60s
    cloud: gloabl
sinks:
  splunk:
    type: splunk_hec
    url: https://splunk:8088
`;

    expect(problemsOf(text)).toEqual([
      "a.yaml:2: queue.prefix: must consist of letters, digits, _ and -",
      "a.yaml:4: http.port: must be at most 65535",
      "a.yaml:5: log.level: must be one of trace, debug, info, warn, error, fatal",
      "a.yaml:7: defaults.auth.clientSecret: the environment variable NO_SUCH is not set",
      "a.yaml:9: defaults.sinks[0]: there is no sink `splunkk`; did you mean `splunk`?",
      "a.yaml:12: tenants[0].tenantId: must be a GUID",
      "a.yaml:13: tenants[1].id: must consist of a-z, 0-9 and -, begin with a letter or digit, and have at most 63 characters",
      "a.yaml:16: tenants[1].poll.intervall: unknown key `intervall`; did you mean `interval`?",
      "a.yaml:17: tenants[1].cloud: there is no cloud `gloabl`; did you mean `global`?",
      "a.yaml:19: sinks.splunk.token: is required",
    ]);
  });

  it.each([
    ["shutdownTimout: 5s", "shutdownTimout: unknown key `shutdownTimout`; did you mean `shutdownTimeout`?"],
    ["queue: { data-dir: x }", "queue.data-dir: unknown key `data-dir`; did you mean `dataDir`?"],
    ["log: { colour: true }", "log.colour: unknown key `colour`; allowed: `level`, `format`"],
    ["http: { host: 127 }", "http.host: must be text; put the value in quotes"],
    ["http: { host: [a] }", "http.host: must be text"],
    ["http: 8080", "http: must be a mapping of keys to values"],
    ["http: { port: 1.5 }", "http.port: must be a whole number"],
    ["http: { port: -1 }", "http.port: must be at least 0"],
    ["http: { token: '' }", "http.token: must not be empty"],
    [
      "log: { level: warning }",
      "log.level: must be one of trace, debug, info, warn, error, fatal; did you mean `warn`?",
    ],
    ["queue: { redis: localhost }", "queue.redis: must be a URL that begins with redis:// or rediss://"],
    [
      "queue: { encryptionKey: c2hvcnQ= }",
      "queue.encryptionKey: must be 32 bytes in base64, for example from: openssl rand -base64 32",
    ],
    ["clouds: { gcc: {} }", "clouds.gcc: is a built-in cloud; choose another name"],
    [
      "clouds: { lab: { authority: http://a, graph: http://b, defender: http://c } }",
      "clouds.lab.authority: must be a URL that begins with https://",
    ],
    ["clouds: [lab]", "clouds: must be a mapping of names to values"],
  ])("says of %s: %s", (line, message) => {
    expect(problemsOf(`${line}\n${REST}`)).toContain(`a.yaml:1: ${message}`);
  });

  it.each([
    ["sources: graph_alerts", "sources: must be a list"],
    ["sources: []", "sources: must name at least one source"],
    ["sources: [graph_alerts, graph_alerts]", "sources: must not name a source twice"],
    [
      "sources: [graph_alert]",
      "sources[0]: must be one of graph_alerts, graph_incidents, mde_alerts; did you mean `graph_alerts`?",
    ],
    ["sinks: []", "sinks: must name at least one sink"],
    ["sinks: [console, console]", "sinks: must not name a sink twice"],
    ["poll: { interval: 500ms }", "poll.interval: must be at least 1s"],
    ["poll: { pageSize: 1001 }", "poll.pageSize: must be at most 1000"],
    [
      "filter: { minSeverity: High }",
      "filter.minSeverity: must be one of unknown, informational, low, medium, high; did you mean `high`?",
    ],
    [
      "auth: { type: certificate }",
      "auth.type: must be one of client-secret, client-certificate, workload-identity, managed-identity, default; did you mean `client-certificate`?",
    ],
    ["auth: { type: client-certificate }", "auth.certificateFile: is required"],
    ["proxy: proxy:3128", "proxy: must be a URL that begins with https:// or http://"],
    ["certificateFile: a.pem", "certificateFile: unknown key `certificateFile`; allowed:"],
  ])("says of a tenant with %s: %s", (line, message) => {
    const tenant = `tenants:\n  - id: contoso\n    tenantId: ${GUIDS[1]}\n    ${line}\n`;

    expect(problemsOf(`${DEFAULTS}${tenant}${SINKS}`)).toContainEqual(
      expect.stringContaining(`tenants[0].${message}`),
    );
  });

  it.each([
    [
      "sinks: { console: { type: stdoutt } }",
      `sinks.console.type: must be one of ${SINK_TYPES}; did you mean \`stdout\`?`,
    ],
    ["sinks: { console: { format: raw } }", `sinks.console.type: is required: ${SINK_TYPES}`],
    ["sinks: { console: }", "sinks.console: is required"],
    ["sinks: { console: stdout }", "sinks.console: must be a mapping of keys to values"],
    [
      "sinks: { console: { type: stdout, batch: { maxAlert: 5 } } }",
      "sinks.console.batch.maxAlert: unknown key `maxAlert`; did you mean `maxAlerts`?",
    ],
    ["sinks: { Con_sole: { type: stdout } }", "sinks.Con_sole: the name must consist of a-z, 0-9 and -"],
    ["sinks: {}", "sinks: must define at least one sink"],
    ["", "sinks: is required"],
  ])("says of %s: %s", (sinks, message) => {
    expect(problemsOf(`${DEFAULTS}${TENANT}${sinks}\n`)).toContainEqual(
      expect.stringContaining(`: ${message}`),
    );
  });

  it("asks for a tenant", () => {
    const message = "tenants: at least one tenant is needed, here or as a file in `tenantsDir`";

    expect(problemsOf(`${DEFAULTS}${SINKS}`)).toEqual([`a.yaml:2: ${message}`]);
    expect(problemsOf(`tenants: []\n${SINKS}`)).toEqual([`a.yaml:1: ${message}`]);
  });

  it("refuses a second tenant of the same id or directory", () => {
    const tenants = `tenants:
  - id: contoso
    tenantId: ABCDEFAB-0000-0000-0000-000000000001
  - id: contoso
    tenantId: abcdefab-0000-0000-0000-000000000001
`;

    expect(problemsOf(`${tenants}${DEFAULTS}${SINKS}`)).toEqual([
      "a.yaml:4: tenants[1].id: another tenant has this id already (a.yaml:2)",
      "a.yaml:5: tenants[1].tenantId: another tenant reads this directory already (a.yaml:3)",
    ]);
  });

  it("find keys that stand twice, also inside a list", () => {
    const text = `log:\n  level: info\n  level: warn\ntenants:\n  - id: a\n    id: b\n    tenantId: ${GUIDS[1]}\n`;

    expect(problemsOf(`${text}${DEFAULTS}${SINKS}`)).toEqual([
      "a.yaml:3: log.level: the key `level` stands here already, in line 2",
      "a.yaml:6: tenants[0].id: the key `id` stands here already, in line 5",
    ]);
  });

  it.each([
    ["", "a.yaml: the file is empty"],
    ["# nothing\n", "a.yaml: the file is empty"],
    ["- a\n- b\n", "a.yaml:1: must be a mapping of keys to values"],
    ["# x\nalertferry\n", "a.yaml:2: must be a mapping of keys to values"],
    ["log:\n\tlevel: info\n", "a.yaml:2: not valid YAML: a tab cannot indent; use spaces"],
    ["log: { level: info\n", "a.yaml:1: not valid YAML: this quote, [ or { is not closed"],
    ["http: {}\nsinks: [a,\n  b\nlog: {}\n", "a.yaml:2: not valid YAML: this quote, [ or { is not closed"],
    ['log: "info\nhttp: {}\n', "a.yaml:1: not valid YAML: this quote, [ or { is not closed"],
    [
      "http:\n  host: a: b\n",
      "a.yaml:2: not valid YAML: a key with a value can have no keys below it; a value with a colon must be in quotes",
    ],
    ["log:{}\nhttp: {}\n", "a.yaml:1: not valid YAML: a colon is missing, or the space behind it"],
    [
      "http: {\n  port: ${env:PORT},\n  host: a }\n",
      'a.yaml:2: not valid YAML: inside { } and [ ] a reference must be in quotes: "${env:NAME}"',
    ],
    ["log: 'info'x\n", "a.yaml:1: not valid YAML: a quote, bracket or dash is out of place here"],
    ["a: 1\n---\nb: 2\n", "a.yaml:2: not valid YAML: only one document a file is read; remove the line ---"],
    ["token: !vault x\n", "a.yaml:1: not valid YAML: unknown !tag; put a value that begins with ! in quotes"],
  ])("says of the file %j: %s", (text, message) => {
    expect(problemsOf(text)).toEqual([message]);
  });

  it("say that the file does not exist", () => {
    const path = join(folderWith({}), "nope.yaml");

    expect(() => loadConfig(path, {})).toThrow(`${path}: does not exist`);
    expect(() => loadConfig(folderWith({}), {})).toThrow("is a folder, not a file");
  });

  it("follow anchors and refuse one that holds itself", () => {
    const shared = `tenants:\n  - id: a\n    tenantId: ${GUIDS[1]}\n    poll: &poll { interval: 1x }\n  - id: b\n    tenantId: ${GUIDS[2]}\n    poll: *poll\n`;

    expect(problemsOf(`${shared}${DEFAULTS}${SINKS}`)).toEqual([
      expect.stringContaining("a.yaml:4: tenants[0].poll.interval: must be a duration"),
      expect.stringContaining("a.yaml:4: tenants[1].poll.interval: must be a duration"),
    ]);
    expect(problemsOf(`log: *log\n${REST}`)).toEqual(["a.yaml:1: log: this *alias has no &anchor above it"]);
    expect(problemsOf(`log: &log { level: *log }\n${REST}`)).toContainEqual(
      expect.stringContaining("an alias cannot stand inside its own anchor"),
    );
  });

  it("survive aliases that would grow without bound", () => {
    const levels = Array.from(
      { length: 12 },
      (_, at) => `k${at + 1}: &a${at + 1} [${`*a${at},`.repeat(10)}]`,
    );

    expect(problemsOf(`k0: &a0 [x]\n${levels.join("\n")}\n${REST}`)).toContainEqual(
      expect.stringContaining("far too large"),
    );
  });
});

describe("suggestions", () => {
  it("ignore case and punctuation and forgive a few letters", () => {
    const allowed = ["interval", "initialLookback", "overlap", "clientId"];

    expect(nearest("client_id", allowed)).toBe("clientId");
    expect(nearest("intreval", allowed)).toBe("interval");
    expect(nearest("initial-look-back", allowed)).toBe("initialLookback");
    expect(nearest("colour", allowed)).toBeUndefined();
  });
});

describe("the file to load", () => {
  it("is the flag's, else the environment's, else the first default that exists", () => {
    expect(findConfig("a.yaml", { ALERTFERRY_CONFIG: "b.yaml" })).toBe("a.yaml");
    expect(findConfig(undefined, { ALERTFERRY_CONFIG: "b.yaml" })).toBe("b.yaml");
  });
});

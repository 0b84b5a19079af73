import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { ConfigError, type ConfigProblem } from "../../src/model/failure.ts";
import { randomFrom } from "../../src/simulate/random.ts";
import { wildConfig } from "../support/wild-configs.ts";
import { GUIDS } from "./support.ts";

/** Names what was written, so that a failure can be seen again: ALERTFERRY_SEED=… */
const SEED = process.env["ALERTFERRY_SEED"] ?? randomBytes(4).toString("hex");
const FILES = 10_000;
/** Every so many a file with every key there is, which takes longer to read. */
const FULL_EVERY = 50;

/** A folder that is no disk, which ten thousand files would wear. */
const MEMORY = "/dev/shm";

const ENV = {
  CLIENT_SECRET: "Xk8Q~given.by-the_environment1",
  TOKEN: "0d2f7c1e-55aa-4b0e-9d10-given000env1",
  KEY: Buffer.alloc(32, 7).toString("base64"),
  REDIS_URL: "redis://user:passw0rd-of-redis@127.0.0.1:6379",
};
const WRITTEN = ["Zq7Q~written.into-the_file22", "whsec_d3JpdHRlbi1pbnRvLXRoZS1maWxlLWl0c2VsZg=="];
const SECRETS = [ENV.CLIENT_SECRET, ENV.TOKEN, ENV.KEY, "passw0rd-of-redis", ...WRITTEN];

/** Right ones, each with other parts, and short: ten thousand are read. */
const SHORT = [
  `defaults:
  auth: &app
    type: client-secret
    clientId: ${GUIDS[0]}
    clientSecret: \${env:CLIENT_SECRET}
  sources: [graph_alerts, mde_alerts]
  sinks: [console]
  poll:
    interval: 60s
    pageSize: 1000
tenants:
  - id: contoso
    name: "Contoso Ltd"
    tenantId: ${GUIDS[1]}
    auth: *app
  - id: fabrikam
    tenantId: ${GUIDS[2]}
    auth: { type: client-secret, clientId: ${GUIDS[0]}, clientSecret: ${WRITTEN[0]} }
    filter:
      minSeverity: high
sinks:
  console: { type: stdout }
`,
  `queue:
  redis: \${env:REDIS_URL}
  encryptionKey: \${env:KEY}
http: { host: 127.0.0.1, port: 8080, token: "\${env:TOKEN}" }
log:
  level: info
shutdownTimeout: 25s
tenants:
  - id: contoso
    tenantId: ${GUIDS[1]}
    sources: [graph_incidents]
    sinks: [archive]
    auth:
      type: client-certificate
      clientId: ${GUIDS[0]}
      certificateFile: ./contoso.pfx
      certificatePassword: \${env:CLIENT_SECRET}
sinks:
  archive:
    type: file
    path: ./out.ndjson
`,
  `defaults: { sources: [graph_alerts], sinks: [splunk, hook] }
apps:
  global: { type: client-secret, clientId: ${GUIDS[0]}, clientSecret: "\${env:CLIENT_SECRET}" }
tenants: [{ id: contoso, tenantId: ${GUIDS[1]} }]
tenantsDir: ./tenants.d
http:
  host: 0.0.0.0
  token: ${WRITTEN[0]}
sinks:
  splunk:
    type: splunk_hec
    url: https://splunk.example:8088
    token: \${env:TOKEN}
    batch: { maxAlerts: 500, maxBytes: 800KB }
    tls:
      rejectUnauthorized: true
  hook:
    type: webhook
    url: https://hook.example/
    secret: ${WRITTEN[1]}
`,
];

/** What is wrong with a problem as the user reads it, if anything. */
function flawOf({ file, line, path, message }: ConfigProblem, text: string): string | undefined {
  const said = `${path} ${message}`;
  if (message === "the file is empty") return undefined;
  if (line === undefined || line < 1 || line > text.split("\n").length + 1) return `line ${line} of ${file}`;
  if (path === "" && !/^(not valid YAML|must be a mapping of keys|the aliases|this \*alias)/.test(message))
    return "no key path";
  if (/[\r\n]/.test(said) || said.length > 1000) return "more than a line";
  if (/\n\s+at |node:internal|\.ts:\d|\b(Type|Range|Syntax)Error\b|\[object |undefined/.test(said))
    return "it speaks of its inside";
  return SECRETS.some((secret) => said.includes(secret)) ? "it holds a secret" : undefined;
}

it("takes ten thousand files with mistakes, or says where each is wrong: never more, never a secret", () => {
  const folder = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), "alertferry-wild-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "a.yaml");
  const full = readFileSync("config/example.yaml", "utf8").replace(/^ *#.*\n/gm, "");
  mkdirSync(join(folder, "tenants.d"));
  const outcomes = { loaded: 0, refused: 0 };

  for (let index = 0; index < FILES; index += 1) {
    const random = randomFrom(SEED, index);
    const text = wildConfig(index % FULL_EVERY === 0 ? full : (SHORT[index % SHORT.length] ?? full), random);
    writeFileSync(file, text, "latin1");
    try {
      loadConfig(file, ENV);
      outcomes.loaded += 1;
    } catch (error) {
      const seen = `seed ${SEED}, file ${index}`;
      if (!(error instanceof ConfigError))
        throw new Error(`${seen}\n${text.slice(0, 3000)}`, { cause: error });
      outcomes.refused += 1;
      if (error.problems.length === 0) throw new Error(`no problem: ${seen}`);
      for (const problem of error.problems) {
        const flaw = flawOf(problem, text);
        if (flaw !== undefined)
          throw new Error(`${flaw}: ${seen}: ${JSON.stringify(problem).slice(0, 1000)}`);
      }
    }
  }

  // Both ends were met often: mistakes that matter, and some that do not.
  expect(outcomes.loaded, `seed ${SEED}`).toBeGreaterThan(FILES / 50);
  expect(outcomes.refused, `seed ${SEED}`).toBeGreaterThan(FILES / 2);
  expect(Object.keys(Object.prototype)).toEqual([]);
}, 120_000);

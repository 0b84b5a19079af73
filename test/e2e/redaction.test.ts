import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { startWorld, type World } from "../../src/simulate/world.ts";
import {
  configFor,
  type RunningDaemon,
  runCommand,
  startDaemon,
  TEST_HTTP,
  writeConfig,
} from "../support/daemon.ts";
import {
  type Echo,
  startEcho,
  startEchoMail,
  startEchoProxy,
  startEchoRedis,
  tracesOf,
} from "../support/echo.ts";
import { afterTest, temporaryFolder } from "../support/processes.ts";
import { startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";

/** One of every kind. Real ones hold what URLs, forms and JSON must encode. */
const SECRETS = {
  clientSecret: "client~/+&=%_Secret<1>",
  certificatePassword: "certificate/+&=%password",
  consentState: "c29tZWJvZHkncy1jb25zZW50LXN0YXRl.LmFuZC1pdHMtc2lnbmF0dXJl",
  sentinelSecret: "sentinel~/+&=%_Secret\\2",
  hecToken: "5f3c1de8-0a53-4c0e-9d0a-3f2a7c1b9e99",
  apiKey: "ZWxhc3RpYy1pZDplbGFzdGljLXNlY3JldC1rZXk=",
  webhookSecret: `whsec_${Buffer.alloc(32, "webhook secret").toString("base64")}`,
  webhookPath: "T0KEN-in-the-path-of-a-webhook",
  webhookHeader: "header/+&=secret-of-the-webhook",
  mailPassword: 'mail/+&=%password"quoted',
  proxyPassword: "proxy/+&=%password",
  redisPassword: "redis/+&=%password",
  encryptionKey: Buffer.alloc(32, "encryption key").toString("base64"),
  httpToken: "http/+&=token-of-the-api",
  bearer: "eyJ0eXAiOiJKV1QifQ.eyJhdWQiOiJncmFwaCJ9.c2lnbmF0dXJl",
} as const;

const REFUSED = "11111111-1111-4111-8111-111111111111";
const ADMITTED = "22222222-2222-4222-8222-222222222222";
const CERTIFIED = "44444444-4444-4444-8444-444444444444";
const CLIENT = "33333333-3333-4333-8333-333333333333";

/** Where a sign-in host says that tokens are had. */
function metadataOf(origin: string, tenant: string): object {
  const base = `${origin}/${tenant}`;
  return {
    issuer: `${base}/v2.0`,
    token_endpoint: `${base}/oauth2/v2.0/token`,
    authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
    jwks_uri: `${base}/discovery/v2.0/keys`,
  };
}

/** Refuses sign-ins, calls and deliveries, each in words that quote the secret that came with it. */
function startPeer(world: World): Promise<Echo> {
  return startEcho(
    world.authority,
    ({ url = "", headers }, body) => {
      if (url.includes("/oauth2/")) return new URLSearchParams(body).get("client_secret") ?? "";
      if (url.includes("/hook/")) return url.split("/").at(-1) ?? "";
      return headers.authorization?.split(" ").at(-1) ?? "";
    },
    ({ pathname: path, origin }, quotation) => {
      if (path.includes("/oauth2/")) {
        const description = `AADSTS7000215: Invalid client secret provided: ${quotation} Trace ID: 1`;
        return path.includes(REFUSED) || path.includes(CLIENT)
          ? { status: 401, body: { error: "invalid_client", error_description: description } }
          : { status: 200, body: { token_type: "Bearer", expires_in: 3600, access_token: SECRETS.bearer } };
      }
      if (path.includes("/.well-known/"))
        return { status: 200, body: metadataOf(origin, path.split("/")[1] ?? "") };
      const error = { code: quotation, type: quotation, message: quotation, reason: quotation };
      return { status: 403, body: { text: quotation, code: 4, message: quotation, error } };
    },
  );
}

/** Everything that has a secret, pointed at peers that give it away. */
async function configuration(world: World, peer: Echo, redis: string, ca: string) {
  const proxy = `http://ferry:${encodeURIComponent(SECRETS.proxyPassword)}@${await startEchoProxy()}`;
  const mail = `smtp://ferry:${encodeURIComponent(SECRETS.mailPassword)}@127.0.0.1:${await startEchoMail()}`;
  const retry = { minDelay: "50ms", maxDelay: "200ms" };
  const tls = { ca };
  const plain = configFor(world, {
    queue: { redis, encryptionKey: SECRETS.encryptionKey },
    http: { ...TEST_HTTP, token: SECRETS.httpToken },
    log: { level: "trace", format: "json" },
    defaults: { sinks: ["splunk", "elastic", "through", "hook", "mail", "sentinel"] },
    sinks: {
      splunk: { type: "splunk_hec", url: peer.origin, token: SECRETS.hecToken, tls, retry },
      elastic: { type: "elastic", url: peer.origin, apiKey: SECRETS.apiKey, tls, retry },
      through: { type: "elastic", url: peer.origin, apiKey: SECRETS.apiKey, tls, retry, proxy },
      hook: {
        type: "webhook",
        url: `${peer.origin}/hook/${SECRETS.webhookPath}`,
        secret: SECRETS.webhookSecret,
        headers: { "x-key": SECRETS.webhookHeader },
        ...{ tls, retry },
      },
      mail: {
        type: "email",
        digest: "50ms",
        minSeverity: "informational",
        smtp: mail,
        starttls: "off",
        from: "a@example.org",
        to: ["b@example.org"],
        retry,
      },
      sentinel: {
        type: "sentinel",
        endpoint: peer.origin,
        ruleId: `dcr-${"0".repeat(32)}`,
        auth: {
          type: "client-secret",
          clientId: CLIENT,
          clientSecret: SECRETS.sentinelSecret,
          tenantId: CLIENT,
          authority: peer.origin,
        },
        ...{ tls, retry },
      },
    },
  });
  const auth = { type: "client-secret", clientId: CLIENT, clientSecret: SECRETS.clientSecret };
  // No PFX file that anybody could open.
  const certificateFile = join(await temporaryFolder(), "certificate.pfx");
  await writeFile(certificateFile, Buffer.from([0x30, 0x82, 1, 2, 3]));
  const { certificatePassword } = SECRETS;
  const certificate = {
    type: "client-certificate",
    clientId: CERTIFIED,
    certificateFile,
    certificatePassword,
  };
  const lab = { authority: peer.origin, graph: peer.origin, defender: peer.origin, monitor: peer.origin, ca };
  return {
    ...plain,
    clouds: { lab: world.cloud, echo: lab },
    tenants: [
      ...(plain["tenants"] as readonly object[]),
      { id: "refused", cloud: "echo", tenantId: REFUSED, auth },
      { id: "certified", cloud: "echo", tenantId: CERTIFIED, auth: certificate },
      { id: "admitted", cloud: "echo", tenantId: ADMITTED, auth: { ...auth, clientId: ADMITTED } },
    ],
  };
}

/** What people and programs can read of the daemon. */
async function everythingSaid(daemon: RunningDaemon, config: string): Promise<string> {
  const headers = { authorization: `Bearer ${SECRETS.httpToken}` };
  const pages = ["/api/status", "/api/tenants", "/api/sinks", "/metrics", "/readyz", "/"];
  const served = await Promise.all(
    pages.map(async (path) => await (await fetch(`${daemon.url}${path}`, { headers })).text()),
  );
  const commands = [
    ["status"],
    ["status", "--json"],
    ["explain", "tenant", "refused"],
    ["explain", "tenant", "admitted"],
    ["check"],
    ["check", "--connect"],
  ];
  const printed: string[] = [];
  for (const args of commands) {
    const { out, err } = await runCommand(config, ...args);
    printed.push(out, err);
  }
  return [daemon.out(), daemon.err(), ...served, ...printed].join("\n");
}

function leaksIn(text: string): string[] {
  return Object.entries(SECRETS).flatMap(([name, secret]) =>
    tracesOf(secret).flatMap((trace) => {
      const at = text.indexOf(trace);
      return at < 0 ? [] : [`${name}: …${text.slice(Math.max(0, at - 120), at + trace.length)}`];
    }),
  );
}

it("says no secret of any kind, in no notation, though every peer answers with the one that it was sent", async () => {
  const world = await startWorld({ tenants: ["contoso"], limits: "none" });
  afterTest(() => world.close());
  const peer = await startPeer(world);
  const { url } = await startRedis("--requirepass", SECRETS.redisPassword);
  const redis = url.replace("redis://", `redis://:${encodeURIComponent(SECRETS.redisPassword)}@`);
  const settings = await configuration(world, peer, redis, world.cloud.ca);
  const config = await writeConfig(settings);
  const [alert] = world.tenant("contoso").add("graph_alerts", 3, { size: "small" });

  const daemon = await startDaemon(config);
  const told = (event: string, of: "sink" | "tenant") =>
    new Set(daemon.log().flatMap((line) => (line.event === event ? [line[of]] : [])));
  await until("every sink has been refused", () => told("sink.opened", "sink").size === 6);
  await until("three tenants are not let in", () => {
    const refused = [...told("auth.failed", "tenant"), ...told("poll.failed", "tenant")];
    return ["refused", "certified", "admitted"].every((tenant) => refused.includes(tenant));
  });
  // Each answer quotes in other notations than the one before.
  const turns = () =>
    Math.min(...[...peer.asked].filter(([path]) => !/oauth2|known/.test(path)).map(([, turn]) => turn));
  await until("each peer has quoted in every notation", () => turns() >= 6);
  await fetch(`${daemon.url}/api/status`, { headers: { authorization: `Bearer ${SECRETS.httpToken}x` } });
  const state = encodeURIComponent(SECRETS.consentState);
  await fetch(`${daemon.url}/onboard/callback?state=${state}&error=access_denied&error_description=${state}`);
  await writeFile(
    config,
    JSON.stringify({ ...settings, http: { tokn: SECRETS.httpToken, token: [SECRETS.httpToken] } }),
  );
  await until("the broken file is rejected", () =>
    daemon.log().some(({ event }) => event === "config.rejected"),
  );
  await writeFile(config, JSON.stringify(settings));
  const said = await everythingSaid(daemon, config);

  expect(leaksIn(said)).toEqual([]);
  expect(said).toContain("[secret]");
  expect(said).not.toContain(JSON.parse(alert?.raw ?? "{}").title);
});

it("says no password of Redis, whatever Redis answers", async () => {
  const world = await startWorld({ tenants: ["contoso"] });
  afterTest(() => world.close());
  const redis = `redis://ferry:${encodeURIComponent(SECRETS.redisPassword)}@127.0.0.1:${await startEchoRedis()}`;
  const config = await writeConfig(configFor(world, { queue: { redis }, http: TEST_HTTP }));

  const { code, out, err } = await runCommand(config, "run");

  expect(code).toBe(1);
  expect(err).toMatch(/^Redis at 127\.0\.0\.1:\d+ /m);
  expect(leaksIn(`${out}${err}`)).toEqual([]);
});

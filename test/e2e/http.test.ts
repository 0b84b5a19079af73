import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { startServer } from "../../src/http/server.ts";
import { randomFrom } from "../../src/simulate/random.ts";
import { startWorld, type World } from "../../src/simulate/world.ts";
import { openBrowser } from "../support/browser.ts";
import {
  configFor,
  type RunningDaemon,
  runCommand,
  startDaemon,
  TEST_HTTP,
  writeConfig,
} from "../support/daemon.ts";
import { afterTest, temporaryFolder } from "../support/processes.ts";
import { type RawAnswer, readAnswers, sendRaw } from "../support/raw-http.ts";
import { startRedis } from "../support/redis.ts";
import { until } from "../support/until.ts";
import { wildRequest } from "../support/wild-requests.ts";

const TOKEN = "a-token-of-some-length";
const BEARER = { authorization: `Bearer ${TOKEN}` };
/** Names what was sent, so that a failure can be seen again: ALERTFERRY_SEED=… */
const SEED = process.env["ALERTFERRY_SEED"] ?? randomBytes(4).toString("hex");
const REQUESTS = 10_000;
const AT_ONCE = 150;
/** What is not sent whole is not answered, and not waited for. */
const patienceMs = (bytes: string): number => (bytes.includes("\r\n\r\n") ? 1000 : 100);

interface Listed {
  readonly deadLetters: readonly { readonly id: string }[];
  readonly next: string | null;
}

async function aDaemon(alerts: number, spoil: (world: World, id: string) => void) {
  const world = await startWorld({ tenants: ["contoso"], limits: "none" });
  afterTest(() => world.close());
  const versions = world.tenant("contoso").add("graph_alerts", alerts, { size: "small" });
  spoil(world, versions[1]?.alertId ?? "");
  const more = { queue: { dataDir: await temporaryFolder() }, http: { ...TEST_HTTP, token: TOKEN } };
  const config = await writeConfig(configFor(world, { ...more, log: { level: "debug" } }));
  const daemon = await startDaemon(config);
  await until("all but one are settled", async () => {
    const [dead, settled] = await Promise.all([
      daemon.metric("dead_letters", { sink: "splunk" }),
      daemon.metric("alerts_delivered_total", { sink: "splunk" }),
    ]);
    return dead === 1 && settled === alerts - 1;
  });
  return { world, daemon, poisoned: versions[1]?.alertId ?? "" };
}

const poison = (world: World, id: string): void => {
  world.hec.poison = (event) => event.bytes.includes(`"id":"${id}"`);
};

it("lists what was refused, and shows and sends it again to who has the token", async () => {
  const { world, daemon, poisoned } = await aDaemon(5, poison);
  const get = (path: string, headers: Record<string, string> = BEARER) =>
    fetch(`${daemon.url}/api/dead-letters${path}`, { headers });
  const retry = async (body: object, headers: Record<string, string> = BEARER) => {
    const sent = { ...headers, "content-type": "application/json" };
    const answer = await fetch(`${daemon.url}/api/dead-letters/retry`, {
      method: "POST",
      headers: sent,
      body: JSON.stringify(body),
    });
    return [answer.status, await answer.json()];
  };

  const { deadLetters: listed, next } = (await (await get("?sink=splunk")).json()) as Listed;
  const id = listed[0]?.id ?? "";
  const shown = await (await get(`/${id}`)).json();
  const unknown = [await retry({ ids: ["d-nothing"] }), await retry({ sink: "elsewhere" })];
  const refused = [
    await retry({ ids: [id] }, {}),
    await retry({ ids: [] }),
    await retry({ ids: [id], all: true }),
  ];
  world.hec.poison = undefined;
  const retried = await retry({ sink: "splunk" });
  await until("it has arrived", () => world.balance().delivered === 5);

  expect(next).toBeNull();
  expect(listed).toEqual([
    expect.objectContaining({
      alertId: poisoned,
      sink: "splunk",
      reason: "rejected",
      seq: expect.any(Number),
      canRetry: true,
    }),
  ]);
  expect(listed[0]).not.toHaveProperty("raw");
  expect(shown).toMatchObject({ ...listed[0], raw: expect.stringContaining(`"id":"${poisoned}"`) });
  expect((await get("", {})).status).toBe(401);
  expect((await get(`/${id}`, {})).status).toBe(401);
  expect((await get("?limit=0")).status).toBe(400);
  expect((await get("?after=x")).status).toBe(400);
  expect((await get("/d-nothing")).status).toBe(404);
  expect(unknown).toEqual([
    [200, { retried: 0, left: 1 }],
    [200, { retried: 0, left: 0 }],
  ]);
  expect(refused.map(([status]) => status)).toEqual([401, 400, 400]);
  expect(retried).toEqual([200, { retried: 1, left: 0 }]);
  expect(daemon.log().filter(({ event }) => event === "dead-letters.retried")).toEqual([
    expect.objectContaining({ level: "info", deadLetters: 1, client: "127.0.0.1" }),
  ]);
  expect(await (await get("")).json()).toEqual({ deadLetters: [], next: null });
});

it("lets a person in by the token, in a real browser, and out again", async () => {
  const html = { "content-type": "text/html; charset=utf-8" };
  const body = `<!doctype html><link rel="icon" href="login.svg"><title>Inside</title><form method="post" action="logout"><button>Leave</button></form>`;
  const answer = async () => ({ status: 200, headers: html, body });
  const routes = [{ method: "GET", path: "/", access: "token", answer }] as const;
  const server = await startServer({ host: "127.0.0.1", port: 0, token: TOKEN, routes });
  afterTest(server.close);
  const page = await (await openBrowser()).newPage();
  const complaints: string[] = [];
  page.on("console", (message) => complaints.push(message.text()));
  const give = async (token: string): Promise<void> => {
    await page.getByLabel("Token").fill(token);
    await page.getByRole("button", { name: "Sign in" }).click();
  };

  await page.goto(server.url);
  const width = await page.evaluate("getComputedStyle(document.body).maxWidth");
  await give("another");
  const refused = await page.getByRole("alert").textContent();
  await give(TOKEN);
  const inside = [await page.title(), page.url()];
  const cookies = await page.context().cookies();
  const seen = await page.evaluate("document.cookie");
  await page.getByRole("button", { name: "Leave" }).click();
  await page.goto(server.url);

  expect(width).toBe("384px");
  expect(refused).toContain("not the token");
  expect(inside).toEqual(["Inside", `${server.url}/`]);
  expect(cookies).toMatchObject([{ name: "alertferry_session", httpOnly: true, sameSite: "Strict" }]);
  expect(seen).toBe("");
  expect(page.url()).toBe(`${server.url}/login`);
  // A browser names each refused request; nothing else is to be said.
  expect(complaints.filter((text) => !text.includes("401"))).toEqual([]);
});

it("says in the log, under the id of the answer, why a page could not be made", async () => {
  const world = await startWorld({ tenants: ["contoso"], limits: "none" });
  afterTest(() => world.close());
  const redis = await startRedis();
  const more = { queue: { redis: redis.url }, http: TEST_HTTP, log: { level: "debug" } };
  const daemon = await startDaemon(await writeConfig(configFor(world, more)));

  await redis.client.client("PAUSE", 20_000, "ALL");
  const answer = await fetch(`${daemon.url}/api/status`, { headers: { "x-request-id": "proxy-1" } });

  expect(answer.status).toBe(500);
  const requestId = answer.headers.get("x-request-id");
  expect(await answer.json()).toEqual({ error: expect.stringContaining(`under ${requestId}`) });
  const told = () => daemon.log().filter(({ event }) => event === "http.failed");
  await until("the log says so", () => told().length === 1);
  expect(told()[0]).toMatchObject({ level: "debug", requestId, path: "/api/status" });
  expect(requestId).toMatch(/^proxy-1\//);
});

it("does not listen to other machines without a token, and says where that stands", async () => {
  const world = await startWorld({ tenants: ["contoso"], limits: "none" });
  afterTest(() => world.close());

  const run = await runCommand(
    await writeConfig(configFor(world, { http: { host: "0.0.0.0", port: 0 } })),
    "run",
  );

  expect(run.code).toBe(2);
  expect(run.err).toMatch(/^\S+\/alertferry\.yaml:1: http\.host: other machines reach this address, .*\n$/);
});

it("answers ten thousand wild requests without a crash, a secret, or a word about its inside", async () => {
  const { world, daemon, poisoned } = await aDaemon(20, poison);
  const { clientSecret } = world.tenant("contoso");
  const secrets = [TOKEN, clientSecret, world.hecToken];
  const port = Number(new URL(daemon.url).port);
  const before = await figures(daemon);
  const statuses = new Map<number, number>();
  let next = 0;

  async function sendSome(): Promise<void> {
    while (next < REQUESTS) {
      const index = next;
      next += 1;
      const random = randomFrom(SEED, index);
      const bytes = wildRequest(random, TOKEN);
      const reset = random.chance(0.05);
      const from = `127.${random.whole(1, 250)}.${random.whole(1, 250)}.${random.whole(1, 250)}`;
      for (const answer of readAnswers(
        await sendRaw({ port, bytes, from, reset, patienceMs: patienceMs(bytes) }),
      )) {
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
        const flaw = flawOf(answer, secrets);
        if (flaw !== undefined)
          throw new Error(`${flaw}: seed ${SEED}, request ${index}: ${JSON.stringify(bytes.slice(0, 500))}`);
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, sendSome));

  expect(daemon.child.exitCode).toBeNull();
  expect(daemon.err()).toBe("");
  expect([...statuses.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(REQUESTS * 0.7);
  // Every kind of answer was met, so every door was tried.
  for (const status of [200, 303, 400, 401, 403, 404, 405, 413, 414, 415, 417, 431])
    expect([status, statuses.get(status) ?? 0], `seed ${SEED}`).not.toEqual([status, 0]);
  const after = await figures(daemon);
  expect(after.memory - before.memory, `seed ${SEED}`).toBeLessThan(150_000_000);
  await until("no connection is held", async () => (await figures(daemon)).files <= before.files + 5);
  // And it goes on with what it is for.
  world.hec.poison = undefined;
  world.tenant("contoso").add("graph_alerts", 5, { size: "small" });
  await until("what came after it has arrived", () => world.balance().delivered >= 24);
  expect(daemon.log().some((line) => JSON.stringify(line).includes(poisoned) && line.level !== "debug")).toBe(
    false,
  );
});

const HEADERS = {
  "content-security-policy": /^default-src 'none'; (?!.*unsafe).*frame-ancestors 'none'/,
  "cross-origin-opener-policy": /^same-origin$/,
  "cross-origin-resource-policy": /^same-origin$/,
  "referrer-policy": /^(same-origin|no-referrer)$/,
  "x-content-type-options": /^nosniff$/,
  "x-request-id": /^([\w.-]{1,64}\/)?[0-9a-f-]{36}$/,
};
/** What a stack trace, a path of ours or Node's own error names look like. */
const INSIDE =
  /\n\s+at |node:internal|node_modules|\.[jt]s:\d+:\d+|\b(Type|Range|Syntax|Reference)Error\b|\bE[A-Z]{5,}\b/;

/** What is wrong with an answer, if anything. */
function flawOf({ status, headers, body }: RawAnswer, secrets: readonly string[]): string | undefined {
  if (status === 100) return undefined;
  if (status < 200 || (status >= 500 && status !== 503)) return `status ${status}`;
  const missing = Object.entries(HEADERS).find(([name, form]) => !form.test(headers[name] ?? ""));
  if (missing !== undefined) return `header ${missing[0]}: ${headers[missing[0]]}`;
  const text = `${JSON.stringify(headers)}\n${body}`;
  if (INSIDE.test(text)) return `it speaks of its inside: ${INSIDE.exec(text)?.[0]}`;
  return secrets.some((secret) => text.includes(secret)) ? "it holds a secret" : undefined;
}

async function figures(daemon: RunningDaemon): Promise<{ readonly memory: number; readonly files: number }> {
  const text = await (await fetch(`${daemon.url}/metrics`)).text();
  const read = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
  return { memory: read("process_resident_memory_bytes"), files: read("process_open_fds") };
}

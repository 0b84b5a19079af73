import { isDeepStrictEqual } from "node:util";
import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import type { History } from "../../src/pipeline/history.ts";
import type { Snapshot } from "../../src/pipeline/snapshot.ts";
import { createHistory } from "../../src/queue/history.ts";
import { createKeys } from "../../src/queue/keys.ts";
import { startWorld } from "../../src/simulate/world.ts";
import { openBrowser } from "../support/browser.ts";
import {
  configFor,
  runCommand,
  startDaemon,
  startDaemonAgain,
  TEST_HTTP,
  writeConfig,
} from "../support/daemon.ts";
import { afterTest, temporaryFolder } from "../support/processes.ts";
import { startRedis } from "../support/redis.ts";
import { factsOf, factsOn, faultsOf, openTab, shoot } from "../support/status-page.ts";
import { until } from "../support/until.ts";

const TENANTS = [
  "contoso",
  "fabrikam",
  "tailspin",
  ...Array.from({ length: 12 }, (_, at) => `customer-${at + 1}`),
];
const TOKEN = "a-token-that-only-this-test-knows";
const DAY_MS = 86_400_000;

async function aStage() {
  const world = await startWorld({ tenants: TENANTS, limits: "none", apps: "per-tenant" });
  afterTest(() => world.close());
  const { hec: second } = await world.addHec();
  const { url, client } = await startRedis();
  const sink = { type: "splunk_hec", token: world.hecToken, retry: { minDelay: "100ms", maxDelay: "500ms" } };
  const plain = configFor(world, {
    queue: { redis: url },
    http: { ...TEST_HTTP, token: TOKEN },
    defaults: {
      sinks: ["splunk", "archive"],
      poll: { interval: "1s", overlap: "5m", initialLookback: "1h" },
    },
    sinks: {
      splunk: { ...sink, url: world.hec.listener.origin },
      archive: { ...sink, url: second.listener.origin, backlog: { maxBytes: "60KB" } },
    },
  });
  const expires = new Date(Date.now() + 20 * DAY_MS).toISOString().slice(0, 10);
  const tenants = world.tenants.map(({ id, tenantId, clientId, clientSecret }) => ({
    ...{ id, tenantId },
    auth: { type: "client-secret", clientId, clientSecret, ...(id === "tailspin" ? { expires } : {}) },
  }));
  await anEarlierDay(client);
  const daemon = await startDaemon(await writeConfig({ ...plain, tenants }));
  const ask = async (what: string) => {
    const answer = await fetch(`${daemon.url}/api/${what}`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    return await answer.json();
  };
  const snapshot = async () => (await ask("status")) as Snapshot;
  return { world, second, daemon, ask, snapshot };
}

/** Some hours of deliveries, so that there is something to draw. */
async function anEarlierDay(client: Parameters<typeof createHistory>[0]): Promise<void> {
  const now = Math.floor(Date.now() / 60_000);
  const minutes = Array.from({ length: 24 * 60 - 5 }, (_, back) => now - 5 - back).flatMap((minute) => {
    const load = Math.round(20 + 18 * Math.sin(minute / 130) + ((minute * 7919) % 13));
    const kinds: [number, number][] = [
      [9, load],
      [10, Math.round(load / 3)],
      ...(minute % 97 < 6 ? ([[13, 4]] as [number, number][]) : []),
    ];
    return ["splunk", "archive"].map((sink) => ({ sink, minute, counts: new Map(kinds) }));
  });
  await createHistory(client, createKeys("alertferry")).addHistory(minutes);
}

it("shows what /api/status says in each trouble, asks for the token, and sends dead letters again", async () => {
  const { world, second, daemon, ask, snapshot } = await aStage();
  const browser = await openBrowser();
  const { page, problems } = await openTab(browser, daemon.url);
  const settled = async (what: string, isSo: (now: Snapshot) => boolean) => {
    await until(what, async () => isSo(await snapshot()));
    const agrees = async () => isDeepStrictEqual(await factsOn(page), factsOf(await snapshot()));
    await until(`the page shows ${what}`, agrees, 10_000).catch(async () => {
      // What differs is worth more than that it does.
      expect(await factsOn(page)).toEqual(factsOf(await snapshot()));
    });
  };

  await page.goto(daemon.url);
  expect(new URL(page.url()).pathname).toBe("/login");
  await page.getByLabel("Token").fill(TOKEN);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator("#connection.live").waitFor();

  for (const { id } of world.tenants) world.tenant(id).add("graph_alerts", 3, { spreadMs: 60_000 });
  const owed = 3 * TENANTS.length * 2;
  await settled(
    "all are delivered",
    ({ totals, verdict }) => totals.delivered === owed && verdict.level === "well",
  );
  await shoot(page, "healthy");
  expect(await faultsOf(page)).toEqual([]);

  await page.getByLabel("24 h").check();
  await page.getByLabel("of", { exact: true }).selectOption("archive");
  const { sinks: courses } = (await ask("history?hours=24")) as History;
  const ofArchive = courses["archive"]?.delivered.reduce((sum, count) => sum + count, 0) ?? 0;
  await page
    .locator("#throughput output", { hasText: `${ofArchive.toLocaleString("en-US")} in 24 h` })
    .waitFor();

  await world.hec.listener.stop();
  for (const id of ["contoso", "fabrikam", "customer-7"]) world.tenant(id).add("graph_alerts", 12);
  await settled(
    "the sink is away",
    ({ sinks }) =>
      sinks[0]?.state === "unreachable" && sinks[0].backlogAlerts === 36 && sinks[1]?.backlogAlerts === 0,
  );
  await shoot(page, "sink-down");
  await world.hec.listener.start();
  await settled("it is back", ({ verdict }) => verdict.level === "well");

  await second.listener.stop();
  for (let round = 0; round < 4; round++) world.tenant("contoso").add("graph_alerts", 40);
  await settled("a gap is open", ({ sinks }) => sinks[1]?.gaps === 1 && sinks[0]?.backlogAlerts === 0);
  await shoot(page, "gap-open");
  await second.listener.start();
  await settled("it is filled", ({ verdict, windows }) => verdict.level === "well" && windows.length === 0);

  const [poisoned] = world.tenant("fabrikam").add("graph_alerts", 1);
  world.hec.poison = (event) => event.bytes.includes(`"id":"${poisoned?.alertId}"`);
  await settled("a letter is dead", ({ sinks }) => sinks[0]?.deadLetters === 1);
  await shoot(page, "dead-letter");
  expect(await faultsOf(page)).toEqual([]);

  const cookies = await browser.cookies();
  await browser.clearCookies();
  await pressRetry(page);
  await said(page, "asks for the token");
  await browser.addCookies(cookies);
  world.hec.poison = () => false;
  await pressRetry(page);
  await said(page, "1 of 1 put back on the way.");
  await settled(
    "it is delivered",
    ({ sinks, verdict }) => sinks[0]?.deadLetters === 0 && verdict.level === "well",
  );

  world.tenant("tailspin").graph.fault = { kind: "throttled", retryAfter: "3" };
  await settled("a tenant is throttled", ({ tenants }) => tenants.some(({ state }) => state === "throttled"));
  await shoot(page, "throttled");

  const contoso = world.tenant("contoso");
  contoso.app.secrets = contoso.app.secrets.map((secret) => ({ ...secret, expired: true }));
  contoso.graph.fault = { kind: "unauthorized", times: 1 };
  await settled("a secret has expired", ({ tenants }) => tenants.some(({ state }) => state === "refused"));
  await shoot(page, "secret-expired");
  expect(await faultsOf(page)).toEqual([]);

  const shown = () => page.locator("#tenant-rows tr:visible th").allTextContents();
  await page.getByLabel("only what is not well").press("Space");
  expect(await shown()).toEqual(["contoso", "tailspin"]);
  await page.getByLabel("only what is not well").press("Space");
  await page.getByLabel("Filter").fill("customer-1");
  expect(await shown()).toEqual(["customer-1", "customer-10", "customer-11", "customer-12"]);

  // A browser that is busy may ask once more before it is signed in.
  expect([...new Set(problems())]).toEqual([expect.stringContaining("401 (Unauthorized)")]);
});

it("goes on after a restart of the daemon, and says why nothing is sent again where no token is set", async () => {
  const world = await startWorld({ tenants: ["contoso"], limits: "none" });
  afterTest(() => world.close());
  const queue = { dataDir: await temporaryFolder() };
  const config = await writeConfig(configFor(world, { queue, http: TEST_HTTP }));
  const [poisoned] = world.tenant("contoso").add("graph_alerts", 5);
  world.hec.poison = (event) => event.bytes.includes(`"id":"${poisoned?.alertId}"`);
  const daemon = await startDaemon(config);
  const { page, problems } = await openTab(await openBrowser(), daemon.url);
  await page.goto(daemon.url);
  const shows = async (delivered: number) =>
    (await factsOn(page)).tenants.some((row) => row.delivered[0] === delivered);
  await until("the page shows what is delivered", () => shows(4));

  await pressRetry(page);
  await said(page, "only where `http.token` is set");
  daemon.child.kill("SIGTERM");
  await daemon.ended;
  await page.locator("#connection.away").waitFor();
  const words = await page.locator("#connection").textContent();
  world.tenant("contoso").add("graph_alerts", 3);
  const next = await startDaemonAgain(config, daemon);
  await page.locator("#connection.live").waitFor();
  await until("the page shows what came meanwhile", () => shows(7));
  await until("both agree", async () =>
    isDeepStrictEqual(await factsOn(page), factsOf(await next.snapshot())),
  );

  const { out } = await runCommand(config, "status");

  const { sentence, ledger } = await factsOn(page);
  const [queued, delivered, dead, waiting] = ledger;
  expect(out.split("\n")[0]).toBe(sentence);
  expect(out).toContain(
    `queued ${queued} = delivered ${delivered} + dead-lettered ${dead} + waiting ${waiting}\n`,
  );
  expect(words).toMatch(/^disconnected since \d\d:\d\d:\d\d, trying again$/);
  expect(problems().filter((problem) => !/ERR_|403 \(Forbidden\)/.test(problem))).toEqual([]);
});

/** By the keyboard alone, from the top of the page. */
async function pressRetry(page: Page): Promise<void> {
  await page.locator("button.retry").waitFor();
  await page.getByLabel("Filter").focus();
  for (let press = 0; press < 20; press++) {
    await page.keyboard.press("Shift+Tab");
    if ((await page.evaluate("document.activeElement?.className")) === "retry") break;
  }
  await page.keyboard.press("Enter");
}

async function said(page: Page, words: string): Promise<void> {
  await page.locator("#retry-says", { hasText: words }).waitFor();
}

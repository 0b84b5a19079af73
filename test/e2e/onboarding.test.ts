import { mkdir, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { startWorld, type World } from "../../src/simulate/world.ts";
import { openBrowser } from "../support/browser.ts";
import { configFor, PROGRAM, startDaemon, TEST_HTTP, writeConfig } from "../support/daemon.ts";
import { afterTest, freePort, type Running, start, temporaryFolder } from "../support/processes.ts";
import { until } from "../support/until.ts";

const SPREAD_MS = 20_000;
const CALLBACK = "/onboard/callback";

/** Contoso is a customer; the others are to become one, and their administrators read what they are asked. */
async function aWorld(redirectUri: string) {
  const world = await startWorld({ tenants: ["contoso", "fabrikam", "tailspin"], limits: "none" });
  afterTest(() => world.close());
  for (const { app, entra } of [world.tenant("fabrikam"), world.tenant("tailspin")]) {
    app.redirectUris = [];
    entra.consents.clear();
    entra.administrator = "reads";
  }
  const { id, tenantId, clientId, clientSecret } = world.tenant("contoso");
  const plain = configFor(world, {
    queue: { dataDir: await temporaryFolder() },
    http: TEST_HTTP,
    defaults: {
      sources: ["graph_alerts", "mde_alerts"],
      auth: { type: "client-secret", clientId, clientSecret },
    },
    onboarding: { redirectUri, retryInterval: "1s", propagation: "2m" },
  });
  const config = await writeConfig({ ...plain, tenants: [{ id, tenantId }], tenantsDir: "./tenants.d" });
  const folder = join(dirname(config), "tenants.d");
  await mkdir(folder);
  return { world, config, folder };
}

function consent(world: World, config: string, port: string, id: string, ...more: string[]): Running {
  const { tenantId, name } = world.tenant(id);
  const args = ["tenants", "consent", id, "--tenant-id", tenantId, "--name", name, ...more];
  return start(process.execPath, [PROGRAM, ...args, "--config", config], { ALERTFERRY_TEST_PORT: port });
}

async function linkFor(world: World, config: string, port: string, id: string): Promise<URL> {
  const command = consent(world, config, port, id, "--json");
  expect(await command.ended, command.err()).toBe(0);
  return new URL((JSON.parse(command.out()) as { link: string }).link);
}

async function press(page: Page, button: "Accept" | "Cancel"): Promise<void> {
  await page.getByRole("button", { name: button }).click();
}

async function sentence(page: Page): Promise<string> {
  return (await page.locator("#says").textContent()) ?? "";
}

it("adds a customer whose administrator consents, once the consent has spread, and nobody else", async () => {
  const { world, config, folder } = await aWorld(`http://127.0.0.1:\${env:ALERTFERRY_TEST_PORT}${CALLBACK}`);
  const daemon = await startDaemon(config);
  const { port } = new URL(daemon.url);
  for (const { app } of world.tenants) app.redirectUris = [`${daemon.url}${CALLBACK}`];
  const fabrikam = world.tenant("fabrikam");
  fabrikam.entra.spreadMs = SPREAD_MS;
  fabrikam.add("graph_alerts", 5);
  const browser = await openBrowser();

  const accepting = await browser.newPage();
  await accepting.goto((await linkFor(world, config, port, "fabrikam")).href);
  await press(accepting, "Accept");
  // Each API has a page of its own.
  await press(accepting, "Accept");
  expect(await accepting.title()).toContain("One moment");
  // The style stands in the page, whose policy knows it by its digest alone.
  expect(await accepting.evaluate("getComputedStyle(document.body).maxWidth")).toBe("640px");
  expect(accepting.url()).toContain(`${daemon.url}/onboard/fabrikam?view=`);
  expect(await readdir(folder)).toEqual([]);

  const other = await browser.newPage();
  const cancelled = await linkFor(world, config, port, "tailspin");
  await other.goto(cancelled.href);
  await press(other, "Accept");
  await press(other, "Cancel");
  expect(await sentence(other)).toContain("were declined");
  const replayed = other.url();
  await other.goto(replayed);
  expect(await sentence(other)).toContain("has been used already");

  const answer = async (change: Readonly<Record<string, string>>) => {
    const state = (await linkFor(world, config, port, "tailspin")).searchParams.get("state") ?? "";
    const said = { admin_consent: "True", tenant: world.tenant("tailspin").tenantId, state, ...change };
    await other.goto(`${daemon.url}${CALLBACK}?${new URLSearchParams(said)}`);
    return await sentence(other);
  };
  const claims = Buffer.from(
    JSON.stringify({ purpose: "consent", tenant: "tailspin", nonce: "x", expiresMs: 9e15 }),
  );
  expect(await answer({ state: `${claims.toString("base64url")}.${"A".repeat(43)}` })).toContain(
    "does not belong to a request of ours",
  );
  expect(await answer({ tenant: world.tenant("contoso").tenantId })).toContain("from another directory");
  expect(
    await answer({
      error: "consent_required",
      error_description: "AADSTS90094: <b>The grant</b> requires admin.",
    }),
  ).toBe("Microsoft did not accept the consent, and nothing was set up. (AADSTS90094)");
  expect(await answer({ admin_consent: "False" })).toContain("neither that the permissions were granted");

  await accepting.getByRole("heading", { name: "Connected" }).waitFor({ timeout: 60_000 });
  expect(await sentence(accepting)).toBe("The consent is verified; your alerts are read.");
  expect(await accepting.getByRole("listitem").count()).toBe(6);
  expect(await readdir(folder)).toEqual(["fabrikam.yaml"]);
  await until("the new customer's alerts arrive", () => world.balance().missing.length === 0, 60_000);

  const canaries = world.hec.events.filter(({ fields }) => fields["seq"] === "0" || fields["seq"] === 0);
  expect(canaries.map(({ fields }) => fields["tenant"])).toEqual(["fabrikam"]);
  const told = daemon.log().filter(({ event }) => event.startsWith("onboarding."));
  expect(told.map(({ event, tenant }) => `${event} ${tenant}`)).toEqual([
    "onboarding.received fabrikam",
    ...Array.from({ length: 4 }, () => "onboarding.refused tailspin"),
    "onboarding.verified fabrikam",
  ]);
  expect(new Set(told.map(({ reason }) => reason).filter(Boolean)).size).toBe(4);
  expect(JSON.stringify(daemon.log())).not.toContain(cancelled.searchParams.get("state"));
});

it("receives the answer itself where no daemon runs", async () => {
  const port = String(await freePort());
  const { world, config, folder } = await aWorld(`http://127.0.0.1:${port}${CALLBACK}`);
  for (const { app } of world.tenants) app.redirectUris = [`http://127.0.0.1:${port}${CALLBACK}`];
  const browser = await openBrowser();
  const command = consent(world, config, "0", "tailspin", "--wait");
  await until("it waits", () => command.err().includes("Waiting for the answer at"));
  const link =
    command
      .err()
      .split("\n")
      .find((line) => line.startsWith("https://")) ?? "";

  const page = await browser.newPage();
  await page.goto(link);
  await press(page, "Accept");
  await press(page, "Accept");

  expect(await command.ended, command.err()).toBe(0);
  expect(command.out()).toContain("ok       first page of mde_alerts");
  expect(command.out()).toContain("The consent is verified; the tenant's alerts are read.");
  expect(await readdir(folder)).toEqual(["tailspin.yaml"]);
});

import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { enrolmentIn, tenantText } from "../../src/cli/tenant-files.ts";
import { loadConfig } from "../../src/config/load.ts";
import { createOnboarding, verifyOnce } from "../../src/daemon/onboarding.ts";
import type { Onboarding } from "../../src/model/onboarding.ts";
import { startWorld, type World } from "../../src/simulate/world.ts";
import { askEntra } from "../simulate/support.ts";
import { configFor, writeConfig } from "../support/daemon.ts";
import { afterTest } from "../support/processes.ts";
import { openBench } from "./bench.ts";

const SIGNAL = new AbortController().signal;

/** Contoso is configured, Fabrikam is to become a customer. */
async function aWorld(more: Readonly<Record<string, unknown>> = {}) {
  const world = await startWorld({ tenants: ["contoso", "fabrikam"], limits: "none" });
  afterTest(() => world.close());
  const { id, tenantId, clientId, clientSecret } = world.tenant("contoso");
  world.tenant("fabrikam").entra.consents.clear();
  const plain = configFor(world, {
    defaults: {
      sources: ["graph_alerts", "mde_alerts"],
      auth: { type: "client-secret", clientId, clientSecret },
    },
    onboarding: { redirectUri: "http://127.0.0.1:1/onboard/callback", propagation: "1m" },
    ...more,
  });
  const path = await writeConfig({ ...plain, tenants: [{ id, tenantId }], tenantsDir: "./tenants.d" });
  const folder = join(dirname(path), "tenants.d");
  mkdirSync(folder);
  return { world, path, folder };
}

/** The flow of one process. Two over one store are two processes. */
async function aFlow(path: string) {
  const { config } = loadConfig(path);
  const { store } = await openBench();
  const told: Onboarding[] = [];
  const another = () =>
    createOnboarding(
      () => config,
      store,
      enrolmentIn(path),
      (onboarding) => told.push(onboarding),
    );
  return { another, store, told };
}

/** What the administrator's browser comes back with. */
async function answerTo(world: World, link: string): Promise<URLSearchParams> {
  const { pathname, search } = new URL(link);
  const { headers } = await askEntra(world, `${pathname}${search}`);
  return new URL(headers["location"] ?? "").searchParams;
}

const draftOf = (world: World) =>
  tenantText({
    id: "fabrikam",
    tenantId: world.tenant("fabrikam").tenantId,
    name: "Fabrikam",
    cloud: undefined,
  });

describe("a consent", () => {
  it("is finished by another process than the one that asked for it, and by one that took no answer", async () => {
    const { world, path, folder } = await aWorld();
    const { another, store, told } = await aFlow(path);
    const { link } = await another().begin("fabrikam", draftOf(world));

    const first = await another().receive(await answerTo(world, link));
    if (first.is !== "next") throw new Error(`It went on with ${first.is}.`);
    const second = await another().receive(await answerTo(world, first.link));
    expect(second.is).toBe("received");
    expect(readdirSync(folder)).toEqual([]);
    await Promise.all([another().advance(SIGNAL), another().advance(SIGNAL)]);

    expect(readdirSync(folder)).toEqual(["fabrikam.yaml"]);
    expect(told.map(({ state }) => state)).toEqual(["verifying", "verified"]);
    expect(await store.verifying()).toEqual([]);
    if (second.is !== "received") return;
    expect(await another().look("fabrikam", second.view)).toMatchObject({ state: "verified" });
    expect(await another().look("contoso", second.view)).toBeUndefined();
    expect(await another().look("fabrikam", `${second.view}x`)).toBeUndefined();
  });

  it("that does not spread in time adds nobody, and says which step failed", async () => {
    const { world, path, folder } = await aWorld({
      onboarding: { redirectUri: "http://127.0.0.1:1/onboard/callback", propagation: "0s" },
    });
    const { another, told } = await aFlow(path);
    world.tenant("fabrikam").entra.spreadMs = 3_600_000;
    const flow = another();
    const { link } = await flow.begin("fabrikam", draftOf(world));
    const first = await flow.receive(await answerTo(world, link));
    if (first.is !== "next") throw new Error(`It went on with ${first.is}.`);
    await flow.receive(await answerTo(world, first.link));
    await flow.advance(SIGNAL);

    expect(readdirSync(folder)).toEqual([]);
    expect(told.at(-1)).toMatchObject({ state: "failed", draft: undefined });
    expect(told.at(-1)?.says).toMatch(/did not take effect within 0 minutes\. sign-in to .*AADSTS7000229/);
  });

  it("fails at once where waiting would not help, and where the folder of the tenants is gone", async () => {
    const { world, path, folder } = await aWorld();
    const { another, told } = await aFlow(path);
    const consent = async () => {
      const flow = another();
      const first = await flow.receive(
        await answerTo(world, (await flow.begin("fabrikam", draftOf(world))).link),
      );
      if (first.is !== "next") throw new Error(`It went on with ${first.is}.`);
      await flow.receive(await answerTo(world, first.link));
      return flow;
    };
    const { app } = world.tenant("fabrikam");
    const secrets = app.secrets;
    app.secrets = [];
    await (await consent()).advance(SIGNAL);
    expect(told.at(-1)?.says).toContain("AADSTS7000215");

    app.secrets = secrets;
    const flow = await consent();
    rmSync(folder, { recursive: true });
    await flow.advance(SIGNAL);
    expect(told.at(-1)).toMatchObject({ state: "failed" });
    expect(told.at(-1)?.says).toContain("no longer configured");
  });

  it("cannot be asked for without an application, a redirect URI or a tenant", async () => {
    const { path } = await aWorld({ onboarding: {} });
    const { another } = await aFlow(path);
    await expect(another().begin("contoso")).rejects.toThrow("onboarding.redirectUri");
    await expect(another().begin("nobody")).rejects.toThrow("There is no tenant nobody.");
  });
});

describe("verifying a tenant", () => {
  async function verdicts(path: string, canary = true) {
    const { config } = loadConfig(path);
    const tenant = config.tenants.find(({ id }) => id === "contoso");
    if (tenant === undefined) throw new Error("Contoso is configured.");
    const steps = await verifyOnce(tenant, config, canary, SIGNAL);
    return { steps, short: steps.map(({ what, verdict }) => `${verdict} ${what}`) };
  }

  it("goes the whole way, and leaves a test alert at each sink that belongs to no count", async () => {
    const { world, path } = await aWorld();
    world.tenant("contoso").entra.roles.graph = ["SecurityAlert.Read.All"];

    expect((await verdicts(path)).short).toEqual([
      "ok sign-in to Microsoft Graph",
      "ok roles for Microsoft Graph",
      "ok first page of graph_alerts",
      "ok sign-in to WindowsDefenderATP",
      "ok roles for WindowsDefenderATP",
      "ok first page of mde_alerts",
      "ok sink splunk",
    ]);
    await verdicts(path, false);
    expect(world.hec.events.map(({ fields }) => [fields["tenant"], Number(fields["seq"])])).toEqual([
      ["contoso", 0],
    ]);
  });

  it("tells roles that are missing from roles that are more than needed, and leaves out what stands on them", async () => {
    const { world, path } = await aWorld();
    const { entra } = world.tenant("contoso");
    entra.roles.graph = ["SecurityAlert.ReadWrite.All"];
    entra.roles.defender = ["Machine.Read.All"];

    const { steps, short } = await verdicts(path);

    expect(short).toEqual([
      "ok sign-in to Microsoft Graph",
      "warning roles for Microsoft Graph",
      "ok first page of graph_alerts",
      "ok sign-in to WindowsDefenderATP",
      "waiting roles for WindowsDefenderATP",
    ]);
    const says = steps.map((step) => step.says);
    expect(says).toContain("More than needed: SecurityAlert.ReadWrite.All. Needed: SecurityAlert.Read.All.");
    expect(says).toContain("Missing: Alert.Read.All. Present: Machine.Read.All.");
    expect(world.hec.events).toEqual([]);
  });

  it("names the sink that does not take the test alert, which is no matter of the customer's", async () => {
    const { world, path } = await aWorld();
    await world.hec.listener.stop();

    const { steps } = await verdicts(path);

    expect(steps.at(-1)).toMatchObject({ what: "sink splunk", concerns: "provider" });
    expect(steps.at(-1)?.verdict).not.toBe("ok");
  });
});

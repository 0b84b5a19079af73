import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { startWorld } from "../../src/simulate/world.ts";
import { configFor, startDaemon, TEST_HTTP, writeConfig } from "../support/daemon.ts";
import { afterTest, temporaryFolder } from "../support/processes.ts";
import { until } from "../support/until.ts";

const TENANTS = Array.from({ length: 20 }, (_, at) => `tenant-${at}`);
const DAY_MS = 86_400_000;

it("tells one story of a shared secret that expired, and reads on within a round once its file is another", async () => {
  const world = await startWorld({ tenants: TENANTS, limits: "none", tokenLifetimeSeconds: 4 });
  afterTest(() => world.close());
  const [first] = world.tenants;
  const { app, clientId } = first ?? world.tenant("tenant-0");
  const folder = await temporaryFolder();
  const secretFile = join(folder, "secret");
  const [old = ""] = app.secrets.map(({ value }) => value);
  await writeFile(secretFile, old);
  const auth = { type: "client-secret", clientId, clientSecret: `\${file:${secretFile}}` };
  const plain = configFor(world, {
    queue: { dataDir: await temporaryFolder() },
    http: TEST_HTTP,
    defaults: { auth, poll: { interval: "1s", overlap: "5m", initialLookback: "1h" } },
  });
  const tenants = world.tenants.map(({ id, tenantId }) => ({ id, tenantId }));
  const daemon = await startDaemon(await writeConfig({ ...plain, tenants }));
  for (const id of TENANTS) world.tenant(id).add("graph_alerts", 2);
  await until("all are read", () => world.balance().delivered === 40);
  const errors = () => daemon.log().filter(({ level }) => level === "error");
  const tokensAsked = () => world.tenants.flatMap(({ entra }) => entra.requests).length;

  app.secrets = [{ value: old, expired: true }, { value: "a-new-secret" }];
  for (const id of TENANTS) world.tenant(id).add("graph_alerts", 2);
  await until("every tenant waits for it", async () =>
    (await daemon.snapshot()).tenants.every(({ outcome }) => outcome === "unauthorized"),
  );
  const refused = await daemon.metric("app_refused", { app: clientId });
  const askedBefore = tokensAsked();
  const failed = (await daemon.snapshot()).tenants.map(({ failures }) => failures);
  await until("they have looked again several times", async () =>
    (await daemon.snapshot()).tenants.every(({ failures }, at) => failures > (failed[at] ?? 0) + 2),
  );
  const askedMeanwhile = tokensAsked() - askedBefore;
  await writeFile(secretFile, "a-new-secret");
  await until("all are read again", () => world.balance().delivered === 80);
  await until("it is said", () => daemon.log().some(({ event }) => event === "auth.recovered"));

  expect(errors()).toMatchObject([
    {
      event: "auth.failed",
      app: clientId,
      runbook: "runbook#secret-expired",
      error: { code: "AADSTS7000222", diagnosis: "secret-expired", actor: "provider" },
    },
  ]);
  expect(refused).toBe(1);
  expect(askedMeanwhile).toBeLessThan(TENANTS.length);
  expect(daemon.log().filter(({ event }) => event === "auth.recovered")).toHaveLength(1);
  expect(await daemon.metric("app_refused", { app: clientId })).toBe(0);
  expect(world.balance()).toMatchObject({ missing: [], duplicates: 0, alien: 0, crossed: 0 });
  expect(`${daemon.out()}${daemon.err()}`).not.toContain("a-new-secret");
});

it("sees the end of a shared secret coming, and says so once", async () => {
  const world = await startWorld({ tenants: ["contoso", "fabrikam"], limits: "none" });
  afterTest(() => world.close());
  const { clientId, clientSecret } = world.tenant("contoso");
  const expires = new Date(Date.now() + 5 * DAY_MS).toISOString().slice(0, 10);
  const auth = { type: "client-secret", clientId, clientSecret, expires };
  const plain = configFor(world, {
    queue: { dataDir: await temporaryFolder() },
    http: TEST_HTTP,
    defaults: { auth },
  });
  const tenants = world.tenants.map(({ id, tenantId }) => ({ id, tenantId }));
  const daemon = await startDaemon(await writeConfig({ ...plain, tenants }));

  await until("it runs", () => daemon.log().some(({ event }) => event === "daemon.started"));

  const said = daemon.log().filter(({ event }) => event === "credential.expiring");
  expect(said).toMatchObject([{ level: "warn", app: clientId, tenants: 2, days: 5 }]);
  expect(await daemon.metric("credential_expires_timestamp_seconds", { tenant: "fabrikam" })).toBe(
    Date.parse(expires) / 1000 + DAY_MS / 1000,
  );
});

import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { startWorld, type World } from "../../src/simulate/world.ts";
import { configFor, runCommand, startDaemon, TEST_HTTP, writeConfig } from "../support/daemon.ts";
import { afterTest, temporaryFolder } from "../support/processes.ts";
import { until } from "../support/until.ts";

/** A configuration whose first tenant stands in it; the others are to come as files. */
async function aFolderOfTenants(world: World) {
  const [first, ...others] = world.tenants;
  const { clientId, clientSecret } = first ?? world.tenant("contoso");
  const plain = configFor(world, {
    queue: { dataDir: await temporaryFolder() },
    http: TEST_HTTP,
    defaults: { auth: { type: "client-secret", clientId, clientSecret } },
  });
  const { id, tenantId } = first ?? world.tenant("contoso");
  const config = await writeConfig({ ...plain, tenants: [{ id, tenantId }], tenantsDir: "./tenants.d" });
  const folder = join(dirname(config), "tenants.d");
  await mkdir(folder);
  return { config, folder, others };
}

it("takes tenants that are added, changed and removed under load over without a restart, a loss or a duplicate", async () => {
  const world = await startWorld({ tenants: ["contoso", "fabrikam", "tailspin"], limits: "none" });
  afterTest(() => world.close());
  const { config, folder } = await aFolderOfTenants(world);
  const daemon = await startDaemon(config);
  // No updates: a version that is superseded while nobody reads its tenant is gone at Microsoft too.
  const traffic = world.traffic({ perSecond: 40, updates: 0 });
  const { tenantId } = world.tenant("fabrikam");
  const from = (id: string) =>
    world.balance({ of: (version) => version.tenantId === world.tenant(id).tenantId });
  const reloads = () => daemon.log().filter(({ event }) => event === "config.reloaded");

  const added = await runCommand(
    config,
    "tenants",
    "add",
    "fabrikam",
    "--tenant-id",
    tenantId,
    "--name",
    "Fabrikam: 1",
  );
  await until("the new tenant is read", () => from("fabrikam").delivered > 0);
  await writeFile(
    join(folder, "fabrikam.yaml"),
    `id: fabrikam\ntenantId: ${tenantId}\npoll: { interval: 2s }\n`,
  );
  await until("the change is in force", () => reloads().length === 2);
  const tailspin = world.tenant("tailspin").tenantId;
  await runCommand(config, "tenants", "add", "tailspin", "--tenant-id", tailspin);
  await until("the third is read", () => from("tailspin").delivered > 0);
  const removed = await runCommand(config, "tenants", "remove", "tailspin");
  await until("it is gone", () => reloads().length === 4);
  const unread = world.tenant("tailspin").add("graph_alerts", 5);
  await runCommand(config, "tenants", "add", "tailspin", "--tenant-id", tailspin);
  await until("it is back", () => reloads().length === 5);
  traffic.stop();
  await until("everything has arrived", () => world.balance().missing.length === 0);

  expect([added.code, removed.code]).toEqual([0, 0]);
  expect(unread).toHaveLength(5);
  expect(reloads().map(({ tenants }) => tenants)).toEqual([
    { added: ["fabrikam"] },
    { changed: ["fabrikam"] },
    { added: ["tailspin"] },
    { removed: ["tailspin"] },
    { added: ["tailspin"] },
  ]);
  expect(world.balance()).toMatchObject({ duplicates: 0, altered: 0, alien: 0, crossed: 0 });
  expect(daemon.log().filter(({ event }) => event === "daemon.started")).toHaveLength(1);
});

it("adds many tenants from a list, all or none, and refuses what would not be a configuration", async () => {
  const world = await startWorld({ tenants: ["contoso", "fabrikam"], limits: "none" });
  afterTest(() => world.close());
  const { config, folder } = await aFolderOfTenants(world);
  const csv = join(folder, "customers.csv");
  const guid = (end: number) => `7d1b8c2e-55f3-4a86-9c0d-${String(end).padStart(12, "0")}`;
  const tenants = (...args: string[]) => runCommand(config, "tenants", ...args);
  const files = async () => (await readdir(folder)).filter((name) => name.endsWith(".yaml")).sort();

  await writeFile(csv, `id,tenant_id,name\na,${guid(1)},"A, ""the first"""\nB!,nope,\n`);
  const refused = await tenants("add", "--from", csv);
  expect(refused.code).toBe(2);
  expect(refused.err).toContain("tenantId: must be a GUID");
  expect(refused.err).toContain("B!.yaml");
  expect(await files()).toEqual([]);

  await writeFile(csv, `id,tenant_id,name\na,${guid(1)},"A, ""the first"""\nb,${guid(2)},\n`);
  expect(await tenants("add", "--from", csv, "--dry-run")).toMatchObject({ code: 0 });
  expect(await files()).toEqual([]);
  expect(await tenants("add", "--from", csv)).toMatchObject({ code: 0 });
  expect(await readFile(join(folder, "a.yaml"), "utf8")).toBe(
    `id: a\nname: "A, \\"the first\\""\ntenantId: "${guid(1)}"\n`,
  );

  const listed = await tenants("list", "--json");
  expect(JSON.parse(listed.out).map(({ id, name }: { id: string; name: string }) => [id, name])).toEqual([
    ["contoso", "contoso"],
    ["a", 'A, "the first"'],
    ["b", "b"],
  ]);
  const again = await tenants("add", "c", "--tenant-id", guid(2));
  expect([again.code, again.err]).toEqual([
    2,
    expect.stringContaining("another tenant reads this directory"),
  ]);
  const fixed = await tenants("remove", "contoso");
  expect([fixed.code, fixed.err]).toEqual([2, expect.stringContaining("has no file of its own")]);
  expect(await tenants("remove", "a")).toMatchObject({ code: 0 });
  expect(await files()).toEqual(["b.yaml"]);
});

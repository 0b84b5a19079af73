import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DEFAULTS, GUIDS, load, problemsOf, SINKS, TENANT } from "./support.ts";

const MAIN = `tenantsDir: ./tenants.d\n${DEFAULTS}${SINKS}`;
const CONTOSO = `id: contoso\ntenantId: ${GUIDS[1]}\n`;
const FABRIKAM = `id: fabrikam\ntenantId: ${GUIDS[2]}\npoll:\n  interval: 5m\n`;

describe("tenantsDir", () => {
  it("adds one tenant a file, in the order of the names, completed by defaults", () => {
    const { config, files, folders } = load(MAIN, {
      "tenants.d/b.yml": CONTOSO,
      "tenants.d/a.yaml": FABRIKAM,
      "tenants.d/README.md": "not a tenant",
      "tenants.d/.b.yml.swp.yaml": "not a tenant",
    });

    expect(config.tenants.map((tenant) => tenant.id)).toEqual(["fabrikam", "contoso"]);
    expect(config.tenants[0]).toMatchObject({ poll: { interval: 300_000 }, sinks: ["console"] });
    expect(config.tenantsDir).toBe(folders[0]);
    expect(files.map((file) => file.split("/").at(-1))).toEqual(["a.yaml", "a.yaml", "b.yml"]);
  });

  it("names the file and its line in problems", () => {
    const tenant = "id: contoso\ntenantId: nope\npoll:\n  intervall: 5m\nsinks:\n  - consol\n";

    expect(problemsOf(MAIN, { "tenants.d/contoso.yaml": tenant })).toEqual([
      "tenants.d/contoso.yaml:2: tenantId: must be a GUID",
      "tenants.d/contoso.yaml:4: poll.intervall: unknown key `intervall`; did you mean `interval`?",
      "tenants.d/contoso.yaml:6: sinks[0]: there is no sink `consol`; did you mean `console`?",
    ]);
  });

  it("finds the same tenant in two files", () => {
    expect(problemsOf(`${MAIN}${TENANT}`, { "tenants.d/contoso.yaml": CONTOSO })).toEqual([
      "tenants.d/contoso.yaml:1: id: another tenant has this id already (a.yaml:13)",
      "tenants.d/contoso.yaml:2: tenantId: another tenant reads this directory already (a.yaml:14)",
    ]);
  });

  it("reports files that hold no tenant, beside all other problems", () => {
    const files = { "tenants.d/a.yaml": "", "tenants.d/b.yaml": "- id: x\n", "tenants.d/c.yaml": "id: c\n" };

    expect(problemsOf(MAIN, files)).toEqual([
      "tenants.d/a.yaml: the file is empty",
      "tenants.d/b.yaml:1: must be a mapping of keys to values",
      "tenants.d/c.yaml:1: tenantId: is required",
    ]);
  });

  it("reports a folder that is not there", () => {
    expect(problemsOf(MAIN)).toEqual(["a.yaml:1: tenantsDir: the folder tenants.d does not exist"]);
    expect(problemsOf(`${MAIN}${TENANT}`, { "tenants.d": "a file" })).toEqual([
      "a.yaml:1: tenantsDir: the folder tenants.d is not a folder",
    ]);
  });

  it("asks for a tenant when the folder holds none", () => {
    expect(problemsOf(MAIN, { "tenants.d/README.md": "" })).toEqual([
      expect.stringContaining("tenants: at least one tenant is needed"),
    ]);
  });

  it("may be empty beside tenants in the main file, and is to be watched all the same", () => {
    const { folders } = load(`${MAIN}${TENANT}`, { [join("tenants.d", "README.md")]: "" });

    expect(folders).toHaveLength(1);
  });
});

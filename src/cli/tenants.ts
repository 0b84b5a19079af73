import { rmSync } from "node:fs";
import { basename } from "node:path";
import { findConfig, loadConfig } from "../config/load.ts";
import { type Command, type Io, type Options, textOption, UsageError } from "./command.ts";
import { invite } from "./invite.ts";
import { plural, table } from "./table.ts";
import {
  fileName,
  findTenantFile,
  folderOf,
  type NewTenant,
  readCustomers,
  tenantText,
  writeTenantFile,
} from "./tenant-files.ts";
import { verify } from "./verify.ts";

export const tenants: Command = {
  summary: "Lists, adds and removes tenants, asks for a customer's consent, and verifies what it lets us do.",
  words: "list | add ID | add --from FILE | remove ID | consent ID | verify ID",
  options: {
    "tenant-id": { type: "string" },
    name: { type: "string" },
    cloud: { type: "string" },
    from: { type: "string" },
    "dry-run": { type: "boolean" },
    wait: { type: "boolean" },
    "no-canary": { type: "boolean" },
  },
  help: [
    "--tenant-id GUID   id of the customer's directory in Entra",
    "--name NAME        name for people",
    "--cloud CLOUD      global, gcc, gcc-high, dod or one of `clouds`",
    "--from FILE        many: a CSV file with the columns id, tenant_id, name, cloud",
    "--dry-run          check what would be added, and write nothing",
    "--wait             consent: wait for the customer's answer, and verify it",
    "--no-canary        verify: send no test alert, only probe the sinks",
    "--json             print JSON",
  ],
  async run(options, io, [what, id]) {
    const path = findConfig(textOption(options, "config"));
    if (what === "consent" && id !== undefined)
      return await invite(path, id, draftOf(id, options), options, io);
    if (what === "verify" && id !== undefined) return await verify(path, id, options, io);
    if (what === "list") list(path, options, io);
    else if (what === "add") add(path, wantedOf(id, options), options, io);
    else if (what === "remove" && id !== undefined) remove(path, id, options, io);
    else throw new UsageError("Say what: tenants list, add ID, remove ID, consent ID or verify ID.");
    return 0;
  },
};

function list(path: string, options: Options, io: Io): void {
  const rows = loadConfig(path).config.tenants.map(({ id, name, tenantId, cloud, sources, sinks }) => ({
    ...{ id, name, tenantId, cloud: cloud.name, sources, sinks },
  }));
  if (options["json"] === true) {
    io.out(JSON.stringify(rows, undefined, 2));
    return;
  }
  const cells = rows.map((row) => [
    ...[row.id, row.name, row.tenantId, row.cloud],
    ...[row.sources.join(", "), row.sinks.join(", ")],
  ]);
  for (const line of table(["tenant", "name", "tenant id", "cloud", "sources", "sinks"], cells)) io.out(line);
}

function wantedOf(id: string | undefined, options: Options): readonly NewTenant[] {
  const from = textOption(options, "from");
  if (from !== undefined && id === undefined) return readCustomers(from);
  const tenant = from === undefined && id !== undefined ? newTenant(id, options) : undefined;
  if (tenant !== undefined) return [tenant];
  throw new UsageError("Say who: tenants add ID --tenant-id GUID, or tenants add --from customers.csv.");
}

/** Undefined when it is not said which directory it is. */
function newTenant(id: string, options: Options): NewTenant | undefined {
  const tenantId = textOption(options, "tenant-id");
  if (tenantId === undefined) return undefined;
  return { id, tenantId, name: textOption(options, "name"), cloud: textOption(options, "cloud") };
}

/** The file of a tenant that is to come with its consent; undefined when it is one already. */
function draftOf(id: string, options: Options): string | undefined {
  const tenant = newTenant(id, options);
  return tenant === undefined ? undefined : tenantText(tenant);
}

/** The whole configuration is checked with the new files in it, before the first of them is written. */
function add(path: string, wanted: readonly NewTenant[], options: Options, io: Io): void {
  const drafts = new Map(wanted.map((tenant) => [fileName(tenant.id), tenantText(tenant)]));
  if (drafts.size < wanted.length) throw new UsageError("One id stands in the file twice.");
  const folder = folderOf(loadConfig(path, process.env, drafts).config.tenantsDir);
  for (const { id } of wanted) {
    const there = findTenantFile(folder, id);
    if (there !== undefined) throw new UsageError(`${there} is there already.`);
  }
  const isDry = options["dry-run"] === true;
  const ids = wanted.map(({ id }) => id);
  if (!isDry) for (const id of ids) writeTenantFile(folder, id, drafts.get(fileName(id)) ?? "");
  const words = `${plural(ids.length, "tenant")} ${isDry ? "to add" : "added"} in ${folder}: ${ids.join(", ")}`;
  tell(options, io, { added: ids, dryRun: isDry, folder }, words);
}

function remove(path: string, id: string, options: Options, io: Io): void {
  const { config } = loadConfig(path);
  const file = config.tenantsDir === undefined ? undefined : findTenantFile(config.tenantsDir, id);
  const isKnown = config.tenants.some((tenant) => tenant.id === id);
  if (file === undefined) {
    throw new UsageError(
      isKnown
        ? `Tenant ${id} has no file of its own in \`tenantsDir\`; take it out of the file it stands in.`
        : `There is no tenant ${id}. Known: ${config.tenants.map((tenant) => tenant.id).join(", ")}.`,
    );
  }
  // What is left must be a configuration.
  loadConfig(path, process.env, new Map([[basename(file), undefined]]));
  rmSync(file);
  const words = `${file} is removed. What waits for ${id} is delivered, and its cursor is kept for queue.rememberRemoved.`;
  tell(options, io, { removed: [id], file }, words);
}

function tell(options: Options, io: Io, facts: object, words: string): void {
  io.out(options["json"] === true ? JSON.stringify(facts, undefined, 2) : words);
}

import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadConfig } from "../config/load.ts";
import type { Enrolment } from "../daemon/onboarding.ts";
import { UsageError } from "./command.ts";
import { readCsv } from "./csv.ts";

/** A tenant as `tenants add` is told of it. What else it needs comes from `defaults`. */
export interface NewTenant {
  readonly id: string;
  readonly tenantId: string;
  readonly name: string | undefined;
  readonly cloud: string | undefined;
}

const COLUMNS = ["id", "tenant_id", "name", "cloud"] as const;

/** The tenants of a CSV file with the columns id, tenant_id and, where wanted, name and cloud. @throws UsageError */
export function readCustomers(path: string): NewTenant[] {
  const [head, ...rows] = recordsOf(path);
  const columns = (head?.fields ?? []).map((name) => name.toLowerCase());
  const unknown = columns.filter((name) => !COLUMNS.some((column) => column === name));
  if (!columns.includes("id") || !columns.includes("tenant_id") || unknown.length > 0) {
    throw new UsageError(
      `${path}: the first line must name the columns id, tenant_id and, where wanted, name and cloud.`,
    );
  }
  return rows.map(({ line, fields }) => {
    if (fields.length !== columns.length) {
      throw new UsageError(
        `${path}: line ${line} has ${fields.length} fields, and the first has ${columns.length}.`,
      );
    }
    const cell = (name: (typeof COLUMNS)[number]) => fields[columns.indexOf(name)] || undefined;
    const [id, tenantId] = [cell("id"), cell("tenant_id")];
    if (id === undefined || tenantId === undefined) {
      throw new UsageError(`${path}: line ${line} lacks ${id === undefined ? "id" : "tenant_id"}.`);
    }
    return { id, tenantId, name: cell("name"), cloud: cell("cloud") };
  });
}

function recordsOf(path: string) {
  try {
    return readCsv(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new UsageError(`${path}: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

/** Name of the tenant's file in `tenantsDir`. */
export function fileName(id: string): string {
  return `${id}.yaml`;
}

/** The file of a tenant. JSON texts are YAML; a reference in a name would be replaced, so none may stand there. */
export function tenantText({ id, tenantId, name, cloud }: NewTenant): string {
  const entries = { id, name, tenantId, cloud };
  const lines = Object.entries(entries).flatMap(([key, value]) => {
    if (value?.includes("${")) throw new UsageError(`The ${key} of tenant ${id} must not hold \${…}.`);
    return value === undefined
      ? []
      : [`${key}: ${/^[\w-]+$/.test(value) ? quoteNumber(value) : JSON.stringify(value)}`];
  });
  return `${lines.join("\n")}\n`;
}

/** Whoever watches the folder sees the whole file or none; one that is there stays. @throws UsageError */
export function writeTenantFile(folder: string, id: string, text: string): void {
  const path = join(folder, fileName(id));
  // Names with a dot in front are no tenants.
  const draft = join(folder, `.${fileName(id)}.${process.pid}`);
  writeFileSync(draft, text, { flag: "wx" });
  try {
    linkSync(draft, path);
  } catch (cause) {
    const isThere = cause instanceof Error && "code" in cause && cause.code === "EEXIST";
    throw isThere ? new UsageError(`${path} is there already.`) : cause;
  } finally {
    rmSync(draft);
  }
}

/** How tenants become part of a configuration file's `tenantsDir`. */
export function enrolmentIn(path: string): Enrolment {
  return {
    preview: (id, draft) => {
      const { config } = loadConfig(path, process.env, new Map([[fileName(id), draft]]));
      return config.tenants.find((tenant) => tenant.id === id);
    },
    admit: (id, draft) => writeTenantFile(folderOf(loadConfig(path).config.tenantsDir), id, draft),
  };
}

/** @throws UsageError */
export function folderOf(tenantsDir: string | undefined): string {
  if (tenantsDir !== undefined) return tenantsDir;
  throw new UsageError("Tenants are added as files: name a folder for them with `tenantsDir`.");
}

/** The file that holds a tenant; undefined when there is none. */
export function findTenantFile(folder: string, id: string): string | undefined {
  return [fileName(id), `${id}.yml`].map((name) => join(folder, name)).find((path) => existsSync(path));
}

function quoteNumber(word: string): string {
  return /^[a-z]/i.test(word) && !/^(true|false|null|yes|no|on|off)$/i.test(word)
    ? word
    : JSON.stringify(word);
}

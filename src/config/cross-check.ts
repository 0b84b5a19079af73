import type { z } from "zod";
import type { ConfigProblem } from "../model/failure.ts";
import { CLOUDS } from "../net/clouds.ts";
import { childOf, type MappingNode, type Node, type Place, placeOf } from "./document.ts";
import { suggestion } from "./suggest.ts";
import type { Tenant } from "./tenant-schema.ts";

/** One tenant after the merge: as it was written, and as it was understood (undefined when it has mistakes). */
export interface TenantSource {
  readonly node: MappingNode;
  readonly parsed: z.output<typeof Tenant> | undefined;
}

/** The rules that one tenant alone cannot break. Looks at what was written, so that no other mistake hides these. */
export function checkTenants(
  root: MappingNode,
  tenants: readonly TenantSource[],
  problems: ConfigProblem[],
): void {
  checkCount(root, tenants, problems);
  const sinks = namesUnder(root, "sinks");
  const clouds = [...Object.keys(CLOUDS), ...(namesUnder(root, "clouds") ?? [])];
  const ids = new Map<string, Place>();
  const directories = new Map<string, Place>();
  for (const { node } of tenants) {
    checkName(childOf(node, "cloud"), "cloud", clouds, problems);
    const list = childOf(node, "sinks");
    // Without any sinks every tenant would be told so; that they are missing is reported once.
    for (const item of list?.kind === "sequence" && sinks !== undefined ? list.items : []) {
      checkName(item, "sink", sinks ?? [], problems);
    }
    checkOnce(node, "id", "another tenant has this id already", ids, problems);
    checkOnce(node, "tenantId", "another tenant reads this directory already", directories, problems);
  }
}

function checkCount(root: MappingNode, tenants: readonly TenantSource[], problems: ConfigProblem[]): void {
  if (
    tenants.length > 0 ||
    problems.some((problem) => /^tenants(Dir)?\b/.test(problem.path) || problem.path === "")
  )
    return;
  const message = "at least one tenant is needed, here or as a file in `tenantsDir`";
  problems.push({ ...placeOf(root, ["tenants"]), message });
}

function namesUnder(root: MappingNode, key: string): string[] | undefined {
  const node = childOf(root, key);
  return node?.kind === "mapping" ? [...node.entries.keys()] : undefined;
}

function checkName(
  node: Node | undefined,
  word: string,
  known: readonly string[],
  problems: ConfigProblem[],
): void {
  if (node?.kind !== "scalar" || typeof node.value !== "string" || known.includes(node.value)) return;
  problems.push({
    ...node.place,
    message: `there is no ${word} \`${node.value}\`${suggestion(node.value, known)}`,
  });
}

function checkOnce(
  tenant: MappingNode,
  key: string,
  message: string,
  seen: Map<string, Place>,
  problems: ConfigProblem[],
): void {
  const node = childOf(tenant, key);
  if (node?.kind !== "scalar" || typeof node.value !== "string") return;
  const value = node.value.toLowerCase();
  const first = seen.get(value);
  if (first === undefined) seen.set(value, node.place);
  else problems.push({ ...node.place, message: `${message} (${first.file}:${first.line})` });
}

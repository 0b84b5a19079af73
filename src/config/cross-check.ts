import type { z } from "zod";
import type { ConfigProblem } from "../model/failure.ts";
import { clientIdOf } from "../net/auth.ts";
import { CLOUDS, DEFAULT_CLOUD } from "../net/clouds.ts";
import { childOf, type MappingNode, type Node, type Place, placeOf } from "./document.ts";
import { shown } from "./shown.ts";
import { suggestion } from "./suggest.ts";
import type { ResolvedTenant, Tenant } from "./tenant-schema.ts";

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

/** Names and addresses that nobody but this machine reaches. */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/i;

/** Who listens to other machines must be able to tell who asks. */
export function checkExposure(root: MappingNode, problems: ConfigProblem[]): void {
  const http = childOf(root, "http");
  const host = childOf(http, "host");
  const token = childOf(http, "token");
  if (host?.kind !== "scalar" || typeof host.value !== "string" || LOOPBACK.test(host.value)) return;
  // A reference that leads nowhere is told about where it stands.
  const isMissing = token === undefined || (token.kind === "scalar" && token.value === undefined);
  if (!isMissing || (token?.kind === "scalar" && token.reference !== "none")) return;
  problems.push({
    ...host.place,
    message: "other machines reach this address, so `http.token` must be set; or listen on 127.0.0.1",
  });
}

/**
 * Tokens do not cross clouds, and no application does (AADSTS900382): one that signs in at two hosts is a mix-up. So is
 * a region where there are none.
 */
export function checkClouds(
  tenants: readonly TenantSource[],
  resolved: readonly ResolvedTenant[],
  problems: ConfigProblem[],
): void {
  const apps = new Map<string, ResolvedTenant>();
  for (const tenant of resolved) {
    const node = tenants.find(({ parsed }) => parsed?.id === tenant.id)?.node;
    const report = (key: string, message: string) =>
      node === undefined ? undefined : problems.push({ ...placeOf(node, [key]), message });
    if (tenant.region !== undefined && tenant.cloud.name !== DEFAULT_CLOUD) {
      report(
        "region",
        `only the cloud ${DEFAULT_CLOUD} has regions, and this tenant is in ${tenant.cloud.name}`,
      );
    }
    const clientId = clientIdOf(tenant.auth);
    if (clientId === undefined) continue;
    const first = apps.get(clientId) ?? tenant;
    apps.set(clientId, first);
    if (first.cloud.authority === tenant.cloud.authority) continue;
    report(
      "auth",
      `application ${clientId} signs in for \`${first.id}\` in cloud ${first.cloud.name} already; each cloud needs an application of its own, see \`apps\``,
    );
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
  // What a reference stands for is told nobody: it may be a secret that came to the wrong place.
  const name = node.reference === "none" ? ` \`${shown(node.value)}\`` : " of the name that this refers to";
  problems.push({ ...node.place, message: `there is no ${word}${name}${suggestion(node.value, known)}` });
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

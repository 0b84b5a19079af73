import { DEFAULT_CLOUD } from "../net/clouds.ts";
import { childOf, type MappingNode, type Node } from "./document.ts";

/** Parts of a tenant's settings that are merged key by key; anything else the tenant replaces as a whole. */
const MERGED_DEEP: ReadonlySet<string> = new Set(["poll", "filter"]);

/**
 * A tenant as `defaults` complete it. Everything keeps the place where it was written.
 *
 * @param keys the keys that `defaults` may supply.
 */
export function mergeTenant(
  defaults: MappingNode | undefined,
  tenant: MappingNode,
  keys: readonly string[],
): MappingNode {
  const entries = new Map(tenant.entries);
  for (const key of keys) {
    const fallback = childOf(defaults, key);
    if (fallback === undefined) continue;
    const own = entries.get(key);
    entries.set(key, own === undefined || isEmpty(own) ? fallback : mergeValue(key, fallback, own));
  }
  return { ...tenant, entries };
}

/** The defaults of a tenant whose cloud has an application of its own. */
export function withAppOf(
  defaults: MappingNode | undefined,
  apps: Node | undefined,
  tenant: MappingNode,
): MappingNode | undefined {
  const named = [childOf(tenant, "cloud"), childOf(defaults, "cloud")].find(
    (node) => node?.kind === "scalar" && node.value !== undefined,
  );
  const app = childOf(apps, named?.kind === "scalar" ? String(named.value) : DEFAULT_CLOUD);
  if (app === undefined) return defaults;
  const entries = new Map(defaults?.entries).set("auth", app);
  return { ...(defaults ?? tenant), entries };
}

function mergeValue(key: string, fallback: Node, own: Node): Node {
  if (fallback.kind !== "mapping" || own.kind !== "mapping") return own;
  if (MERGED_DEEP.has(key) || (key === "auth" && isSameType(fallback, own)))
    return mergeMappings(fallback, own);
  return own;
}

function mergeMappings(fallback: MappingNode, own: MappingNode): MappingNode {
  const entries = new Map(fallback.entries);
  for (const [key, value] of own.entries) {
    if (!isEmpty(value) || !entries.has(key)) entries.set(key, value);
  }
  return { ...own, entries };
}

/** The secret of one kind of sign-in means nothing to another, so only the same kind is completed. */
function isSameType(fallback: MappingNode, own: MappingNode): boolean {
  const wanted = childOf(own, "type");
  const given = childOf(fallback, "type");
  if (wanted === undefined || isEmpty(wanted) || given === undefined) return true;
  return wanted.kind === "scalar" && given.kind === "scalar" && wanted.value === given.value;
}

/** A key with nothing behind it counts as no key. */
function isEmpty(node: Node): boolean {
  return node.kind === "scalar" && node.value === undefined;
}

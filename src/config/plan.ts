import { isDeepStrictEqual } from "node:util";
import type { Config } from "./schema.ts";

/** What differs between two configurations, by names. */
interface Difference {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

export interface ReloadPlan {
  readonly tenants: Difference;
  readonly sinks: Difference;
  /** What a running daemon cannot change. */
  readonly atNextStart: readonly string[];
}

const FIXED = ["queue", "http", "log"] as const;

/** What a reload is going to change. A secret that changes makes its tenant or sink a changed one. */
export function planReload(before: Config, after: Config): ReloadPlan {
  const tenantsOf = ({ tenants }: Config) => new Map(tenants.map((tenant) => [tenant.id, tenant]));
  const sinksOf = ({ sinks }: Config) => new Map(Object.entries(sinks));
  return {
    tenants: difference(tenantsOf(before), tenantsOf(after)),
    sinks: difference(sinksOf(before), sinksOf(after)),
    atNextStart: FIXED.filter((key) => !isDeepStrictEqual(before[key], after[key])),
  };
}

function difference(before: ReadonlyMap<string, unknown>, after: ReadonlyMap<string, unknown>): Difference {
  const names = [...after.keys()];
  return {
    added: names.filter((name) => !before.has(name)),
    changed: names.filter(
      (name) => before.has(name) && !isDeepStrictEqual(before.get(name), after.get(name)),
    ),
    removed: [...before.keys()].filter((name) => !after.has(name)),
  };
}

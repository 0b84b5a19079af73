import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { ConfigError, type ConfigProblem } from "../model/failure.ts";
import { CLOUDS, type Cloud, type CloudAddresses, regionalDefender } from "../net/clouds.ts";
import { checkClouds, checkExposure, checkTenants, type TenantSource } from "./cross-check.ts";
import { childOf, joinPath, type MappingNode, type Node, readDocument } from "./document.ts";
import { forecastCalls } from "./forecast.ts";
import { check, type Findings } from "./inspect.ts";
import { mergeTenant, withAppOf } from "./merge.ts";
import { type Environment, whyUnreadable } from "./references.ts";
import { type Config, ConfigFile } from "./schema.ts";
import { DEFAULT_KEYS, type ResolvedTenant, Tenant } from "./tenant-schema.ts";

export interface LoadedConfig {
  readonly config: Config;
  /** What works but should be mended: secrets that stand in the file. */
  readonly warnings: readonly ConfigProblem[];
  /** Every secret value, for the log to censor. */
  readonly secrets: readonly string[];
  /** Absolute paths of every file that was read, also by `${file:…}`. */
  readonly files: readonly string[];
  /** Absolute paths of folders where a new file would change the configuration. */
  readonly folders: readonly string[];
}

const DEFAULT_PATHS = ["./config/alertferry.yaml", "/etc/alertferry/alertferry.yaml"] as const;

/** The file that `--config` names, else the one of $ALERTFERRY_CONFIG, else the first default that exists. */
export function findConfig(flag: string | undefined, env: Environment = process.env): string {
  const named = flag ?? env["ALERTFERRY_CONFIG"];
  if (named !== undefined && named !== "") return named;
  const found = DEFAULT_PATHS.find((path) => existsSync(path));
  if (found !== undefined) return found;
  const message = `does not exist, nor does ${DEFAULT_PATHS[1]}; name the file with --config or $ALERTFERRY_CONFIG`;
  throw new ConfigError([{ file: DEFAULT_PATHS[0], line: undefined, path: "", message }]);
}

/**
 * Reads the configuration with everything it refers to.
 *
 * @param drafts the text of files in `tenantsDir`, by their names, instead of what lies there; undefined: no such file.
 * @throws ConfigError with every mistake in every file.
 */
export function loadConfig(
  path: string,
  env: Environment = process.env,
  drafts: Drafts = new Map(),
): LoadedConfig {
  const findings: Findings = { problems: [], warnings: [], secrets: new Set() };
  const reader = createReader(env, findings, drafts);
  const root = reader.read(path);
  if (root === undefined) throw new ConfigError(inOrder(findings.problems));

  const folder = tenantsFolder(path, root);
  const written = [...tenantsIn(root), ...(folder === undefined ? [] : reader.readFolder(folder))];
  const defaults = childOf(root, "defaults");
  const tenants = written.map((own): TenantSource => {
    const base = withAppOf(defaults?.kind === "mapping" ? defaults : undefined, childOf(root, "apps"), own);
    const node = mergeTenant(base, own, DEFAULT_KEYS);
    return { node, parsed: checkTenant(node, findings) };
  });
  const parsed = check(ConfigFile, root, findings);
  checkTenants(root, tenants, findings.problems);
  checkExposure(root, findings.problems);
  if (findings.problems.length > 0 || parsed === undefined) throw new ConfigError(inOrder(findings.problems));

  const { queue, http, log, deadLetters, onboarding, memory, shutdownTimeout, clouds, sinks } = parsed;
  const resolved = tenants.flatMap((tenant) => resolveTenant(tenant, clouds));
  checkClouds(tenants, resolved, findings.problems);
  forecastCalls(tenants, resolved, findings.warnings);
  if (findings.problems.length > 0) throw new ConfigError(inOrder(findings.problems));
  return {
    config: {
      ...{ queue, http, log, deadLetters, onboarding, memory, shutdownTimeout, sinks },
      tenants: resolved,
      tenantsDir: parsed.tenantsDir,
    },
    warnings: inOrder(findings.warnings),
    secrets: [...findings.secrets],
    files: [...reader.files],
    folders: parsed.tenantsDir === undefined ? [] : [parsed.tenantsDir],
  };
}

function checkTenant(node: MappingNode, findings: Findings) {
  const problems: ConfigProblem[] = [];
  const parsed = check(Tenant, node, { ...findings, problems });
  const eitherPlace = new Set(DEFAULT_KEYS.map((key) => joinPath(node.place.path, key)));
  for (const problem of problems) {
    const missing = problem.message === "is required" && eitherPlace.has(problem.path);
    findings.problems.push(
      missing ? { ...problem, message: "is required, here or under `defaults`" } : problem,
    );
  }
  return parsed;
}

function resolveTenant(
  { parsed }: TenantSource,
  clouds: Readonly<Record<string, CloudAddresses>>,
): ResolvedTenant[] {
  if (parsed === undefined) return [];
  const addresses = new Map<string, CloudAddresses>(Object.entries({ ...CLOUDS, ...clouds })).get(
    parsed.cloud,
  );
  if (addresses === undefined) return [];
  const { region } = parsed;
  const defender = region === undefined ? addresses.defender : regionalDefender(region);
  const cloud: Cloud = { name: parsed.cloud, ...addresses, defender };
  return [{ ...parsed, name: parsed.name ?? parsed.id, cloud, proxy: parsed.proxy }];
}

type Drafts = ReadonlyMap<string, string | undefined>;

function createReader(env: Environment, findings: Findings, drafts: Drafts) {
  const files = new Set<string>();

  /** The mapping that the file holds; undefined after reporting why there is none. */
  function read(path: string, draft?: string): MappingNode | undefined {
    const report = (message: string, line?: number) =>
      findings.problems.push({ file: path, line, path: "", message });
    files.add(resolve(path));
    let text: string;
    try {
      text = draft ?? readFileSync(path, "utf8");
    } catch (cause) {
      report(whyUnreadable(cause));
      return undefined;
    }
    const document = readDocument(path, text, { env, folder: dirname(path) });
    findings.problems.push(...document.problems);
    for (const file of document.files) files.add(file);
    if (document.root?.kind === "mapping") return document.root;
    if (document.root !== undefined) report("must be a mapping of keys to values", document.root.place.line);
    return undefined;
  }

  function readFolder(folder: TenantsFolder): MappingNode[] {
    let names: string[];
    try {
      names = readdirSync(folder.path);
    } catch (cause) {
      // What a reference stands for, or what is no path, may be a secret that came to the wrong place.
      const isPath = folder.isWritten && /^[\w./-]{1,200}$/.test(folder.path);
      const name = isPath ? `the folder ${folder.path}` : "this folder";
      findings.problems.push({ ...folder.node.place, message: `${name} ${whyUnreadable(cause)}` });
      return [];
    }
    // Names with a dot in front are what editors leave behind.
    const wanted = [...new Set([...names, ...drafts.keys()])]
      .filter((name) => /^[^.].*\.ya?ml$/.test(name) && (!drafts.has(name) || drafts.get(name) !== undefined))
      .sort();
    return wanted.flatMap((name) => read(join(folder.path, name), drafts.get(name)) ?? []);
  }

  return { read, readFolder, files };
}

interface TenantsFolder {
  readonly path: string;
  /** Not by a reference. */
  readonly isWritten: boolean;
  readonly node: Node;
}

function tenantsFolder(configPath: string, root: MappingNode): TenantsFolder | undefined {
  const node = childOf(root, "tenantsDir");
  if (node?.kind !== "scalar" || typeof node.value !== "string" || node.value === "") return undefined;
  const { value } = node;
  // As short as it was written, because problems name it.
  const isWritten = node.reference === "none";
  return { node, isWritten, path: resolve(value) === value ? value : join(dirname(configPath), value) };
}

function tenantsIn(root: MappingNode): MappingNode[] {
  const list = childOf(root, "tenants");
  return list?.kind === "sequence" ? list.items.filter((item) => item.kind === "mapping") : [];
}

/** File by file and line by line; at one place only what was found first, the rest follows from it. */
function inOrder(problems: readonly ConfigProblem[]): ConfigProblem[] {
  const rank = new Map([...new Set(problems.map((problem) => problem.file))].map((file, at) => [file, at]));
  const rankOf = (problem: ConfigProblem) => rank.get(problem.file) ?? 0;
  const places = new Map<string, ConfigProblem>();
  for (const problem of problems) {
    const place = JSON.stringify([problem.file, problem.line, problem.path]);
    if (!places.has(place)) places.set(place, problem);
  }
  return [...places.values()].sort((a, b) => rankOf(a) - rankOf(b) || (a.line ?? 0) - (b.line ?? 0));
}

import { z } from "zod";
import { CLOUDS, type CloudAddresses } from "../net/clouds.ts";
import { commonSettings } from "../sinks/sink.ts";
import { SOURCES } from "../sources/index.ts";
import { permissionOf } from "../sources/source.ts";
import { type KeyRow, keyRow, keyRows } from "./key-rows.ts";
import { code, generatedNote, page, table } from "./markdown.ts";
import { ConfigFile, SINK_DEFINITIONS } from "./schema.ts";
import { unwrap, variantsOf } from "./schema-tree.ts";
import { Tenant } from "./tenant-schema.ts";

const VALUES = `## How values are written

- **Durations**: \`500ms\`, \`60s\`, \`15m\`, \`24h\`, \`7d\`. **Sizes** (decimal units): \`900KB\`, \`5MB\`, \`2GB\`.
- **References** are replaced anywhere in a value, also where a number or boolean is wanted:
  - \`\${env:NAME}\`: an environment variable;
  - \`\${env:NAME:-fallback}\`: the fallback when the variable is unset or empty;
  - \`\${file:/run/secrets/name}\`: the content of a file without its last line end;
  - \`$\${\` stands for a plain \`\${\`;
  - inside \`{ }\` and \`[ ]\` a reference must be in quotes: \`{ port: "\${env:PORT}" }\`.
- **Secrets** are never printed or logged. One that stands in the file itself draws a warning.
- **Paths** of type *path* and of \`\${file:…}\` start from the folder of the file they are written in.
- A key with nothing behind it counts as absent. An unknown key is an error.
- For completion in an editor the file begins with \`# yaml-language-server: $schema=./schema.json\`
  ([config/schema.json](../config/schema.json)).

[config/example.yaml](../config/example.yaml) shows every key once;
[config/minimal.yaml](../config/minimal.yaml) is enough to begin with.`;

const MERGE = `A tenant is an entry of \`tenants\`, or a file of its own in \`tenantsDir\` (\`*.yaml\`, \`*.yml\`) with the same
keys. All keys but \`id\`, \`name\` and \`tenantId\` may stand under \`defaults\` instead. \`poll\` and \`filter\` are
completed from there key by key, \`auth\` too unless the tenant names another \`type\`; every other key of the
tenant replaces the one of \`defaults\`.`;

/** `docs/configuration.md`: every key with its type, default and meaning. */
export function renderConfigurationPage(): string {
  return page([
    generatedNote("src/config and the registries of sinks and sources"),
    "# Configuration",
    VALUES,
    ...rootSections(),
    ...cloudSection(),
    ...tenantSection(),
    ...sourceSection(),
    ...sinkSections(),
  ]);
}

/** Keys with a section of their own further down. */
const FURTHER_DOWN: ReadonlySet<string> = new Set(["clouds", "defaults", "tenants", "sinks"]);

function rootSections(): string[] {
  const sections: string[] = [];
  const rows: KeyRow[] = [];
  for (const [name, schema] of Object.entries(ConfigFile.shape)) {
    const { leaf, meta } = unwrap(schema);
    const meaning = meta.description ?? "";
    if (FURTHER_DOWN.has(name)) {
      const anchor = name === "defaults" ? "tenants" : name;
      rows.push({ ...keyRow(name, schema), meaning: `${meaning} See [${anchor}](#${anchor}).` });
    } else if (leaf instanceof z.ZodObject) {
      sections.push(`## \`${name}\``, meaning, keyTable(keyRows(leaf)));
    } else {
      rows.push(keyRow(name, schema));
    }
  }
  return ["## Top level", keyTable(rows), ...sections];
}

function cloudSection(): string[] {
  const presets: readonly [string, CloudAddresses][] = Object.entries(CLOUDS);
  const keys = [
    "authority",
    "graph",
    "defender",
    "monitor",
    "portal",
    "graphAudience",
    "defenderAudience",
  ] as const;
  return [
    "## `clouds`",
    "Built-in clouds. Tokens do not cross clouds: each needs an app registration of its own.",
    table(
      ["Key", ...presets.map(([name]) => code(name))],
      keys.map((key) => [code(key), ...presets.map(([, cloud]) => cloud[key] ?? "")]),
    ),
    "Others are configured by name, with these keys:",
    keyTable(rowsOfRecord(ConfigFile.shape.clouds)),
  ];
}

function rowsOfRecord(schema: z.core.$ZodType): KeyRow[] {
  const { leaf } = unwrap(schema);
  const value = leaf instanceof z.ZodRecord ? unwrap(leaf.valueType).leaf : undefined;
  return value instanceof z.ZodObject ? keyRows(value) : [];
}

function tenantSection(): string[] {
  return [
    "## `tenants`",
    MERGE,
    keyTable(keyRows(Tenant)),
    "### `auth`",
    ...variantSections(Tenant.shape.auth),
  ];
}

/** The keys of each variant of a union; with the union's own key in front where it has one. */
function variantSections(schema: z.core.$ZodType, key = ""): string[] {
  const { leaf } = unwrap(schema);
  const variants = leaf instanceof z.ZodDiscriminatedUnion ? [...variantsOf(leaf)] : [];
  const discriminator = key === "" ? "type" : `${key}.type`;
  return variants.flatMap(([type, object]) => [
    `\`${discriminator}: ${type}\``,
    keyTable(keyRows(object, key)),
  ]);
}

function sourceSection(): string[] {
  return [
    "## Sources",
    table(
      ["Source", "Reads", "Application permission to grant"],
      SOURCES.map((source) => [code(source.type), source.summary, permissionOf(source)]),
    ),
  ];
}

/** What all sinks share is told once; each sink's table repeats only the defaults in which they differ. */
function sinkSections(): string[] {
  const common = new Set(
    Object.keys(commonSettings({ maxAlerts: 1, maxBytes: "1MB", linger: "0ms", concurrency: 1 })),
  );
  const isCommon = (row: KeyRow) => common.has(row.key.split(".")[0] ?? "");
  const all = SINK_DEFINITIONS.map((definition) => ({ definition, rows: keyRows(definition.Config) }));
  const shared = (all[0]?.rows ?? []).filter(isCommon);
  const defaultsOf = (key: string) =>
    new Set(all.flatMap(({ rows }) => rows.filter((row) => row.key === key).map((row) => row.default)));
  const differs = (row: KeyRow) => defaultsOf(row.key).size > 1;
  return [
    "## `sinks`",
    "Each sink has a name, a `type`, the settings of its type and these, which every sink takes:",
    keyTable(shared.map((row) => (differs(row) ? { ...row, default: "by type" } : row))),
    ...all.flatMap(({ definition, rows }) => [
      `### \`type: ${definition.type}\``,
      definition.summary,
      keyTable(rows.filter((row) => !isCommon(row) || differs(row))),
      ...Object.entries(definition.Config.shape).flatMap(([key, schema]) => variantSections(schema, key)),
    ]),
  ];
}

function keyTable(rows: readonly KeyRow[]): string {
  return table(
    ["Key", "Type", "Default", "Meaning"],
    rows.map((row) => [code(row.key), row.type, row.default, row.meaning]),
  );
}

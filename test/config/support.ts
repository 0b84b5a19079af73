import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { type LoadedConfig, loadConfig } from "../../src/config/load.ts";
import { ConfigError, describeProblem } from "../../src/model/failure.ts";

export const GUIDS = [
  "00000000-0000-0000-0000-000000000001",
  "00000000-0000-0000-0000-000000000002",
  "00000000-0000-0000-0000-000000000003",
] as const;

/** Everything that has to be there, for tests that are about something else. */
export const SINKS = `
sinks:
  console: { type: stdout }
  archive: { type: file, path: ./out.ndjson }
`;
export const DEFAULTS = `
defaults:
  auth: { type: client-secret, clientId: ${GUIDS[0]}, clientSecret: "\${env:SECRET}" }
  sources: [graph_alerts]
  sinks: [console]
`;
export const TENANT = `
tenants:
  - id: contoso
    tenantId: ${GUIDS[1]}
`;
export const ENV = { SECRET: "s3cr3t-value" };

type Files = Readonly<Record<string, string>>;

/** Writes files into a new folder that is gone after the test. */
export function folderWith(files: Files): string {
  const folder = mkdtempSync(join(tmpdir(), "alertferry-config-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

export function load(
  text: string,
  more: Files = {},
  env: Readonly<Record<string, string>> = ENV,
): LoadedConfig {
  return loadConfig(join(folderWith({ "a.yaml": text, ...more }), "a.yaml"), env);
}

/** The problems as the user reads them, with file names as in the test; none when it loads. */
export function problemsOf(
  text: string,
  more: Files = {},
  env: Readonly<Record<string, string>> = ENV,
): string[] {
  const folder = folderWith({ "a.yaml": text, ...more });
  try {
    loadConfig(join(folder, "a.yaml"), env);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((problem) => describeProblem(problem).replaceAll(`${folder}/`, ""));
  }
}

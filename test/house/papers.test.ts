import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import type { Io } from "../../src/cli/command.ts";
import { execute } from "../../src/cli/commands.ts";
import { loadConfig } from "../../src/config/load.ts";
import { ConfigFile } from "../../src/config/schema.ts";
import { ConfigError } from "../../src/model/failure.ts";
import { anchorsOf, type Block, blocksOf, commandsOf, wordsOf } from "./blocks.ts";

const PAPERS = [
  ...["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"],
  ...readdirSync("docs")
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name)),
  ...readdirSync("config", { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("config", name)),
];
/** Those whose every block is run or loaded. */
const RUN = PAPERS.filter((paper) => paper === "README.md" || paper.startsWith("docs/"));
const BLOCKS = RUN.flatMap(blocksOf);
const ofLanguage = (...languages: string[]) => BLOCKS.filter(({ language }) => languages.includes(language));
const titled = (blocks: readonly Block[]) =>
  blocks.map((block) => ({ ...block, at: `${block.paper}:${block.line}` }));

const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as { scripts: Record<string, string> };

/** Has the real program take the arguments, and end before it acts. @returns its help text. */
async function parsed(args: readonly string[]): Promise<string> {
  const said: string[] = [];
  const io: Io = {
    out: (line) => void said.push(line),
    err: () => undefined,
    progress: () => undefined,
    isTerminal: false,
    stopped: new Promise(() => undefined),
    onHangup: () => undefined,
  };
  expect(await execute([...args, "--help"], io)).toBe(0);
  return said.join("\n");
}

/** `alertferry dead-letters retry --sink S`; where a paper leaves something open it writes … or capitals. */
async function understood(words: readonly string[]): Promise<void> {
  const args = words.filter((word) => !/^(\.\.\.|\[.*|.*\])$/.test(word));
  const help = await parsed(args);
  const [command = "", what = ""] = args;
  // What is done with it stands in the help, word for word.
  if (["tenants", "dead-letters", "explain"].includes(command) && what !== "") expect(help).toContain(what);
}

/** Programs that are not ours: of these only the files are looked at. */
const FOREIGN = new Set([
  ...[
    "cd",
    "export",
    "git",
    "curl",
    "cp",
    "mv",
    "rm",
    "ln",
    "mkdir",
    "chmod",
    "chown",
    "install",
    "echo",
    "printf",
    "sed",
    "cat",
    "tail",
    "grep",
  ],
  ...[
    "jq",
    "tar",
    "sha256sum",
    "openssl",
    "useradd",
    "sudo",
    "set",
    "systemctl",
    "systemd-run",
    "journalctl",
    "sysctl",
  ],
  ...["docker", "docker-compose", "podman", "buildah", "kubectl", "bash", "sh", "cosign", "syft"],
  ...["az", "npx", "redis-cli", "redis-server", "promtool", "prometheus", "logger", "apt-get"],
]);
/** The folders of the repository in which a command may name a file. */
const OURS = /^(?:\.\/)?((?:config|docker|docs|scripts|test|src)\/[\w./-]+)$/;

/** What a reader makes. */
const READERS_OWN = /^(config\/alertferry\.yaml|docker\/secrets\b.*|docker\/\.env)$/;

async function runnable(words: readonly string[]): Promise<void> {
  const [program = "", ...args] = words;
  if (program === "alertferry") return await understood(args);
  if (program === "node") {
    if (args[0] === "dist/main.js") return await understood(args.slice(1));
    expect(existsSync(args[0] ?? "")).toBe(true);
    return;
  }
  if (program === "npm") {
    const script = args[0] === "run" ? args[1] : args[0];
    if (["ci", "install"].includes(script ?? "")) return;
    expect(Object.keys(scripts)).toContain(script);
    return;
  }
  if (!FOREIGN.has(program) && !OURS.test(program))
    throw new Error(`${program} is no program that this test knows.`);
  for (const word of words) {
    const file = OURS.exec(word.replace(/[,;:]$/, ""))?.[1];
    if (file !== undefined && !READERS_OWN.test(file)) expect(existsSync(file), word).toBe(true);
  }
}

/** Values for whatever a paper refers to. */
const ENV = new Proxy<Record<string, string>>(
  {
    REDIS_URL: "redis://127.0.0.1:6379",
    ALERTFERRY_KEY: Buffer.alloc(32, 7).toString("base64"),
    WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 7).toString("base64")}`,
  },
  {
    get: (known, name) =>
      known[String(name)] ?? (/KEY$/.test(String(name)) ? known["ALERTFERRY_KEY"] : "a-value"),
  },
);
const AUTH = {
  type: "client-secret",
  clientId: "3f0c4a57-6a0d-4d0e-9d5b-0b6a5d1f2c11",
  clientSecret: "${env:S}",
};
const TENANT = { id: "contoso", tenantId: "7d1b8c2e-55f3-4a86-9c0d-2f6e1a9b3d01" };

type Mapping = Readonly<Record<string, unknown>>;
const isMapping = (value: unknown): value is Mapping =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const mappingIn = (value: unknown): Mapping => (isMapping(value) ? value : {});

/** What a part of a configuration leaves out is filled in, so that the loader sees all of it. */
function completed(part: Mapping): Mapping {
  const sinks: Mapping = isMapping(part["sinks"]) ? part["sinks"] : { console: { type: "stdout" } };
  const defaults = mappingIn(part["defaults"]);
  const tenants = part["tenants"] ?? (part["tenantsDir"] === undefined ? [TENANT] : []);
  return {
    tenants,
    ...part,
    sinks,
    defaults: { sinks: Object.keys(sinks), auth: AUTH, sources: ["graph_alerts"], ...defaults },
  };
}

/** Loads it with the real loader. Its tenants and files are those of a reader, so both are made up here. */
function load(part: Mapping): void {
  const folder = mkdtempSync(join(tmpdir(), "alertferry-paper-"));
  try {
    const file = join(folder, "alertferry.yaml");
    const text = stringify(
      completed({ ...part, ...("tenantsDir" in part ? { tenantsDir: folder, tenants: [TENANT] } : {}) }),
    );
    writeFileSync(file, text.replace(/\$\{file:[^}]*\}/g, "${env:A_FILE}"));
    loadConfig(file, ENV, new Map([["alertferry.yaml", undefined]]));
  } catch (cause) {
    if (cause instanceof ConfigError) throw new Error(cause.message);
    throw cause;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** YAML that other programs read. */
const OF_OTHERS = [
  "services",
  "apiVersion",
  "groups",
  "scrape_configs",
  "rule_files",
  "scrape_config_files",
  "route",
];

describe("papers", () => {
  it.each(titled(ofLanguage("sh", "bash", "shell", "console")))(
    "$at: every command is one that works",
    async ({ text }) => {
      const commands = commandsOf(text);

      expect(commands.length).toBeGreaterThan(0);
      for (const words of commands) await runnable(words);
    },
  );

  it.each(titled(ofLanguage("yaml", "yml")))("$at: the configuration is one that loads", ({ text }) => {
    const document: unknown = parse(text.split(/^---$/m)[0] ?? "");
    const part = Array.isArray(document) ? { tenants: document } : document;

    if (!isMapping(part)) throw new Error("It is no mapping.");
    if (OF_OTHERS.some((key) => key in part)) return;
    const keys = Object.keys(ConfigFile.shape);
    expect(keys).toEqual(expect.arrayContaining(Object.keys(part)));
    load(part);
  });

  it.each(titled(ofLanguage("json")))("$at: the JSON is JSON", ({ text }) => {
    expect(() => JSON.parse(text) as unknown).not.toThrow();
  });

  it("name the language of each block, and only such as are looked at here or say no command", () => {
    const known = [
      "sh",
      "bash",
      "shell",
      "console",
      "yaml",
      "yml",
      "json",
      "spl",
      "kql",
      "promql",
      "ini",
      "nginx",
      "text",
      "",
    ];
    const odd = BLOCKS.filter(({ language }) => !known.includes(language));

    expect(odd.map(({ paper, line, language }) => `${paper}:${line} ${language}`)).toEqual([]);
    // A block without a language is a picture, a search or an output.
    expect(ofLanguage("").filter(({ text }) => /^(\$ )?(alertferry|npm|node) /m.test(text))).toEqual([]);
  });

  it.each(RUN.map((paper) => ({ paper })))(
    "$paper: every command in a sentence is one that works",
    async ({ paper }) => {
      const prose = readFileSync(paper, "utf8").replace(/```[\s\S]*?```/g, "");
      const commands = [...prose.matchAll(/`(alertferry [^`]+)`/g)].map(([, command = ""]) => command);

      for (const command of commands) await understood(wordsOf(command.replaceAll("\\|", "|")).slice(1));
    },
  );

  it("link to pages and sections that are there", () => {
    const broken = PAPERS.flatMap((paper) =>
      [
        ...readFileSync(paper, "utf8")
          .replace(/```[\s\S]*?```/g, "")
          .matchAll(/\]\((?![a-z]+:)([^)\s]+)\)/g),
      ]
        .map(([, link = ""]) => link.split("#"))
        .map(([file = "", anchor]) => ({
          target: file === "" ? paper : normalize(join(dirname(paper), file)),
          anchor,
        }))
        .filter(
          ({ target, anchor }) =>
            !existsSync(target) || (anchor !== undefined && !anchorsOf(target).has(anchor)),
        )
        .map(({ target, anchor }) => `${paper} -> ${target}${anchor === undefined ? "" : `#${anchor}`}`),
    );

    expect(broken).toEqual([]);
  });

  it("name no event and no metric that is not there", () => {
    const pages = ["docs/events.md", "docs/metrics.md"].map((page) => readFileSync(page, "utf8")).join("\n");
    const unknown = RUN.filter((paper) => !/events|metrics|runbook|configuration/.test(paper)).flatMap(
      (paper) =>
        [
          ...readFileSync(paper, "utf8").matchAll(
            /`(alertferry_\w+)|`((?:daemon|deliver|sink|gap|window|credential|replica)\.[a-z-]+)`/g,
          ),
        ]
          .map(([, metric, event]) => metric?.replace(/_(bucket|sum|count)$/, "") ?? event ?? "")
          .filter((name) => !pages.includes(`\`${name}\``))
          .map((name) => `${paper}: ${name}`),
    );

    expect(unknown).toEqual([]);
  });
});

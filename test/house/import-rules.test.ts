import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";

/** The layers as ARCHITECTURE.md draws them: what each may import of the others. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  model: [],
  net: ["model"],
  sources: ["net", "model"],
  sinks: ["net", "model"],
  telemetry: ["model"],
  queue: ["model"],
  simulate: ["model"],
  pipeline: ["model"],
  config: ["sources", "sinks", "net", "model"],
  daemon: ["config", "pipeline", "queue", "telemetry", "sources", "sinks", "net", "model"],
};
const LAYERS = Object.keys(MAY_IMPORT);

/** The only layer that may import each package. */
const HOME: Readonly<Record<string, string>> = {
  axios: "net",
  "@azure/identity": "net",
  bullmq: "queue",
  ioredis: "queue",
  pino: "telemetry",
  "pino-pretty": "telemetry",
  "prom-client": "telemetry",
  yaml: "config",
};

interface Diagnostic {
  readonly category: string;
  readonly message: string;
  readonly location: { readonly path: string };
}

/** Every complaint about a package names the place to go to. */
const HOMES_SAY = /net\/http\.ts|net\/credentials\.ts|through queue\/|telemetry\/events\.ts|config\/load\.ts/;
const ALL = [...LAYERS, "cli"];
const CONTRACTS = ["../sources/source.ts", "../sinks/sink.ts", "../queue/ports.ts", "../queue/store.ts"];
const OTHERS = ["../sinks/splunk-hec.ts", "../queue/read-queue.ts"];
const SPECIFIERS = [
  ...LAYERS.map((layer) => `../${layer}/thing.ts`),
  ...CONTRACTS,
  ...OTHERS,
  ...Object.keys(HOME),
];

/** By layer and specifier, what Biome says of that import; each stands in a file of its own in a copy of the tree. */
const said = new Map<string, string>();

beforeAll(() => {
  const root = mkdtempSync(join(tmpdir(), "alertferry-rules-"));
  for (const name of ["biome.json", ".gitignore"]) copyFileSync(name, join(root, name));
  for (const layer of ALL) {
    mkdirSync(join(root, "src", layer), { recursive: true });
    for (const [index, specifier] of SPECIFIERS.entries()) {
      const source = `import { thing } from ${JSON.stringify(specifier)};\n\nexport const used = thing;\n`;
      writeFileSync(join(root, "src", layer, `probe-${index}.ts`), source);
    }
  }
  const args = [
    "lint",
    "--only=style/noRestrictedImports",
    "--reporter=json",
    "--max-diagnostics=none",
    "src",
  ];
  const { stdout } = spawnSync(resolve("node_modules/.bin/biome"), args, {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 1e8,
  });
  rmSync(root, { recursive: true });
  for (const { location, message } of (JSON.parse(stdout) as { diagnostics: Diagnostic[] }).diagnostics) {
    const [, layer = "", index = ""] = /src\/(\w+)\/probe-(\d+)\.ts$/.exec(location.path) ?? [];
    said.set(`${layer} ${SPECIFIERS[Number(index)]}`, message);
  }
});

const complaints = (layer: string, specifier: string): string => said.get(`${layer} ${specifier}`) ?? "";

it("knows every layer there is", () => {
  const folders = readdirSync("src", { withFileTypes: true }).filter((entry) => entry.isDirectory());

  expect(folders.map(({ name }) => name).sort()).toEqual([...LAYERS, "cli"].sort());
});

describe.each(LAYERS)("%s", (layer) => {
  const allowed = MAY_IMPORT[layer] ?? [];
  const others = LAYERS.filter((other) => other !== layer);

  it("may import the layers below it", () => {
    for (const other of allowed)
      expect([other, complaints(layer, `../${other}/thing.ts`)]).toEqual([other, ""]);
  });

  it("may import no other layer, and is told why", () => {
    for (const other of others.filter((name) => !allowed.includes(name))) {
      const said = complaints(layer, `../${other}/thing.ts`);
      expect(said, `${layer} imports ${other}`).toMatch(
        /may import|knows contracts|imports nothing|composes everything/,
      );
    }
  });

  it("may import no package that has its home elsewhere", () => {
    for (const [name, home] of Object.entries(HOME)) {
      const said = complaints(layer, name);
      if (home === layer) expect([name, said]).toEqual([name, ""]);
      else expect(said, `${layer} imports ${name}`).toMatch(HOMES_SAY);
    }
  });
});

it("lets the pipeline see contracts only", () => {
  for (const contract of CONTRACTS)
    expect([contract, complaints("pipeline", contract)]).toEqual([contract, ""]);
  expect(complaints("pipeline", "../sinks/splunk-hec.ts")).toContain("never a concrete source or sink");
  expect(complaints("pipeline", "../queue/read-queue.ts")).toContain("never BullMQ");
});

it("keeps packages out of the command line too", () => {
  for (const name of Object.keys(HOME)) expect(complaints("cli", name), name).toMatch(HOMES_SAY);
});

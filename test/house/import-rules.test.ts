import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";

/** The layers as ARCHITECTURE.md draws them: what each may import of the others. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  model: [],
  formats: ["model"],
  net: ["model"],
  sources: ["net", "model"],
  sinks: ["net", "formats", "model"],
  telemetry: ["model"],
  http: ["model"],
  queue: ["model"],
  simulate: ["model"],
  pipeline: ["model"],
  page: ["pipeline", "model"],
  config: ["sources", "sinks", "net", "model"],
  onboarding: ["config", "queue", "sources", "sinks", "net", "model"],
  daemon: [
    "config",
    "pipeline",
    "page",
    "onboarding",
    "queue",
    "telemetry",
    "http",
    "sources",
    "sinks",
    "net",
    "model",
  ],
};
const LAYERS = Object.keys(MAY_IMPORT);

/** The only layer that may import each package. */
const HOME: Readonly<Record<string, string>> = {
  axios: "net",
  "@azure/identity": "net",
  "syslog-client": "net",
  nodemailer: "net",
  "node-forge": "net",
  bullmq: "queue",
  ioredis: "queue",
  pino: "telemetry",
  "prom-client": "telemetry",
  uplot: "page",
  yaml: "config",
};

interface Diagnostic {
  readonly category: string;
  readonly message: string;
  readonly location: { readonly path: string };
}

/** Every complaint about a package names the place to go to. */
const HOMES_SAY =
  /net\/http\.ts|net\/identity\.ts|net\/certificate-file\.ts|net\/syslog-datagram\.ts|net\/mail\.ts|through queue\/|telemetry\/events\.ts|config\/load\.ts|page\/browser\/charts\.ts/;
const ALL = [...LAYERS, "cli"];
const CONTRACTS = ["../sources/source.ts", "../sinks/sink.ts", "../queue/ports.ts", "../queue/store.ts"];
const OTHERS = ["../sinks/splunk-hec.ts", "../queue/read-queue.ts"];
const MAIN = "../main.ts";

/** Every way to write an import. */
const FORMS: Readonly<Record<string, (from: string) => string>> = {
  import: (from) => `import { thing } from "${from}";\n\nexport const used = thing;\n`,
  "import type": (from) => `import type { Thing } from "${from}";\n\nexport type Used = Thing;\n`,
  "import()": (from) => `export const used = await import("${from}");\n`,
  "import for its effect": (from) => `import "${from}";\n`,
  "export from": (from) => `export { thing } from "${from}";\n`,
};
const inside = (name: string): string => `${name}/lib/thing.js`;

interface Probe {
  readonly form: string;
  readonly specifier: string;
}

const PROBES: readonly Probe[] = [
  ...[
    ...ALL.map((layer) => `../${layer}/thing.ts`),
    ...CONTRACTS,
    ...OTHERS,
    ...Object.keys(HOME),
    ...Object.keys(HOME).map(inside),
    MAIN,
  ].map((specifier) => ({ form: "import", specifier })),
  ...Object.keys(FORMS)
    .slice(1)
    .flatMap((form) => ["bullmq", "../cli/thing.ts"].map((specifier) => ({ form, specifier }))),
];

/** By layer and probe, what Biome says of that import; each stands in a file of its own in a copy of the tree. */
const said = new Map<string, string>();

beforeAll(() => {
  const root = mkdtempSync(join(tmpdir(), "alertferry-rules-"));
  for (const name of ["biome.json", ".gitignore"]) copyFileSync(name, join(root, name));
  for (const layer of ALL) {
    mkdirSync(join(root, "src", layer), { recursive: true });
    for (const [index, { form, specifier }] of PROBES.entries()) {
      writeFileSync(join(root, "src", layer, `probe-${index}.ts`), FORMS[form]?.(specifier) ?? "");
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
    const probe = PROBES[Number(index)];
    said.set(`${layer} ${probe?.form} ${probe?.specifier}`, message);
  }
});

const complaints = (layer: string, specifier: string, form = "import"): string =>
  said.get(`${layer} ${form} ${specifier}`) ?? "";

it("knows every layer there is", () => {
  const folders = readdirSync("src", { withFileTypes: true }).filter((entry) => entry.isDirectory());

  expect(folders.map(({ name }) => name).sort()).toEqual([...ALL].sort());
});

it("knows the home of every package but zod, which is at home wherever outside data is met", () => {
  const { dependencies } = JSON.parse(readFileSync("package.json", "utf8")) as { dependencies: object };

  expect([...Object.keys(HOME), "zod"].sort()).toEqual(Object.keys(dependencies).sort());
});

describe.each(LAYERS)("%s", (layer) => {
  const allowed = MAY_IMPORT[layer] ?? [];
  const others = ALL.filter((other) => other !== layer);

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

  it("may import no package that has its home elsewhere, whole or in part", () => {
    for (const [name, home] of Object.entries(HOME)) {
      for (const specifier of [name, inside(name)]) {
        const said = complaints(layer, specifier);
        if (home === layer) expect([specifier, said]).toEqual([specifier, ""]);
        else expect(said, `${layer} imports ${specifier}`).toMatch(HOMES_SAY);
      }
    }
  });

  it("may import nothing forbidden in any other way", () => {
    for (const form of Object.keys(FORMS)) {
      expect(complaints(layer, "../cli/thing.ts", form), form).not.toBe("");
      if (layer !== HOME["bullmq"]) expect(complaints(layer, "bullmq", form), form).toMatch(HOMES_SAY);
    }
  });

  it("may not import the program itself", () => {
    expect(complaints(layer, MAIN)).toMatch(/^main\.ts is the program itself/);
  });
});

it("lets the pipeline see contracts only", () => {
  for (const contract of CONTRACTS)
    expect([contract, complaints("pipeline", contract)]).toEqual([contract, ""]);
  expect(complaints("pipeline", "../sinks/splunk-hec.ts")).toContain("never a concrete source or sink");
  expect(complaints("pipeline", "../queue/read-queue.ts")).toContain("never BullMQ");
});

it("keeps packages out of the command line too", () => {
  for (const name of Object.keys(HOME)) {
    expect(complaints("cli", name), name).toMatch(HOMES_SAY);
    expect(complaints("cli", inside(name)), name).toMatch(HOMES_SAY);
  }
});

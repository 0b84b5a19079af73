import { existsSync, readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";
import { staleFiles } from "../../src/cli/generate.ts";
import { SINKS } from "../../src/sinks/index.ts";
import { SOURCES } from "../../src/sources/index.ts";
import { EVENTS } from "../../src/telemetry/catalogue.ts";
import { METRICS } from "../../src/telemetry/measures.ts";

const read = (path: string) => readFileSync(path, "utf8");
const filesIn = (folder: string, ending: string) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name));
const SOURCE_FILES = filesIn("src", ".ts");
/** Files of ours that a file imports, from the root of the repository. */
const importsOf = (file: string) =>
  [...read(file).matchAll(/(?:\bfrom |\bimport\()"(\.[^"]+)"/g)].map(([, target = ""]) =>
    normalize(join(dirname(file), target)),
  );

describe("registries", () => {
  it.each([
    { folder: "src/sources", types: SOURCES.map(({ type }) => type), define: "defineSource(" },
    { folder: "src/sinks", types: SINKS.map(({ type }) => type), define: "defineSink(" },
  ])("$folder holds one file for each entry, in alphabetical order", ({ folder, types, define }) => {
    const definitions = filesIn(folder, ".ts").filter((file) => read(file).includes(`= ${define}`));

    const named = definitions.map((file) => file.slice(folder.length + 1, -3).replaceAll("-", "_")).sort();
    expect(named).toEqual([...types]);
    expect(named).toEqual([...types].sort());
  });

  it.each([
    { folder: "src/sources", define: "defineSource(" },
    { folder: "src/sinks", define: "defineSink(" },
  ])(
    "$folder is known by its registry only: nobody imports one of its entries by name",
    ({ folder, define }) => {
      const entries = filesIn(folder, ".ts").filter((file) => read(file).includes(`= ${define}`));
      const registry = join(folder, "index.ts");

      const importers = SOURCE_FILES.filter((file) => file !== registry).filter((file) =>
        importsOf(file).some((target) => entries.includes(target)),
      );

      expect(importers).toEqual([]);
    },
  );
});

describe("generated files", () => {
  it("say what the code says now", () => {
    expect(staleFiles(".")).toEqual([]);
  });

  it("do not hide in the README: its configuration is config/minimal.yaml", () => {
    expect(read("README.md")).toContain(read("config/minimal.yaml").trim());
  });
});

describe("the catalogue", () => {
  const said = read("src/telemetry/events.ts") + read("src/telemetry/delivery-events.ts");
  const everywhere = SOURCE_FILES.filter((file) => !file.endsWith("catalogue.ts"))
    .map(read)
    .join("\n");

  it("names every event that is said, and no other", () => {
    const dotted = [...said.matchAll(/"([a-z-]+\.[a-z-]+)"/g)].map(([, event = ""]) => event);

    expect([...new Set(dotted)].sort()).toEqual(Object.keys(EVENTS).sort());
  });

  it("holds the events and metrics that users rely on", () => {
    const events = [
      "poll.completed",
      "poll.failed",
      "poll.throttled",
      "deliver.completed",
      "deliver.retrying",
    ];
    const more = ["deliver.halved", "deliver.dead-lettered", "sink.opened", "sink.closed", "config.reloaded"];
    const life = ["auth.failed", "daemon.started", "daemon.stopping", "daemon.stopped"];

    expect(Object.keys(EVENTS)).toEqual(expect.arrayContaining([...events, ...more, ...life]));
  });

  it("holds the metrics that dashboards and alarms rely on", () => {
    const reading = ["poll_total", "poll_duration_seconds", "poll_lag_seconds", "throttled_total"];
    const alerts = ["read", "new", "duplicate", "enqueued", "delivered", "dead_lettered"].map(
      (what) => `alerts_${what}_total`,
    );
    const sinks = ["backlog_alerts", "backlog_bytes", "oldest_seconds", "breaker_open"].map(
      (what) => `sink_${what}`,
    );
    const delivering = ["delivery_latency_seconds", "deliver_batches_total", ...sinks, "redis_up"];

    expect(Object.keys(METRICS)).toEqual(expect.arrayContaining([...reading, ...alerts, ...delivering]));
  });

  it("counts every metric of its table somewhere", () => {
    for (const metric of Object.keys(METRICS)) expect(everywhere, metric).toContain(`"${metric}"`);
  });

  it("says each event in one full sentence and tells what to do", () => {
    for (const { says, means } of Object.values(EVENTS)) {
      expect(says).toMatch(/^[A-Z].*\.$/);
      expect(means).toMatch(/^[A-Z`].*\.$/);
    }
  });
});

describe("files", () => {
  it("stay under 350 lines", () => {
    const long = SOURCE_FILES.filter((file) => read(file).split("\n").length > 350);

    expect(long).toEqual([]);
  });

  it("have kebab-case names", () => {
    const odd = [...SOURCE_FILES, ...filesIn("test", ".ts")].filter((file) => !/^[a-z0-9/.-]+$/.test(file));

    expect(odd).toEqual([]);
  });
});

describe("packages", () => {
  const manifest = JSON.parse(read("package.json")) as { dependencies: Record<string, string> };

  it("are all used, and none is used that is not declared", () => {
    const imported = SOURCE_FILES.flatMap((file) =>
      [...read(file).matchAll(/(?:^(?:import|export|\}).* from |\bimport\()"([^."][^"]*)"/gm)].map(
        ([, name = ""]) => name,
      ),
    )
      .filter((name) => !name.startsWith("node:") && !builtinModules.includes(name))
      .map((name) =>
        name
          .split("/")
          .slice(0, name.startsWith("@") ? 2 : 1)
          .join("/"),
      );

    expect([...new Set(imported)].sort()).toEqual(Object.keys(manifest.dependencies).sort());
  });
});

describe("papers", () => {
  const PAPERS = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    ...filesIn("docs", ".md"),
  ];

  it("stay short enough to be read", () => {
    expect(read("README.md").split("\n").length).toBeLessThanOrEqual(150);
    expect(read("ARCHITECTURE.md").split("\n").length).toBeLessThanOrEqual(200);
  });

  it("link to files that exist", () => {
    const broken = PAPERS.flatMap((paper) =>
      [...read(paper).matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)]
        .map(([, target = ""]) => normalize(join(dirname(paper), target)))
        .filter((target) => !existsSync(target)),
    );

    expect(broken).toEqual([]);
  });
});

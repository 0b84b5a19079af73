import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { GENERATED, staleFiles } from "../../src/cli/generate.ts";
import { renderConfigurationPage } from "../../src/config/reference-doc.ts";
import { ConfigFile, SINK_DEFINITIONS } from "../../src/config/schema.ts";
import { FAILURES } from "../../src/model/failure.ts";
import { SOURCES } from "../../src/sources/index.ts";
import { permissionOf } from "../../src/sources/source.ts";
import { EVENTS } from "../../src/telemetry/catalogue.ts";
import { METRICS } from "../../src/telemetry/measures.ts";
import { folderWith } from "./support.ts";

const ROOT = join(import.meta.dirname, "../..");

describe("generated files", () => {
  it("are current", () => {
    expect(staleFiles(ROOT)).toEqual([]);
  });

  it("are found stale when they differ or are missing", () => {
    const folder = folderWith({});
    const [first, second, ...rest] = GENERATED;
    for (const { path, render } of rest) write(join(folder, path), render());
    if (second !== undefined) write(join(folder, second.path), `${second.render()} `);

    expect(staleFiles(folder)).toEqual([first?.path, second?.path]);
  });

  it("refuse an unknown option", () => {
    const script = join(ROOT, "src/cli/generate.ts");

    const { status, stderr } = spawnSync(process.execPath, ["--import", "tsx", script, "--chek"], {
      cwd: ROOT,
      encoding: "utf8",
    });

    expect(stderr).toContain("usage: generate [--check]");
    expect(status).toBe(2);
  });
});

describe("docs/configuration.md", () => {
  const text = renderConfigurationPage();

  it("names every top-level key, sink and source", () => {
    for (const key of Object.keys(ConfigFile.shape)) expect(text).toContain(`\`${key}\``);
    for (const { type, summary } of SINK_DEFINITIONS)
      expect(text).toContain(`### \`type: ${type}\`\n\n${summary}`);
    for (const { type } of SOURCES) expect(text).toMatch(new RegExp(`^\\| \`${type}\` \\|.*\\|$`, "m"));
    for (const source of SOURCES) expect(text).toContain(permissionOf(source));
  });

  it("shows type and default of a key", () => {
    expect(text).toContain("| `poll.pageSize` | whole number 1 to 1000 | `1000` |");
    expect(text).toContain("| `shutdownTimeout` | duration | `25s` |");
    expect(text).toContain(
      "| `sources` | list of `graph_alerts`, `graph_incidents`, `mde_alerts` | **required** |",
    );
    expect(text).toContain("| `clientSecret` | secret | **required** |");
  });
});

describe("docs/failures.md", () => {
  it("tells every failure", () => {
    const text = GENERATED.find(({ path }) => path === "docs/failures.md")?.render() ?? "";

    for (const [kind, { means }] of Object.entries(FAILURES))
      expect(text).toContain(`| \`${kind}\` | ${means} |`);
  });
});

describe("docs/events.md and docs/metrics.md", () => {
  const render = (wanted: string) => GENERATED.find(({ path }) => path === wanted)?.render() ?? "";

  it("tell every event with its anchor, and every metric", () => {
    for (const [event, { says }] of Object.entries(EVENTS)) {
      expect(render("docs/events.md")).toMatch(
        new RegExp(`<a id="${event.replace(".", "-")}"></a>\\[?\`${event}\``),
      );
      expect(render("docs/events.md")).toContain(`| ${says} |`);
    }
    for (const [metric, { type }] of Object.entries(METRICS)) {
      expect(render("docs/metrics.md")).toContain(`| \`alertferry_${metric}\` | ${type} |`);
    }
  });
});

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

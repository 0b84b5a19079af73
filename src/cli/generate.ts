import { mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { renderJsonSchema } from "../config/json-schema.ts";
import { code, generatedNote, page, table } from "../config/markdown.ts";
import { renderConfigurationPage } from "../config/reference-doc.ts";
import { FROM_REDIS } from "../daemon/measure.ts";
import { ACTORS, DIAGNOSES } from "../model/diagnosis.ts";
import { FAILURES } from "../model/failure.ts";
import { EVENTS } from "../telemetry/catalogue.ts";
import { METRICS } from "../telemetry/measures.ts";
import { RUNBOOK } from "../telemetry/runbook.ts";
import { anchorOf } from "../telemetry/voice.ts";

/** Writes the files that are made from the code's own tables; with `--check` it only compares. */

interface Generated {
  /** From the root of the repository. */
  readonly path: string;
  render(): string;
}

export const GENERATED: readonly Generated[] = [
  { path: "config/schema.json", render: renderJsonSchema },
  { path: "docs/configuration.md", render: renderConfigurationPage },
  { path: "docs/events.md", render: renderEventsPage },
  { path: "docs/failures.md", render: renderFailuresPage },
  { path: "docs/metrics.md", render: renderMetricsPage },
  { path: "docs/runbook.md", render: renderRunbook },
];

type Consequence = (typeof FAILURES)[keyof typeof FAILURES]["verdict"];

const CONSEQUENCES: Readonly<Record<Consequence, string>> = {
  retry:
    "The batch waits with full jitter and is sent again; after a few failures in a row the whole sink rests.",
  rest: "The whole sink rests for as long as it was told.",
  block: "The whole sink stops and is probed with growing pauses until it works again.",
  isolate: "The batch is divided until the refused alert stands alone and becomes a dead letter.",
};

function renderFailuresPage(): string {
  return page([
    generatedNote("src/model/failure.ts"),
    "# Failures",
    "Why a call to a sink or a source failed. The word stands in logs, metrics and on the status page.",
    table(
      ["Failure", "Means", "What follows at a sink"],
      Object.entries(FAILURES).map(([kind, failure]) => [
        code(kind),
        failure.means,
        CONSEQUENCES[failure.verdict],
      ]),
    ),
    "A source does the same with its own tenant only; it has nothing to isolate.",
    "Of these only `rejected` makes a dead letter.",
  ]);
}

/** Where a person may have to look the event leads to its section of the runbook. */
function renderEventsPage(): string {
  return page([
    generatedNote("src/telemetry/catalogue.ts"),
    "# Events",
    "Everything the daemon logs: `event` in the JSON line, `msg` beside it, the fields that may stand there, and what it means. Besides these, each line has `time` and `level`. Of the levels, `error` is for a person, `warn` heals by itself or can wait, `info` is a beginning, an end or a summary.",
    "A state is said when it begins, when it changes and when it ends; while it lasts, every ten minutes at most. What comes again and again is said once and then counted in `repeated`.",
    table(
      ["Event", "Level", "`msg`", "Fields", "What it means"],
      Object.entries(EVENTS).map(([name, event]) => [
        `<a id="${anchorOf(name)}"></a>${name in RUNBOOK ? `[${code(name)}](runbook.md#${anchorOf(name)})` : code(name)}`,
        event.level,
        event.says,
        event.fields.map(code).join(", "),
        event.means,
      ]),
    ),
  ]);
}

/** What `runbook` in a log line names: the diagnosis where there is one, else the event. */
function renderRunbook(): string {
  return page([
    generatedNote("src/model/diagnosis.ts, src/telemetry/catalogue.ts and src/telemetry/runbook.ts"),
    "# Runbook",
    "For the person on call. The `runbook` field of a log line is the name of a section here. Nothing is lost in any of these states: cursors stay, and what was read waits in Redis.",
    "## Refusals of Microsoft",
    ...Object.entries(DIAGNOSES).map(([name, { actor, means, remedy, scope }]) =>
      [
        `### ${name}`,
        means,
        `Who acts: ${ACTORS[actor]}. ${scope === "app" ? "All tenants of the application are concerned." : "Only this tenant is concerned."}`,
        remedy,
      ].join("\n\n"),
    ),
    "## Events",
    ...Object.entries(RUNBOOK).map(([name, { actor, remedy, healed }]) => {
      const { level, says, means } = alarmOf(name);
      return [
        `### ${anchorOf(name)}`,
        `\`${name}\`, ${level}: ${says}`,
        means,
        `Who acts: ${ACTORS[actor]}. ${remedy}`,
        `Healed: ${healed}`,
      ].join("\n\n");
    }),
  ]);
}

function alarmOf(name: string) {
  const found = Object.entries(EVENTS).find(([each]) => each === name);
  if (found === undefined) throw new Error(`${name} does not stand in the catalogue.`);
  return found[1];
}

function renderMetricsPage(): string {
  const fromRedis: readonly string[] = FROM_REDIS;
  return page([
    generatedNote("src/telemetry/measures.ts"),
    "# Metrics",
    "What `/metrics` shows, besides Node's process metrics; as OpenMetrics to whoever asks for that. What is *shared* comes from Redis and is the same at every replica: take `max`, not `sum`. How to use them: [monitoring.md](monitoring.md).",
    table(
      ["Metric", "Type", "Labels", "Shared", "Meaning"],
      Object.entries(METRICS).map(([name, metric]) => [
        code(`alertferry_${name}`),
        metric.type,
        metric.labels.map(code).join(", "),
        fromRedis.includes(name) ? "yes" : "",
        metric.help,
      ]),
    ),
  ]);
}

/** Paths of the files under `root` that differ from what the code says now. */
export function staleFiles(root: string): string[] {
  return GENERATED.filter(({ path, render }) => readIfThere(join(root, path)) !== render()).map(
    ({ path }) => path,
  );
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function writeAll(root: string): void {
  for (const { path, render } of GENERATED) {
    const target = join(root, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, render());
  }
}

function main(args: readonly string[]): number {
  const root = join(import.meta.dirname, "../..");
  if (args.length === 0) {
    writeAll(root);
    return 0;
  }
  if (args.length > 1 || args[0] !== "--check") {
    process.stderr.write("usage: generate [--check]\n");
    return 2;
  }
  const stale = staleFiles(root);
  for (const path of stale) process.stderr.write(`${path} is stale: run \`npm run generate\`\n`);
  return stale.length === 0 ? 0 : 1;
}

/** Tests import this file; only as a program it writes. */
function isProgram(): boolean {
  const [, script] = process.argv;
  return script !== undefined && realpathSync(script) === import.meta.filename;
}

if (isProgram()) process.exitCode = main(process.argv.slice(2));

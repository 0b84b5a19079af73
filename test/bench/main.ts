import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { type Extent, PARTS } from "./parts.ts";
import { machineLine, plotOf, type Report, tablesOf } from "./report.ts";
import { NODE } from "./stage.ts";

/**
 * How fast and how small, beside the limit. `--part` plays some of the parts, `--quick` a tenth of each, `--docs` writes
 * what was measured into docs/performance.md.
 */
const { values } = parseArgs({
  options: {
    part: { type: "string", multiple: true },
    runs: { type: "string", default: "5" },
    alerts: { type: "string", default: "100000" },
    seconds: { type: "string", default: "30" },
    json: { type: "string", default: ".cache/bench.json" },
    quick: { type: "boolean", default: false },
    docs: { type: "boolean", default: false },
  },
});
const say = (line: string) => void process.stdout.write(`${line}\n`);
const extent: Extent = values.quick
  ? { runs: 1, alerts: Number(values.alerts) / 10, seconds: 5, say }
  : { runs: Number(values.runs), alerts: Number(values.alerts), seconds: Number(values.seconds), say };

const wanted = Object.entries(PARTS).filter(([name]) => values.part?.includes(name) ?? true);
if (wanted.length === 0) throw new Error(`The parts are ${Object.keys(PARTS).join(", ")}.`);
const node = execFileSync(NODE, ["--version"], { encoding: "utf8" }).trim();
const report: Report = {
  machine: machineLine(node),
  on: new Date().toISOString().slice(0, 10),
  parts: Object.fromEntries(await inTurn()),
};
say(`\n${report.machine}\n\n${tablesOf(report)}`);
mkdirSync(dirname(values.json), { recursive: true });
writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
if (values.docs) writeDocs();
process.exit(0);

async function inTurn() {
  const parts: [string, Awaited<ReturnType<(typeof PARTS)["drains"]>>][] = [];
  for (const [name, play] of wanted) parts.push([name, await play(extent)]);
  return parts;
}

/** Puts the tables between the two marks of the page, and the plot beside it. */
function writeDocs(): void {
  const page = join(import.meta.dirname, "../../docs/performance.md");
  const [begin, end] = ["<!-- measured -->", "<!-- end of measured -->"];
  const text = readFileSync(page, "utf8");
  const head = text.slice(0, text.indexOf(begin) + begin.length);
  const measured = `\n\n${report.machine}, ${report.on}. Medians, with the range of the runs.\n\n${tablesOf(report)}\n`;
  writeFileSync(page, `${head}${measured}${text.slice(text.indexOf(end))}`);
  writeFileSync(join(import.meta.dirname, "../../docs/performance.svg"), plotOf(report));
}

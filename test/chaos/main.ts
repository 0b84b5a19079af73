import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { randomFrom } from "../../src/simulate/random.ts";
import type { DelayFigures, SyslogFigures } from "../support/figures.ts";
import { MATRIX } from "./matrix.ts";
import { report, type Trials } from "./report.ts";
import { measureResume } from "./resume.ts";

/**
 * Plays the matrix for as long as it is told to, each round under a seed made from the first one. Prints a line a run,
 * ends with 1 when a cell broke its rule, and with --docs writes what was measured into the documentation.
 */
const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 1e9)) },
    only: { type: "string", default: "" },
    docs: { type: "boolean", default: false },
  },
});

const say = (line: string) => void process.stdout.write(`${line}\n`);
const deadline = Date.now() + Number(values.minutes) * 60_000;
const cells = MATRIX.filter(({ name, isPossible }) => name.includes(values.only) && (isPossible?.() ?? true));
const trials: Trials[] = cells.map((cell) => ({ cell, outcomes: [] }));
let broken = 0;
for (let round = 0; cells.length > 0 && (round === 0 || Date.now() < deadline); round++) {
  for (const { cell, outcomes } of trials) {
    if (round > 0 && Date.now() >= deadline) break;
    const seed = round === 0 ? values.seed : `${values.seed}.${round}`;
    const outcome = await cell.run({ seed, random: randomFrom(seed, cell.name), scale: "small" });
    outcomes.push(outcome);
    const { held, lost, duplicates, inFlight, recoveryMs } = outcome;
    say(
      `${outcome.broken.length === 0 ? "held  " : "BROKEN"}  ${cell.name}  ${held} alerts, ${lost} lost, ${duplicates} twice (at most ${inFlight}), recovered in ${recoveryMs ?? "-"} ms`,
    );
    if (outcome.broken.length === 0) continue;
    broken += 1;
    for (const line of [...outcome.broken, ...outcome.log]) say(`        ${line}`);
    say(`        again with: npm run test:chaos -- --seed ${seed} --only ${cell.name} --minutes 0`);
  }
}
const resume =
  "resume".includes(values.only) || values.only.startsWith("resume")
    ? await measureResume(values.seed, 10, say)
    : [];
if (values.docs) {
  const delays = await figuresOf<DelayFigures>("test/e2e/backlog.test.ts");
  const syslog = await figuresOf<SyslogFigures>("test/sinks/syslog-receivers.test.ts");
  await writeFile("docs/reliability.md", report(values.seed, trials, resume, delays, syslog));
}
say(
  `${trials.reduce((sum, { outcomes }) => sum + outcomes.length, 0)} runs of ${cells.length} cells, ${broken} broken`,
);
process.exit(broken === 0 ? 0 : 1);

/** What a test measured while it passed. */
async function figuresOf<Row>(test: string): Promise<readonly Row[]> {
  const folder = await mkdtemp(join(tmpdir(), "alertferry-figures-"));
  const path = join(folder, "figures.json");
  const { status } = spawnSync("npx", ["vitest", "run", test], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, ALERTFERRY_FIGURES: path },
  });
  if (status !== 0) broken += 1;
  const figures: readonly Row[] = JSON.parse(await readFile(path, "utf8"));
  await rm(folder, { recursive: true });
  return figures;
}

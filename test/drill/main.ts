import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs, styleText } from "node:util";
import type { LogLine } from "../chaos/daemon-process.ts";
import { playDrill } from "./play.ts";
import { type DrillStage, openDrill } from "./stage.ts";
import { type BalanceRow, storiesIn } from "./verdict.ts";

/**
 * `npm run drill`: the five incidents, told as they happen. With `--hold 20` each trouble lasts 20 seconds longer, so
 * that one can look at the page meanwhile. Ends with 1 when something does not come out as it must.
 */
const { values } = parseArgs({ options: { hold: { type: "string", default: "0" } } });

const startedAt = Date.now();
const COLOURS = { fatal: "red", error: "red", warn: "yellow", info: "green" } as const;
type Style = Parameters<typeof styleText>[0];

function colour(style: Style, text: string): string {
  return process.stdout.isTTY ? styleText(style, text) : text;
}

function say(text: string): void {
  const seconds = Math.floor((Date.now() - startedAt) / 1000);
  const clock = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  process.stdout.write(`${colour("dim", clock.padStart(5))}  ${text}\n`);
}

function tell(line: LogLine): void {
  const { level, event, msg, runbook, tenant, sink, app, replica } = line;
  const whose = [tenant, sink ?? app ?? replica].filter((each) => typeof each === "string").join(" ");
  const style = Object.entries(COLOURS).find(([each]) => each === level)?.[1] ?? "dim";
  const anchor = runbook === undefined ? "" : colour("dim", `  ${runbook}`);
  say(
    `     ${colour(style, level.padEnd(5))}  ${event.padEnd(22)}  ${msg} ${colour("cyan", whose)}${anchor}`,
  );
}

/** Tells each line of a story when it is logged. */
async function follow(stage: DrillStage, ended: AbortSignal): Promise<void> {
  let told = 0;
  for (let isOver = false; !isOver; await sleep(100)) {
    isOver = ended.aborted;
    const lines = storiesIn(stage.log());
    for (const line of lines.slice(told)) tell(line);
    told = lines.length;
  }
}

function tabulate(rows: readonly BalanceRow[]): void {
  const line = (cells: readonly (string | number)[]) =>
    say(
      `  ${cells.map((cell, index) => (index < 2 ? `${cell}`.padEnd(10) : `${cell}`.padStart(10))).join("")}`,
    );
  line(["tenant", "sink", "held", "delivered", "dead", "waiting", "numbers"]);
  for (const { tenant, sink, held, delivered, dead, waiting, isGapless } of rows) {
    line([tenant, sink, held, delivered, dead, waiting, isGapless ? "no hole" : "A HOLE"]);
  }
}

const stage = await openDrill();
const ended = new AbortController();
say(`Four simulated tenants, two receivers, one daemon: ${stage.url}/`);
const following = follow(stage, ended.signal);
try {
  const balance = await playDrill(stage, {
    begins: ({ begins }) => say(colour("bold", `-> ${begins}`)),
    async holds({ ends }) {
      say("   Everybody else has their alerts; status, /api/status and /metrics agree.");
      await sleep(Number(values.hold) * 1000);
      say(colour("bold", `<- ${ends}`));
    },
    ended: () => say("   Everything has arrived at both receivers."),
  });
  ended.abort();
  await following;
  say("The three agree again. What the sources held, and what became of it:");
  tabulate(balance);
} catch (cause) {
  ended.abort();
  await following;
  say(colour("red", `The drill failed: ${cause instanceof Error ? cause.message : cause}`));
  process.exitCode = 1;
} finally {
  await stage.close();
}

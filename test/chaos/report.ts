import { cpus } from "node:os";
import type { DelayFigures, SyslogFigures } from "../support/figures.ts";
import type { Cell, Outcome } from "./cell.ts";
import { median, type Resume } from "./resume.ts";

/** What the runs of one cell came to. */
export interface Trials {
  readonly cell: Cell;
  readonly outcomes: Outcome[];
}

/** The page in the documentation. */
export function report(
  seed: string,
  trials: readonly Trials[],
  resume: readonly Resume[],
  delays: readonly DelayFigures[],
  syslog: readonly SyslogFigures[],
): string {
  const played = trials.filter(({ outcomes }) => outcomes.length > 0);
  const runs = played.reduce((sum, { outcomes }) => sum + outcomes.length, 0);
  return [
    "# What was broken on purpose, and what came of it",
    "",
    "<!-- Written by `npm run test:chaos -- --docs`. -->",
    "",
    "A simulated Entra, Defender and Splunk over real sockets, the built daemon, a real redis-server. Each cell breaks one thing at one",
    "moment; then everything must arrive: nothing lost, nothing altered, no hole in `seq`, the ledger in balance. A second arrival is allowed",
    "only where a process or a reply died, only under the same `event_id`, and only of what was in flight at that moment. Truth is what the",
    "simulated source held.",
    "",
    `Measured: ${runs} runs, seed \`${seed}\`, Node.js ${process.versions.node}, ${cpus().length} cores. The seed decides the alerts, the moments and the numbers; how fast`,
    "processes are is the only thing it leaves open. Recovery counts from the death, or from the end of the outage, to the arrival of the last",
    "alert that waited then.",
    "",
    "| Cell | What happens | Runs | Alerts | Lost | Twice | Were in flight | Recovery, median | longest |",
    "|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ...played.map(row),
    "",
    ...(resume.length === 0 ? [] : resumeLines(resume)),
    ...delayLines(delays),
    ...syslogLines(syslog),
    "Again, or longer: `npm run test:chaos -- --minutes 60`. One cell: `--only replicas`. A bounded round of it is part of `npm test`.",
    "",
  ].join("\n");
}

function row({ cell, outcomes }: Trials): string {
  const sum = (of: (outcome: Outcome) => number) =>
    outcomes.reduce((total, outcome) => total + of(outcome), 0);
  const recoveries = outcomes.flatMap(({ recoveryMs }) => (recoveryMs === undefined ? [] : [recoveryMs]));
  const cells = [
    `\`${cell.name}\``,
    cell.what,
    outcomes.length,
    sum(({ held }) => held),
    sum(({ lost }) => lost),
    sum(({ duplicates }) => duplicates),
    cell.mayRepeat ? sum(({ inFlight }) => inFlight) : "none may repeat",
    recoveries.length === 0 ? "-" : seconds(median(recoveries)),
    recoveries.length === 0 ? "-" : seconds(Math.max(...recoveries)),
  ];
  return `| ${cells.join(" | ")} |`;
}

function resumeLines(resume: readonly Resume[]): string[] {
  return [
    "## After `kill -9`",
    "",
    "From the death until everything that waited has arrived, requests in hand at that moment included:",
    "",
    "| Who dies | Runs | Median | Shortest | Longest |",
    "|---|--:|--:|--:|--:|",
    ...resume.map(
      ({ what, runsMs }) =>
        `| ${what} | ${runsMs.length} | ${seconds(median(runsMs))} | ${seconds(Math.min(...runsMs))} | ${seconds(Math.max(...runsMs))} |`,
    ),
    "",
  ];
}

function delayLines(figures: readonly DelayFigures[]): string[] {
  return [
    "## Beside a sink that is dead",
    "",
    "Twenty tenants with ten new alerts a second each, two sinks, polls every second. One sink is dead, its backlog at the bound of 5 MB and a",
    "week of alerts behind it. From the moment an alert stands at the source until the other sink has it, and the same when both are well:",
    "",
    "| The one sink | Alerts | Delay to the other, median | 99th percentile | Longest |",
    "|---|--:|--:|--:|--:|",
    ...figures.map(
      ({ other, alerts, median, p99, longest }) =>
        `| ${other} | ${alerts} | ${seconds(median)} | ${seconds(p99)} | ${seconds(longest)} |`,
    ),
    "",
  ];
}

function syslogLines(figures: readonly SyslogFigures[]): string[] {
  return [
    "## Syslog receivers that are restarted",
    "",
    "Real rsyslog and syslog-ng; hostile alerts among the rest. Over TCP, TLS and RELP the receiver is stopped (SIGTERM) and killed (SIGKILL)",
    "while alerts are on their way. What was confirmed must stand in its file, byte for byte; UDP confirms nothing.",
    "",
    "| Receiver | Transport | Alerts | Stopped, killed | Confirmed | Missing of these | Altered | Twice | Time |",
    "|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ...figures.map(
      (each) =>
        `| ${each.receiver} | ${each.transport} | ${each.alerts} | ${each.sigterms}, ${each.sigkills} | ${each.confirmed} | ${each.missing} | ${each.changed} | ${each.duplicates} | ${each.seconds} s |`,
    ),
    "",
  ];
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

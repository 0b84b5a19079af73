import { cpus, totalmem } from "node:os";
import type { Row, Value } from "./rows.ts";

export interface Report {
  /** `2 x AMD EPYC, 25 GB; Node.js v24.21.0` */
  readonly machine: string;
  readonly on: string;
  readonly parts: Readonly<Record<string, readonly Row[]>>;
}

export function machineLine(node: string): string {
  const all = cpus();
  return `${all.length} x ${all[0]?.model.trim() ?? "unknown"}, ${Math.round(totalmem() / 1e9)} GB; Node.js ${node}`;
}

/** What stands over each table. */
const TITLES: Readonly<Record<string, string>> = {
  start: "Start",
  drains: "Drain",
  delay: "Delay that we add",
  outage: "Outage of the receiver",
  resume: "After `kill -9`",
  backlog: "Backlog",
  growth: "Growth",
  scale: "More processes",
  idle: "Idle tenants, each read every 60 s",
};

/** The tables, as Markdown. A figure of several runs stands with its range. */
export function tablesOf({ parts }: Report): string {
  return Object.entries(parts)
    .map(([part, rows]) => `### ${TITLES[part] ?? part}\n\n${tableOf(rows)}\n`)
    .join("\n");
}

function tableOf(rows: readonly Row[]): string {
  const columns = Object.keys(rows[0]?.values ?? {});
  const lines = rows.map(({ name, values }) => [name, ...columns.map((column) => cellOf(values[column]))]);
  return [["", ...columns], ["---", ...columns.map(() => "---:")], ...lines]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");
}

function cellOf(value: Value | undefined): string {
  if (value === undefined) return "";
  const { median, least, most } = value;
  return least === most ? numberOf(median) : `${numberOf(median)} (${numberOf(least)} to ${numberOf(most)})`;
}

function numberOf(number: number): string {
  return number.toLocaleString("en-US", { maximumSignificantDigits: 3 });
}

const BAR = { height: 22, gap: 10, left: 300, width: 420 } as const;

/** Bars of the drains and the growth: ours over the bare loop's, in alerts a second. As SVG. */
export function plotOf({ parts, machine, on }: Report): string {
  const rows = [...(parts["drains"] ?? []), ...(parts["growth"] ?? []), ...(parts["scale"] ?? [])];
  const most = Math.max(...rows.map(({ values }) => values["bare loop, alerts/s"]?.median ?? 0));
  const bars = rows.map(({ name, values }, index) => {
    const y = 56 + index * (BAR.height + BAR.gap);
    const length = (what: string) => Math.round(((values[what]?.median ?? 0) / most) * BAR.width);
    const [ours, bare] = [length("alerts/s"), length("bare loop, alerts/s")];
    return [
      `<text x="${BAR.left - 10}" y="${y + 15}" text-anchor="end">${name}</text>`,
      `<rect x="${BAR.left}" y="${y}" width="${bare}" height="${BAR.height}" class="bare"/>`,
      `<rect x="${BAR.left}" y="${y + 5}" width="${ours}" height="${BAR.height - 10}" class="ours"/>`,
      `<text x="${BAR.left + Math.max(ours, bare) + 8}" y="${y + 15}">${numberOf(values["alerts/s"]?.median ?? 0)} of ${numberOf(values["bare loop, alerts/s"]?.median ?? 0)}</text>`,
    ].join("\n  ");
  });
  const height = 70 + rows.length * (BAR.height + BAR.gap);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 ${height}" font-family="system-ui, sans-serif" font-size="13">
  <title>Alerts a second of alertferry, beside those of a bare loop</title>
  <style>.bare { fill: #c9d3df } .ours { fill: #1f5fa8 } text { fill: #222 } @media (prefers-color-scheme: dark) { text { fill: #ddd } .bare { fill: #46505c } .ours { fill: #6aa9ee } }</style>
  <text x="10" y="20" font-size="15">Alerts a second: alertferry (dark) within the bare loop (light), medians</text>
  <text x="10" y="40">${machine}, ${on}</text>
  ${bars.join("\n  ")}
</svg>
`;
}

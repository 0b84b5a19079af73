import { writeFileSync } from "node:fs";

/** What a run against a real receiver came to. */
export interface SyslogFigures {
  /** `rsyslog 8.2302.0` */
  readonly receiver: string;
  readonly transport: string;
  readonly alerts: number;
  readonly batchAlerts: number;
  /** Messages handed to the transport, repetitions included. */
  readonly sent: number;
  /** Messages of the requests that the sink reported as delivered. */
  readonly confirmed: number;
  /** Messages in the receiver's file, and how many different ones these are. */
  readonly readBack: number;
  readonly distinct: number;
  readonly duplicates: number;
  /** Confirmed and not in the file. */
  readonly missing: number;
  /** In the file and not what was rendered. */
  readonly changed: number;
  readonly sigterms: number;
  readonly sigkills: number;
  readonly seconds: number;
}

/** How long alerts took from the source to a healthy sink, in milliseconds. */
export interface DelayFigures {
  /** In what state the other sink was. */
  readonly other: string;
  readonly alerts: number;
  readonly median: number;
  readonly p99: number;
  readonly longest: number;
}

/** Every row of a test file, in the order of the runs. */
const figures: (SyslogFigures | DelayFigures)[] = [];

/** Keeps a row and, where ALERTFERRY_FIGURES names a file, writes all of them there as JSON. */
export function recordFigures(row: SyslogFigures | DelayFigures): void {
  figures.push(row);
  const path = process.env["ALERTFERRY_FIGURES"];
  if (path !== undefined) writeFileSync(path, `${JSON.stringify(figures, null, 2)}\n`);
}

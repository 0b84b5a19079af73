import type { Snapshot } from "../pipeline/snapshot.ts";
import type { Balance } from "../simulate/balance.ts";

/** One look at the demo. */
export interface Moment {
  readonly atMs: number;
  readonly snapshot: Snapshot;
  readonly balance: Balance;
}

/** The frame for a terminal: tenants, sinks, and the balance as its last line. */
export function drawFrame(moment: Moment, before: Moment | undefined): string[] {
  const { snapshot } = moment;
  const tenants = [...new Set(snapshot.tenants.map(({ tenant }) => tenant))];
  return [
    "",
    row(["tenant", "lag", "queued", "delivered", "waiting", "set aside"]),
    ...tenants.map((tenant) => tenantRow(tenant, snapshot)),
    "",
    row(["sink", "oldest", "waiting", "bytes", "alerts/s", "state"]),
    ...snapshot.sinks.map((sink) =>
      row([
        sink.sink,
        `${sink.oldestSeconds.toFixed(1)} s`,
        String(sink.backlogAlerts),
        `${(sink.backlogBytes / 1000).toFixed(0)} kB`,
        rate(moment, before, sink.sink),
        sink.resting?.kind ?? "taking",
      ]),
    ),
    "",
    balanceLine(moment),
  ];
}

/** What is printed at the end. */
export function summary(balance: Balance, snapshot: Snapshot): string[] {
  const { enqueued, delivered } = totals(snapshot);
  const { missing, duplicates, altered, crossed } = balance;
  return [
    "",
    `held by the sources   ${balance.held} versions of alerts, ${balance.owed} of them owed`,
    `read and queued       ${enqueued}`,
    `delivered             ${delivered}`,
    `missing ${missing.length}, duplicates ${duplicates}, altered ${altered}, at the wrong tenant ${crossed}`,
    enqueued === delivered && missing.length === 0
      ? `read = delivered (${enqueued} = ${delivered})`
      : `read and delivered differ (${enqueued}, ${delivered})`,
  ];
}

function tenantRow(tenant: string, { tenants, ledger }: Snapshot): string {
  const lag = Math.max(
    ...tenants.filter((place) => place.tenant === tenant).map(({ lagSeconds }) => lagSeconds ?? 0),
  );
  const mine = ledger.filter((entry) => entry.tenant === tenant);
  const sum = (of: (entry: (typeof mine)[number]) => number) =>
    String(mine.reduce((total, entry) => total + of(entry), 0));
  return row([
    tenant,
    `${lag.toFixed(1)} s`,
    sum(({ enqueued }) => enqueued),
    sum(({ delivered }) => delivered),
    sum(({ waiting }) => waiting),
    sum(({ dead }) => Object.values(dead).reduce((total, count) => total + count, 0)),
  ]);
}

function balanceLine({ atMs, balance, snapshot }: Moment): string {
  const { enqueued, delivered } = totals(snapshot);
  const seconds = (atMs / 1000).toFixed(0).padStart(4);
  return `${seconds} s   held ${balance.held}   queued ${enqueued}   delivered ${delivered}   waiting ${enqueued - delivered}   duplicates ${balance.duplicates}`;
}

function totals({ ledger }: Snapshot): { enqueued: number; delivered: number } {
  return {
    enqueued: ledger.reduce((total, entry) => total + entry.enqueued, 0),
    delivered: ledger.reduce((total, entry) => total + entry.delivered, 0),
  };
}

function rate(moment: Moment, before: Moment | undefined, sink: string): string {
  if (before === undefined) return "-";
  const delivered = ({ snapshot }: Moment) =>
    snapshot.ledger
      .filter((entry) => entry.sink === sink)
      .reduce((total, entry) => total + entry.delivered, 0);
  return ((delivered(moment) - delivered(before)) / ((moment.atMs - before.atMs) / 1000)).toFixed(0);
}

function row(cells: readonly string[]): string {
  return cells.map((cell, index) => (index === 0 ? cell.padEnd(12) : cell.padStart(11))).join("");
}

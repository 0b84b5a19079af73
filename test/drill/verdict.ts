import { isDeepStrictEqual } from "node:util";
import { eventId } from "../../src/model/alert.ts";
import type { Snapshot } from "../../src/pipeline/snapshot.ts";
import type { LogLine } from "../chaos/daemon-process.ts";
import { until } from "../support/until.ts";
import type { DrillStage } from "./stage.ts";

const PATIENCE_MS = 30_000;
const SINKS = ["splunk", "qradar"];
/** What belongs to no incident: the life of a process, and a line a poll that found something. */
const ROUTINE = new Set([
  "daemon.started",
  "daemon.stopping",
  "daemon.stopped",
  "poll.completed",
  "window.completed",
]);

/** One tenant at one sink: what the source held, what the ledger says, what has come. */
export interface BalanceRow {
  readonly tenant: string;
  readonly sink: string;
  readonly held: number;
  readonly enqueued: number;
  readonly delivered: number;
  readonly dead: number;
  readonly waiting: number;
  /** Different versions that the receiver has, of those that the source held. */
  readonly arrived: number;
  /** Whether the receiver's numbers are 1, 2, 3 … without a hole. */
  readonly isGapless: boolean;
}

/** Waits until everything that the source held has come to both receivers and nothing waits. */
export async function settle(stage: DrillStage): Promise<readonly BalanceRow[]> {
  const held = stage.world.tenants.reduce((sum, tenant) => sum + tenant.ledger.length, 0);
  let rows: readonly BalanceRow[] = [];
  await until(
    "everything has arrived",
    async () => {
      // Asked first, since it costs nothing.
      if (stage.world.balance().missing.length > 0) return false;
      const { ledger } = await stage.snapshot();
      const isAtRest = SINKS.every((sink) => {
        const ofSink = ledger.filter((row) => row.sink === sink);
        const delivered = ofSink.reduce((sum, row) => sum + row.delivered, 0);
        return delivered >= held && ofSink.every(({ waiting }) => waiting === 0);
      });
      if (isAtRest) rows = balanceOf(stage, ledger);
      return isAtRest && rows.every(({ arrived, held: owed }) => arrived === owed);
    },
    PATIENCE_MS,
  );
  return rows;
}

function balanceOf(stage: DrillStage, ledger: Snapshot["ledger"]): readonly BalanceRow[] {
  return SINKS.flatMap((sink) =>
    stage.world.tenants.map(({ id, tenantId, ledger: versions }) => {
      const row = ledger.find((each) => each.tenant === id && each.sink === sink);
      const got = receivedBy(stage, sink, id);
      const owed = versions.map(({ alertId, updatedText }) =>
        eventId(tenantId, { id: alertId, updatedText }),
      );
      const numbers = [...new Set(got.map(({ seq }) => seq))];
      const ids = new Set(got.map((each) => each.eventId));
      return {
        tenant: id,
        sink,
        held: versions.length,
        enqueued: row?.enqueued ?? 0,
        delivered: row?.delivered ?? 0,
        dead: sumOf(row?.dead ?? {}),
        waiting: row?.waiting ?? 0,
        arrived: owed.filter((each) => ids.has(each)).length,
        isGapless: numbers.length === versions.length && Math.max(0, ...numbers) === versions.length,
      };
    }),
  );
}

function receivedBy(
  { world, syslog }: DrillStage,
  sink: string,
  tenant: string,
): { readonly eventId: string; readonly seq: number }[] {
  if (sink === "splunk") {
    return world.hec.events
      .filter(({ fields }) => fields["tenant"] === tenant)
      .map(({ fields }) => ({ eventId: String(fields["event_id"]), seq: Number(fields["seq"]) }));
  }
  return syslog.messages
    .filter((message) => message.includes(`"tenant":"${tenant}"`))
    .map((message) => ({
      eventId: /"eventId":"([^"]+)"/.exec(message)?.[1] ?? "",
      seq: Number(/"seq":(\d+)/.exec(message)?.[1]),
    }));
}

const sumOf = (counts: Readonly<Record<string, number>>) =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);

/**
 * Waits until the command, the page's source and the metrics say the same, number by number. They are asked one after
 * the other, so what moves in between is asked again.
 *
 * @throws with what differs.
 */
export async function agree(stage: DrillStage): Promise<void> {
  let differences: readonly string[] = [];
  const isSame = async () => {
    differences = await compare(stage);
    return differences.length === 0;
  };
  await until("status, /api/status and /metrics agree", isSame, PATIENCE_MS).catch((cause: unknown) => {
    throw new Error(differences.join("\n"), { cause });
  });
}

async function compare(stage: DrillStage): Promise<string[]> {
  const printed = steady(JSON.parse(await stage.command("status", "--json")) as Snapshot);
  const served = await stage.snapshot();
  const measured = await stage.metrics();
  const differences = numbersOf(served).flatMap(([series, value]) => {
    const found = measuredAs(measured, series);
    return found === value ? [] : [`${series}: /api/status ${value}, /metrics ${found}`];
  });
  if (!isDeepStrictEqual(printed, steady(served))) {
    differences.push(`status: ${JSON.stringify(printed)}\n/api/status: ${JSON.stringify(steady(served))}`);
  }
  return differences;
}

/** What does not change by the mere passing of time. */
function steady({ tenants, sinks, windows, ledger }: Snapshot) {
  return {
    tenants: tenants.map(({ tenant, source, outcome, error, unusuallyQuiet }) => ({
      ...{ tenant, source, outcome, error, unusuallyQuiet },
    })),
    sinks: sinks.map(({ oldestSeconds: _, ...rest }) => rest),
    windows,
    ledger,
  };
}

/** Each number of the snapshot, under the series that must say the same. */
function numbersOf({ sinks, ledger }: Snapshot): (readonly [series: string, value: number])[] {
  return [
    ...sinks.flatMap(({ sink, backlogAlerts, backlogBytes, gaps, deadLetters, resting }) => [
      [`sink_backlog_alerts{sink="${sink}"}`, backlogAlerts] as const,
      [`sink_backlog_bytes{sink="${sink}"}`, backlogBytes] as const,
      [`gaps_open{sink="${sink}"}`, gaps] as const,
      [`dead_letters{sink="${sink}"}`, deadLetters] as const,
      [`sink_breaker_open{sink="${sink}"}`, resting === null ? 0 : 1] as const,
    ]),
    ...ledger.flatMap(({ tenant, sink, enqueued, delivered, dead }) => [
      [`alerts_enqueued_total{tenant="${tenant}",sink="${sink}"}`, enqueued] as const,
      [`alerts_delivered_total{tenant="${tenant}",sink="${sink}"}`, delivered] as const,
      ...Object.entries(dead).map(
        ([reason, count]) =>
          [
            `alerts_dead_lettered_total{tenant="${tenant}",sink="${sink}",reason="${reason}"}`,
            count,
          ] as const,
      ),
    ]),
  ];
}

function measuredAs(metrics: string, series: string): number | undefined {
  const line = metrics.split("\n").find((each) => each.startsWith(`alertferry_${series} `));
  return line === undefined ? undefined : Number(line.split(" ").at(-1));
}

/** The lines of the log that tell of incidents: all but the routine. */
export function storiesIn(log: readonly LogLine[]): LogLine[] {
  return log.filter(({ event }) => !ROUTINE.has(event));
}

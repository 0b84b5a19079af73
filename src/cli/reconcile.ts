import { readFileSync } from "node:fs";
import { findConfig, loadConfig } from "../config/load.ts";
import type { Span } from "../model/window.ts";
import { type Account, reconcile as compare, type Missing, mend } from "../pipeline/reconcile.ts";
import type { Place } from "../pipeline/routes.ts";
import { type Command, type Io, textOption, UsageError } from "./command.ts";
import { atDesk, type Desk } from "./desk.ts";
import { readSpan, SPAN_HELP, SPAN_OPTIONS, withPlaces } from "./span.ts";
import { bar, plural, table } from "./table.ts";

/** One place that was compared. */
interface Report extends Account {
  readonly place: Place;
  queued: number;
}

const WHY: Readonly<Record<Missing["why"], string>> = {
  "never-queued": "nothing is known of it",
  lost: "it was queued, and neither delivered nor waiting any more",
  "not-received": "it was delivered, and the receiver does not have it",
};

export const reconcile: Command = {
  summary: "Asks Defender what exists, compares with what each sink was sent, and prints what is missing.",
  options: { ...SPAN_OPTIONS, fix: { type: "boolean" }, received: { type: "string" } },
  help: [
    ...SPAN_HELP,
    "--received FILE the event ids that the receiver has, one a line: compares with these too",
    "--fix           queues what is missing; what has a number keeps it",
    "--json          print JSON",
    "",
    "Exit code 3 while something is missing. What no round has come to yet is left out.",
  ],
  async run(options, io) {
    const { config } = loadConfig(findConfig(textOption(options, "config")));
    const span = readSpan(options, Date.now());
    const received = readReceived(textOption(options, "received"));
    const reports = await withPlaces(config, options, (places) =>
      atDesk(config, async (desk) => {
        const found: Report[] = [];
        for (const place of places) {
          const report = await ask(place, span, desk, received, io);
          if (options["fix"] === true)
            report.queued = await mend(place, report.missing, desk, span, Date.now());
          found.push(report);
        }
        return found;
      }),
    );
    if (options["json"] === true) io.out(JSON.stringify(reports.map(asJson), undefined, 2));
    else for (const line of reports.flatMap(asText)) io.out(line);
    const isProven = ({ missing, queued, unread }: Report) => missing.length === queued && unread === 0;
    return reports.every(isProven) ? 0 : 3;
  },
};

/** @throws UsageError */
function readReceived(file: string | undefined): ReadonlySet<string> | undefined {
  if (file === undefined) return undefined;
  try {
    // An export of a search may put the ids between quotes.
    const lines = readFileSync(file, "utf8").split(/\r?\n/);
    return new Set(lines.map((line) => line.replace(/^[\s",]+|[\s",]+$/g, "").toLowerCase()));
  } catch (cause) {
    throw new UsageError(`${file} cannot be read (${cause instanceof Error ? cause.message : cause}).`);
  }
}

async function ask(
  place: Place,
  span: Span,
  { store }: Desk,
  received: ReadonlySet<string> | undefined,
  io: Io,
): Promise<Report> {
  const name = `${place.tenant.id} ${place.source}`;
  const onProgress = (share: number) => {
    if (io.isTerminal) io.progress(`${bar(share)}  ${name}`);
  };
  const account = await compare(place, span, { store, received, onProgress }, new AbortController().signal);
  if (io.isTerminal) io.progress("");
  return { ...account, place, queued: 0 };
}

function asJson({ place, checked, unread, sinks, missing, queued }: Report) {
  return {
    tenant: place.tenant.id,
    source: place.source,
    checked,
    unread,
    sinks,
    missing: missing.map(({ route, alert, why, seq }) => ({
      sink: route.sink,
      alertId: alert.id,
      updated: alert.updatedText,
      why,
      seq: seq ?? null,
    })),
    queued,
  };
}

function asText(report: Report): string[] {
  const { place, checked, unread, sinks, missing, queued } = report;
  const lines = [
    `${place.tenant.id} ${place.source}: ${plural(checked, "version")} at the source`,
    ...table(
      ["  sink", "delivered", "waiting", "dead letters", "missing"],
      sinks.map(({ sink, delivered, waiting, deadLettered }) => [
        `  ${sink}`,
        delivered,
        waiting,
        deadLettered,
        missing.filter(({ route }) => route.sink === sink).length,
      ]),
    ),
    ...missing.map(
      ({ route, alert, why, seq }) =>
        `  missing at ${route.sink}: ${alert.id} of ${alert.updatedText}${seq === undefined ? "" : ` (seq ${seq})`}: ${WHY[why]}`,
    ),
  ];
  if (unread > 0)
    lines.push(
      `  ${plural(unread, "instant")} the source fails to give out: what was updated then is not compared.`,
    );
  if (missing.length === 0) return [...lines, "  Nothing is missing."];
  return queued === 0 ? lines : [...lines, `  ${plural(queued, "alert")} queued.`];
}

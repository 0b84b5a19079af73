import { findConfig, loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { formatTicks } from "../model/ticks.ts";
import type { PlaceStatus, SinkStatus, Snapshot } from "../pipeline/snapshot.ts";
import type { LetterSummary } from "../queue/dead-letters.ts";
import type { SentRecord } from "../queue/ports.ts";
import { type Command, type ExitCode, type Io, textOption, UsageError } from "./command.ts";
import { atDesk, type Desk } from "./desk.ts";
import { lookAt } from "./status.ts";
import { bytes, duration, plural } from "./table.ts";

/** Alerts change for so long after their creation at most. */
const MONTHS_BACK = 14;

export const explain: Command = {
  summary: "Tells what became of an alert, or why a tenant is quiet.",
  words: "alert ID | tenant T",
  options: {},
  help: ["--json   print JSON"],
  async run(options, io, [what, name]) {
    if ((what !== "alert" && what !== "tenant") || name === undefined) {
      throw new UsageError("Say what: explain alert ID, or explain tenant T.");
    }
    const { config } = loadConfig(findConfig(textOption(options, "config")));
    const isJson = options["json"] === true;
    return await atDesk(config, (desk) =>
      what === "alert" ? alert(name, config, desk, io, isJson) : tenant(name, config, desk, io, isJson),
    );
  },
};

/** What became of the newest version of an alert, at one sink. */
interface Fate {
  readonly tenant: string;
  readonly source: string;
  readonly sink: string;
  readonly updated: string;
  readonly revision: number;
  readonly record: SentRecord | undefined;
  readonly deadLetter: string | undefined;
}

async function alert(id: string, config: Config, desk: Desk, io: Io, isJson: boolean): Promise<ExitCode> {
  const letters = await desk.store.deadLetters();
  const fates = await fatesOf(id, config, desk, letters);
  const unread = letters.filter(({ alertId, sent }) => alertId === id && sent === undefined);
  const isKnown = fates.length + unread.length > 0;
  if (isJson) {
    io.out(JSON.stringify({ alert: id, fates, setAside: unread }, undefined, 2));
    return isKnown ? 0 : 3;
  }
  const lines = [
    ...fates.map(fateLine),
    ...unread.map((letter) => `It was set aside at reading (${letter.reason}): dead letter ${letter.id}.`),
  ];
  const unknown = [
    `Nothing is known of alert ${id}. It was not met, or is filtered out, or was met too long ago.`,
    "`alertferry reconcile` asks Defender whether it exists.",
  ];
  for (const line of isKnown ? lines : unknown) io.out(line);
  return isKnown ? 0 : 3;
}

async function fatesOf(
  id: string,
  { tenants }: Config,
  { store }: Desk,
  letters: readonly LetterSummary[],
): Promise<Fate[]> {
  const months = ["undated", ...monthsBack(new Date())];
  const places = tenants.flatMap(({ id: name, sources, sinks }) =>
    sources.map((source) => ({ at: { tenant: name, source }, sinks })),
  );
  const fates: Fate[] = [];
  for (const { at, sinks } of places) {
    const newest = await store.newestVersion(at, id, months);
    if (newest === undefined) continue;
    const { version, revision } = newest;
    const updated = version.startsWith("~") ? version.slice(1) : formatTicks(BigInt(version));
    for (const sink of sinks) {
      const [record] = await store.sent({ ...at, sink }, [{ id, version }]);
      const letter = letters.find(
        (each) => each.alertId === id && each.sink === sink && each.tenant === at.tenant,
      );
      fates.push({ ...at, sink, updated, revision, record, deadLetter: letter?.id });
    }
  }
  return fates;
}

function fateLine({ tenant, source, sink, updated, revision, record, deadLetter }: Fate): string {
  const what = `${tenant} ${source}, revision ${revision} of ${updated}, ${sink}:`;
  if (record === undefined)
    return `${what} not sent (filtered out, in a gap, or longer ago than queue.remember)`;
  const queued = `seq ${record.seq}, batch ${record.batch}, queued ${new Date(record.queuedMs).toISOString()}`;
  if (record.settledMs === undefined) return `${what} ${queued}, waiting`;
  const took = duration((record.settledMs - record.queuedMs) / 1000);
  const tries = plural(record.attempts ?? 1, "request");
  const end = `${record.state} ${new Date(record.settledMs).toISOString()} after ${took} and ${tries}`;
  const cut = record.shortened ? ", shortened" : "";
  return `${what} ${queued}, ${end}${cut}${deadLetter === undefined ? "" : ` (${deadLetter})`}`;
}

function monthsBack(now: Date): string[] {
  return Array.from({ length: MONTHS_BACK }, (_, back) =>
    new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - back, 1)).toISOString().slice(0, 7),
  );
}

async function tenant(
  id: string,
  config: Config,
  { store }: Desk,
  io: Io,
  isJson: boolean,
): Promise<ExitCode> {
  const settings = config.tenants.find((each) => each.id === id);
  if (settings === undefined) {
    throw new UsageError(
      `There is no tenant ${id}. Known: ${config.tenants.map((each) => each.id).join(", ")}.`,
    );
  }
  const now = await lookAt(config, store);
  const places = now.tenants.filter((place) => place.tenant === id);
  const sinks = now.sinks.filter(({ sink }) => settings.sinks.includes(sink));
  const windows = now.windows.filter((window) => window.tenant === id);
  if (isJson) {
    io.out(
      JSON.stringify(
        { tenant: id, places, sinks, windows, ledger: now.ledger.filter((row) => row.tenant === id) },
        undefined,
        2,
      ),
    );
    return 0;
  }
  const lines = [
    ...places.map(placeLine),
    ...windows.map(({ source, window, progress }) =>
      window.kind === "hole"
        ? holeLine(source, window.from)
        : `${source}: a ${window.kind} from ${window.from} to ${window.to} is read, ${Math.round(progress * 100)} % done.`,
    ),
    ...sinks.flatMap((sink) => sinkLines(id, sink, now)),
  ];
  for (const line of lines) io.out(line);
  return 0;
}

/** Who does what when a source is in this state. */
const SOURCE_ADVICE: Readonly<Record<string, string>> = {
  throttled: "Microsoft asked us to wait; nothing to do, unless another program uses the same application.",
  unauthorized:
    "Check the secret or certificate, the customer's consent and the app roles: `alertferry check --connect`.",
  misconfigured: "Check tenantId, cloud and addresses: `alertferry check --connect`.",
  rejected: "The query is refused; check the permissions and report it.",
  transient:
    "It is tried again by itself; if it stays, look at the network and at Microsoft's service health.",
};

function placeLine({
  source,
  cursor,
  lastPoll,
  outcome,
  error,
  failures,
  nextPoll,
  lastNew,
  unusuallyQuiet,
  usualHours,
}: PlaceStatus): string {
  if (lastPoll === null)
    return `${source}: never read. Does the daemon run, with this tenant in its configuration?`;
  const since = (iso: string) => duration((Date.now() - Date.parse(iso)) / 1000);
  if (error === null) {
    const news = lastNew === null ? "nothing was ever new" : `the last new alert came ${since(lastNew)} ago`;
    const read = `${source}: read ${since(lastPoll)} ago without trouble, up to ${cursor}; ${news}.`;
    return unusuallyQuiet
      ? `${read} That is unusual: in the weeks before, about ${Math.round(usualHours ?? 0)} of these hours brought something. We see the tenant; ask whether a sensor, a licence or a connector of the customer's is off.`
      : `${read} It is quiet because Defender has nothing new.`;
  }
  if (outcome === "paced")
    return `${source}: read as fast as Microsoft's limit on calls allows, up to ${cursor}; it goes on at ${nextPoll}.`;
  const code = error.code === null ? "" : ` ${error.code}`;
  const advice = SOURCE_ADVICE[outcome ?? "transient"] ?? "";
  return `${source}: ${plural(failures, "round")} failed in a row (${outcome}${code}): ${error.message} Next try ${nextPoll}. ${advice}`;
}

function holeLine(source: string, instant: string): string {
  return `${source}: Microsoft fails to give out what was updated at ${instant}. The rest went on; it is asked for again with growing pauses. If it stays, open a case with Microsoft (runbook#hole-recorded).`;
}

function sinkLines(
  id: string,
  { sink, resting, gaps, deadLetters }: SinkStatus,
  { ledger }: Snapshot,
): string[] {
  const row = ledger.find((each) => each.tenant === id && each.sink === sink);
  const lines: string[] = [];
  if (resting !== null) {
    lines.push(
      `${sink}: rests since ${resting.since} (${resting.kind}${resting.code === undefined ? "" : ` ${resting.code}`}): ${resting.message}`,
    );
  }
  if (row === undefined) return [...lines, `${sink}: nothing was queued for it yet.`];
  lines.push(
    `${sink}: ${plural(row.delivered, "alert")} delivered, ${row.waiting} waiting (${bytes(row.bytes)}), the last number is ${row.seq}.`,
  );
  if (gaps > 0) lines.push(`${sink}: ${plural(gaps, "gap")} will be read once it has drained.`);
  if (deadLetters > 0)
    lines.push(
      `${sink}: ${plural(deadLetters, "dead letter")} of all tenants: \`alertferry dead-letters list --sink ${sink}\``,
    );
  return lines;
}

import { findConfig, loadConfig } from "../config/load.ts";
import { type DeadLetter, NO_SINK } from "../model/dead-letter.ts";
import type { LetterSummary } from "../queue/dead-letters.ts";
import { sendAgain } from "../queue/send-again.ts";
import { type Command, type ExitCode, type Io, type Options, textOption, UsageError } from "./command.ts";
import { atDesk, type Desk } from "./desk.ts";
import { plural, table } from "./table.ts";

const ACTIONS: Readonly<
  Record<string, (desk: Desk, ids: readonly string[], options: Options, io: Io) => Promise<ExitCode>>
> = {
  list,
  show,
  retry,
  discard,
};

export const deadLetters: Command = {
  summary: "Shows alerts that a receiver refused for good, sends them again, or discards them.",
  words: "list | show ID | retry [ID...] | discard ID...",
  options: { sink: { type: "string" }, tenant: { type: "string" }, all: { type: "boolean" } },
  help: [
    "--sink S     only those of this sink (list, retry)",
    "--tenant T   only those of this tenant (list, retry)",
    "--all        every one (retry)",
    "--json       print JSON",
  ],
  async run(options, io, [action = "list", ...ids]) {
    const act = ACTIONS[action];
    if (act === undefined) {
      throw new UsageError(`There is no dead-letters ${action}. Known: ${Object.keys(ACTIONS).join(", ")}.`);
    }
    const { config } = loadConfig(findConfig(textOption(options, "config")));
    return await atDesk(config, (desk) => act(desk, ids, options, io));
  },
};

async function list({ store }: Desk, _: readonly string[], options: Options, io: Io): Promise<ExitCode> {
  const letters = await store.deadLetters(filterOf(options));
  if (options["json"] === true) io.out(JSON.stringify(letters, undefined, 2));
  else if (letters.length === 0) io.out("There are no dead letters.");
  else
    for (const line of table(
      ["id", "at", "tenant", "sink", "reason", "tries", "alert", "message"],
      letters.map(row),
    ))
      io.out(line);
  return 0;
}

function row({ id, at, tenant, sink, reason, attempts, alertId, message }: LetterSummary) {
  return [id, at, tenant, sink, reason, attempts, alertId ?? "-", message];
}

async function show({ store }: Desk, ids: readonly string[], options: Options, io: Io): Promise<ExitCode> {
  const [id] = ids;
  if (id === undefined) throw new UsageError("dead-letters show takes the id of a dead letter.");
  const letter = await store.deadLetter(id);
  if (letter === undefined) return missing([id], io);
  if (options["json"] === true) io.out(JSON.stringify(letter, undefined, 2));
  else for (const line of describe(letter)) io.out(line);
  return 0;
}

function describe(letter: DeadLetter): string[] {
  const { raw, sent, ...facts } = letter;
  const rows = { ...facts, ...(sent && { seq: sent.seq, revision: sent.revision }) };
  return [
    ...Object.entries(rows)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name.padEnd(10)} ${value}`),
    "",
    raw,
  ];
}

async function retry(
  { store, outbox }: Desk,
  ids: readonly string[],
  options: Options,
  io: Io,
): Promise<ExitCode> {
  const filter = filterOf(options);
  const isNamed = filter.sink !== undefined || filter.tenant !== undefined || options["all"] === true;
  if (ids.length === 0 && !isNamed) throw new UsageError("Say which: ID..., --sink S, --tenant T or --all.");
  const letters = await store.deadLetters(filter);
  const chosen = letters.filter(({ id }) => ids.length === 0 || ids.includes(id));
  const unknown = ids.filter((id) => !chosen.some((letter) => letter.id === id));
  if (unknown.length > 0) return missing(unknown, io);
  const bound = chosen.filter(({ sink }) => sink !== NO_SINK);
  const retried = await sendAgain(
    store,
    outbox,
    bound.map(({ id }) => id),
  );
  const stay = chosen.length - bound.length;
  if (options["json"] === true) io.out(JSON.stringify({ retried, stay }));
  else {
    io.out(`${plural(retried, "alert")} on the way again.`);
    if (stay > 0) io.out(`${stay} stay: they were set aside at reading and were never bound for a sink.`);
  }
  return 0;
}

async function discard({ store }: Desk, ids: readonly string[], options: Options, io: Io): Promise<ExitCode> {
  if (ids.length === 0) throw new UsageError("dead-letters discard takes the ids of dead letters.");
  const discarded = await store.discardDeadLetters(ids);
  if (options["json"] === true) io.out(JSON.stringify({ discarded }));
  else io.out(`${plural(discarded, "dead letter")} discarded.`);
  return discarded === ids.length ? 0 : 1;
}

function filterOf(options: Options) {
  return { sink: textOption(options, "sink"), tenant: textOption(options, "tenant") };
}

function missing(ids: readonly string[], io: Io): ExitCode {
  io.err(`There is no dead letter ${ids.join(", ")}.`);
  return 1;
}

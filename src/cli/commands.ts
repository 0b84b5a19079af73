import { parseArgs } from "node:util";
import { type Command, type ExitCode, type Io, type Options, UsageError } from "./command.ts";
import { VERSION } from "./version.ts";

/** Every command, in the order of the help text. Each is loaded when it is called: the daemon needs no demo. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  run: async () => (await import("./run.ts")).run,
  demo: async () => (await import("./demo.ts")).demo,
  check: async () => (await import("./check.ts")).check,
  tenants: async () => (await import("./tenants.ts")).tenants,
  status: async () => (await import("./status.ts")).status,
  "dead-letters": async () => (await import("./dead-letters.ts")).deadLetters,
  explain: async () => (await import("./explain.ts")).explain,
  replay: async () => (await import("./replay.ts")).replay,
  reconcile: async () => (await import("./reconcile.ts")).reconcile,
  schema: async () => (await import("./schema.ts")).schema,
};

/** Taken by every command. */
const COMMON = {
  config: { type: "string" },
  "log-level": { type: "string" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean" },
} as const;

/** Runs the command that the arguments name. @throws UsageError, ConfigError, StartupError */
export async function execute(args: readonly string[], io: Io): Promise<ExitCode> {
  const name = args[0];
  if (name === undefined || name === "help" || name === "--help" || name === "-h") {
    io.out(await helpText());
    return name === undefined ? 2 : 0;
  }
  if (name === "--version") {
    io.out(VERSION);
    return 0;
  }
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (load === undefined) {
    throw new UsageError(`There is no command ${name}. Commands: ${Object.keys(COMMANDS).join(", ")}.`);
  }
  const command = await load();
  const { options, words } = parse(name, command, args.slice(1));
  if (options["help"] === true) {
    io.out(commandHelp(name, command));
    return 0;
  }
  const running = command.run(options, io, words);
  if (command.endsItself) return await running;
  return await Promise.race([running, io.stopped.then((): ExitCode => 1)]);
}

function parse(name: string, command: Command, args: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { ...COMMON, ...command.options },
      allowPositionals: command.words !== undefined,
    });
    return { options: values as Options, words: positionals };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`alertferry ${name}: ${why.split(". ")[0]}. See alertferry ${name} --help.`);
  }
}

async function helpText(): Promise<string> {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  const commands = await Promise.all(
    Object.entries(COMMANDS).map(async ([name, load]) => ({ name, ...(await load()) })),
  );
  return [
    "Usage: alertferry <command> [--config FILE] [--log-level LEVEL]",
    "",
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    "",
    "The configuration is read from --config, $ALERTFERRY_CONFIG, ./config/alertferry.yaml or /etc/alertferry/alertferry.yaml.",
    "Exit codes: 0 done, 1 failed while running, 2 wrong usage or configuration, 3 a check found something wrong.",
  ].join("\n");
}

function commandHelp(name: string, command: Command): string {
  const lines = command.help.length === 0 ? [] : ["", ...command.help.map((line) => `  ${line}`)];
  const words = command.words === undefined ? "" : `${command.words} `;
  return [`Usage: alertferry ${name} ${words}[options]`, "", command.summary, ...lines].join("\n");
}

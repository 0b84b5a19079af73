import type { ParseArgsConfig } from "node:util";

/** What a command may use of the outside world. */
export interface Io {
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
  /** Writes over the last line of a terminal. */
  readonly progress: (line: string) => void;
  readonly isTerminal: boolean;
  /** Resolves with the name of the first signal that asks us to stop. */
  readonly stopped: Promise<string>;
  /** Calls back for each SIGHUP. */
  readonly onHangup: (callback: () => void) => void;
}

export type Options = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;

/** 0 done, 1 failed while running, 2 wrong usage or configuration, 3 a check found something wrong. */
export type ExitCode = 0 | 1 | 2 | 3;

export interface Command {
  readonly summary: string;
  /** What stands behind the command's name besides options, as the help shows it: `list | show ID`. */
  readonly words?: string;
  readonly options: NonNullable<ParseArgsConfig["options"]>;
  /** One line for each option of its own. */
  readonly help: readonly string[];
  /** Whether it ends in good order by itself when it is asked to stop; others are just left. */
  readonly endsItself?: boolean;
  run(options: Options, io: Io, words: readonly string[]): Promise<ExitCode>;
}

export function textOption(options: Options, name: string): string | undefined {
  const value = options[name];
  return typeof value === "string" ? value : undefined;
}

/** The values of an option that may be given several times; each may name several, divided by commas. */
export function listOption(options: Options, name: string): readonly string[] {
  const value = options[name];
  const given = Array.isArray(value) ? value : value === undefined ? [] : [value];
  return given
    .flatMap((each) => String(each).split(","))
    .map((each) => each.trim())
    .filter((each) => each !== "");
}

/** The arguments cannot be understood; the message says what would be. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

import { type DestinationStream, type Logger, pino } from "pino";
import { formsOf, mask } from "../model/secrets.ts";
import { prettyLine } from "./pretty.ts";

/** Takes finished lines. */
export type LogStream = DestinationStream;

export interface LogSettings {
  readonly level: string;
  /** Values that must not appear in any line, whatever carries them. Looked at for each line, so it may grow. */
  readonly secrets: readonly string[];
}

/**
 * JSON lines: `time` in ISO 8601 UTC, `level` as a word, then `event`, `msg` and the fields. Nothing secret is ever
 * handed to it; the last look at each finished line is for what a library may have put into an error text.
 */
export function createLogger(settings: LogSettings, stream: LogStream): Logger {
  let forms: readonly string[] = [];
  let known = 0;
  const knownForms = () => {
    if (settings.secrets.length === known) return forms;
    known = settings.secrets.length;
    // Each stands within a string of the line, where JSON has escaped it.
    forms = settings.secrets.flatMap(formsOf).flatMap((form) => [JSON.stringify(form).slice(1, -1), form]);
    return forms;
  };
  return pino(
    {
      level: settings.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: (line) => mask(line, knownForms()) },
    },
    stream,
  );
}

/**
 * Where the log goes: standard output, or standard error when a sink writes alerts to standard output.
 *
 * @param pretty for people at a terminal.
 */
export function openLogStream(pretty: boolean, toStderr: boolean): LogStream {
  const stream = pino.destination({ fd: toStderr ? 2 : 1, sync: true });
  if (!pretty) return stream;
  const isColoured = (toStderr ? process.stderr : process.stdout).isTTY === true;
  return { write: (line) => void stream.write(prettyLine(line, isColoured)) };
}

import { type DestinationStream, type Logger, pino } from "pino";

/** Takes finished lines. */
export type LogStream = DestinationStream;

export interface LogSettings {
  readonly level: string;
  /** Values that must not appear in any line, whatever carries them. Looked at for each line, so it may grow. */
  readonly secrets: readonly string[];
}

/** Shorter values would blot out ordinary words. */
const SHORTEST_SECRET = 6;

/**
 * JSON lines: `time` in ISO 8601 UTC, `level` as a word, then `event`, `msg` and the fields. Nothing secret is ever
 * handed to it; the last look at each finished line is for what a library may have put into an error text.
 */
export function createLogger(settings: LogSettings, stream: LogStream): Logger {
  return pino(
    {
      level: settings.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      hooks: {
        streamWrite: (line) =>
          settings.secrets.reduce((text, secret) => {
            // As it stands in a line of JSON.
            const written = JSON.stringify(secret).slice(1, -1);
            return secret.length < SHORTEST_SECRET ? text : text.replaceAll(written, "[secret]");
          }, line),
      },
    },
    stream,
  );
}

/**
 * Where the log goes: standard output, or standard error when a sink writes alerts to standard output.
 *
 * @param pretty for people at a terminal.
 */
export async function openLogStream(pretty: boolean, toStderr: boolean): Promise<LogStream> {
  const fd = toStderr ? 2 : 1;
  if (!pretty) return pino.destination({ fd, sync: true });
  const { default: prettyStream } = await import("pino-pretty");
  return prettyStream({
    destination: fd,
    sync: true,
    colorize: (fd === 1 ? process.stdout : process.stderr).isTTY === true,
    translateTime: "SYS:HH:MM:ss",
    messageFormat: "{msg}",
    ignore: "event,runbook",
    singleLine: true,
  });
}

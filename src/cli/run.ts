import { findConfig, loadConfig } from "../config/load.ts";
import { Daemon } from "../daemon/daemon.ts";
import { openLogStream } from "../telemetry/logger.ts";
import { type Command, type Options, textOption, UsageError } from "./command.ts";
import { enrolmentIn } from "./tenant-files.ts";
import { VERSION } from "./version.ts";
import { watchConfig } from "./watch-config.ts";

const ROLES = ["poll", "deliver", "http"];
const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"];

export const run: Command = {
  summary: "Runs the daemon.",
  endsItself: true,
  options: { roles: { type: "string" } },
  help: [
    "--roles poll,deliver,http   what this replica does; default all",
    "--log-level LEVEL           trace, debug, info, warn, error or fatal; default log.level",
  ],
  async run(options, io) {
    const roles = readRoles(options);
    const path = findConfig(textOption(options, "config"));
    const loaded = loadConfig(path);
    const { log, sinks } = loaded.config;
    const alertsOnStdout = Object.values(sinks).some(({ type }) => type === "stdout");
    const pretty = (log.format ?? (io.isTerminal ? "pretty" : "json")) === "pretty";
    const daemon = new Daemon(loaded, {
      version: VERSION,
      roles: {
        poll: roles.includes("poll"),
        deliver: roles.includes("deliver"),
        http: roles.includes("http"),
      },
      logStream: openLogStream(pretty, alertsOnStdout),
      logLevel: readLevel(options) ?? log.level,
      enrolment: enrolmentIn(path),
    });
    // Who is asked to stop while it waits for Redis has nothing under way yet, and must not be waited for.
    await Promise.race([daemon.start(), io.stopped]);
    const watcher = watchConfig(path, loaded, {
      changed: (next) => daemon.reload(next),
      rejected: (error) => daemon.rejectReload(error),
    });
    io.onHangup(watcher.look);
    const why = await io.stopped;
    await watcher.stop();
    await daemon.stop(why);
    return 0;
  },
};

function readRoles(options: Options): readonly string[] {
  const named = textOption(options, "roles")?.split(",") ?? ROLES;
  const unknown = named.find((role) => !ROLES.includes(role));
  if (unknown !== undefined) throw new UsageError(`There is no role ${unknown}. Roles: ${ROLES.join(", ")}.`);
  return named;
}

function readLevel(options: Options): string | undefined {
  const level = textOption(options, "log-level");
  if (level === undefined || LEVELS.includes(level)) return level;
  throw new UsageError(`There is no log level ${level}. Levels: ${LEVELS.join(", ")}.`);
}

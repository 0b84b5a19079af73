#!/usr/bin/env node
import { type Io, UsageError } from "./cli/command.ts";
import { execute } from "./cli/commands.ts";
import { growHeapSlowly } from "./daemon/heap-mode.ts";
import { ConfigError, describeProblem, StartupError } from "./model/failure.ts";

/** Arguments to command to exit code. The only file that exits or listens for signals. */

const io: Io = {
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
  progress: (line) => void process.stderr.write(`\r\u001b[K${line}`),
  isTerminal: process.stdout.isTTY === true,
  stopped: new Promise((stop) => {
    let signals = 0;
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.on(signal, () => {
        signals += 1;
        // Whoever asks twice does not want to wait for what is under way; the queue keeps it.
        if (signals > 1) process.exit(1);
        stop(signal);
      });
    }
  }),
  onHangup: (callback) => void process.on("SIGHUP", callback),
};

growHeapSlowly();
try {
  process.exit(await execute(process.argv.slice(2), io));
} catch (error) {
  if (error instanceof ConfigError) {
    for (const problem of error.problems) io.err(describeProblem(problem));
    process.exit(2);
  }
  if (error instanceof UsageError) {
    io.err(error.message);
    process.exit(2);
  }
  io.err(
    error instanceof StartupError
      ? error.message
      : `Unexpected: ${error instanceof Error ? error.stack : error}`,
  );
  process.exit(1);
}

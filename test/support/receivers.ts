import { existsSync, readdirSync, readFileSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { type Running, start } from "./processes.ts";
import { until } from "./until.ts";

/** Syslog receivers, and other programs, from Debian packages that `node scripts/setup.mjs --tests` has unpacked. */

const FOLDER = join(import.meta.dirname, "../../.cache/receivers");

/** `sbin/rsyslogd`, `lib/rsyslog` → where it lies. @throws when it was not unpacked. */
export function unpacked(path: string): string {
  const found = ["", ...libraryFolders()]
    .map((folder) => join(folder || join(FOLDER, "usr"), path))
    .find(existsSync);
  if (found === undefined) throw new Error(`${path} is missing: run node scripts/setup.mjs --tests.`);
  return found;
}

/** For LD_LIBRARY_PATH. */
export function unpackedLibraries(): string {
  return [join(FOLDER, "usr/lib/syslog-ng"), ...libraryFolders()].join(":");
}

/** `lib/x86_64-linux-gnu` and the like. */
function libraryFolders(): readonly string[] {
  const parents = [join(FOLDER, "usr/lib"), join(FOLDER, "lib")].filter(existsSync);
  return parents.flatMap((parent) =>
    readdirSync(parent)
      .filter((name) => name.includes("-linux-gnu"))
      .map((name) => join(parent, name)),
  );
}

/** A syslog receiver, its file and its life. */
export interface Receiver {
  readonly port: number;
  /** Every message that it has written by now, in order. */
  received(): readonly string[];
  /** The size of its file, for asking often. */
  bytes(): number;
  /** Ends it by the signal and starts it again on the same port with the same file, without a half line at its end. */
  restart(signal: "SIGTERM" | "SIGKILL"): Promise<void>;
  /** Ends it, and with it what it still held. */
  stop(signal?: "SIGTERM" | "SIGKILL"): Promise<void>;
  /** What it says of itself. */
  words(): string;
}

interface ReceiverProgram {
  readonly program: string;
  readonly args: readonly string[];
  readonly port: number;
  readonly isUdp: boolean;
  /** One message a line. */
  readonly file: string;
}

export async function startReceiver({
  program,
  args,
  port,
  isUdp,
  file,
}: ReceiverProgram): Promise<Receiver> {
  let running: Running;
  async function launch() {
    running = start(program, args, { LD_LIBRARY_PATH: unpackedLibraries() });
    const { child } = running;
    await until(`${program} listens`, () => {
      const isOver = child.exitCode !== null || child.signalCode !== null;
      if (isOver) throw new Error(`${program} ended: ${running.out()}${running.err()}`);
      return isOpen(port, isUdp);
    });
  }
  async function stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM") {
    running.child.kill(signal);
    await running.ended;
  }
  await launch();
  return {
    port,
    received: () => (existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : []),
    bytes: () => (existsSync(file) ? statSync(file).size : 0),
    async restart(signal) {
      await stop(signal);
      dropHalfLine(file);
      await launch();
    },
    stop,
    words: () => `${running.out()}${running.err()}`,
  };
}

/** The kernel ends a large write half-way when the writer is killed; the next line must not continue it. */
function dropHalfLine(file: string): void {
  if (existsSync(file)) truncateSync(file, readFileSync(file).lastIndexOf(0x0a) + 1);
}

/** Whether somebody listens on a port of 127.0.0.1, asked of the kernel so that the receiver sees no connection. */
function isOpen(port: number, isUdp: boolean): boolean {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  // sl local_address rem_address st …; 0A is LISTEN, 07 an unconnected UDP socket.
  return readFileSync(isUdp ? "/proc/net/udp" : "/proc/net/tcp", "utf8")
    .split("\n")
    .some((line) => {
      const [, at, , state] = line.trim().split(/\s+/);
      return at === local && state === (isUdp ? "07" : "0A");
    });
}

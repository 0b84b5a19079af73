import { constants } from "node:fs";
import { access, type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { Envelope, NonEmpty } from "../model/envelope.ts";
import { DeliveryError } from "../model/failure.ts";
import { encodeLine } from "./line.ts";
import { commonSettings, defineSink, type Sink } from "./sink.ts";

const Config = z.strictObject({
  path: z
    .string()
    .min(1)
    .describe(
      "File to append to. {tenant} and {date} (UTC, of the writing) may stand in it: ./out/{tenant}/{date}.ndjson",
    ),
  format: z
    .enum(["raw"])
    .default("raw")
    .describe("raw: one line of JSON an alert, the source's object under `event`."),
  sync: z.boolean().default(true).describe("Count an alert as delivered only after the disk has it (fsync)."),
  ...commonSettings({ maxAlerts: 1000, maxBytes: "4MB", linger: "0ms", concurrency: 1 }),
});
type Config = z.output<typeof Config>;

export const file = defineSink({
  type: "file",
  summary: "Newline-delimited JSON files, one line an alert.",
  Config,
  create: createFile,
});

/** The disk says so in these words when a person must act; all else (ENOSPC, EIO, EROFS) may pass. */
const SETUP_CODES = new Set([
  "EACCES",
  "EEXIST",
  "EISDIR",
  "ELOOP",
  "ENAMETOOLONG",
  "ENOENT",
  "ENOTDIR",
  "EPERM",
]);

function createFile(config: Config): Sink {
  // Appends to one file take turns: a line must not stand inside another.
  let turn: Promise<unknown> = Promise.resolve();

  async function write(envelopes: NonEmpty<Envelope>): Promise<number> {
    let bytes = 0;
    for (const [path, lines] of linesByPath(config.path, envelopes))
      bytes += await append(path, lines, config.sync);
    return bytes;
  }

  return {
    async deliver(envelopes, signal) {
      const mine = turn.then(() => {
        signal.throwIfAborted();
        return write(envelopes);
      });
      turn = mine.catch(() => undefined);
      try {
        return { bytes: await mine };
      } catch (cause) {
        signal.throwIfAborted();
        throw fileError(cause, config.path);
      }
    },
    async probe() {
      try {
        await proveWritable(config.path);
      } catch (cause) {
        throw fileError(cause, config.path);
      }
    },
    async close() {
      await turn;
    },
  };
}

function linesByPath(template: string, envelopes: NonEmpty<Envelope>): Map<string, string> {
  const lines = new Map<string, string>();
  for (const envelope of envelopes) {
    const path = pathFor(template, envelope);
    lines.set(path, (lines.get(path) ?? "") + encodeLine(envelope));
  }
  return lines;
}

/** A tenant id is `[a-z0-9-]` by the configuration's rules, so it cannot lead out of the folder. */
function pathFor(template: string, envelope: Envelope): string {
  return template
    .replaceAll("{tenant}", envelope.tenant.id)
    .replaceAll("{date}", new Date().toISOString().slice(0, 10));
}

async function append(path: string, lines: string, sync: boolean): Promise<number> {
  await mkdir(dirname(path), { recursive: true });
  // Opened anew each time, so that a file that was rotated away is not written to any more.
  const handle = await open(path, constants.O_RDWR | constants.O_APPEND | constants.O_CREAT, 0o640);
  try {
    const content = Buffer.from(`${(await endsInsideLine(handle)) ? "\n" : ""}${lines}`);
    // In one write where the disk takes it, since other processes may append to the same file.
    for (let at = 0; at < content.length; ) at += (await handle.write(content, at)).bytesWritten;
    if (sync) await handle.datasync();
    return content.length;
  } finally {
    await handle.close();
  }
}

/** How long a half line must stay as it is to be what a crash left, and not another writer's line in the making. */
const HALF_LINE_MS = 100;

/** A crash may have left half a line; the next one must not continue it. */
async function endsInsideLine(handle: FileHandle): Promise<boolean> {
  let size = -1;
  for (;;) {
    const before = size;
    ({ size } = await handle.stat());
    if (size === 0) return false;
    const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, size - 1);
    if (buffer[0] === 0x0a) return false;
    if (size === before) return true;
    await sleep(HALF_LINE_MS);
  }
}

/**
 * Creates nothing: asks for the file, or where it is not there yet for its folder. What a placeholder will name is
 * not known before a delivery.
 */
async function proveWritable(template: string): Promise<void> {
  const placeholder = template.indexOf("{");
  if (placeholder >= 0) return await proveFolder(dirname(`${template.slice(0, placeholder)}.`));
  try {
    await (await open(template, constants.O_WRONLY | constants.O_APPEND)).close();
  } catch (cause) {
    if (codeOf(cause) !== "ENOENT") throw cause;
    await proveFolder(dirname(template));
  }
}

/** The folder, or the nearest one above it that is there: a delivery creates the rest. */
async function proveFolder(path: string): Promise<void> {
  try {
    await access(`${path}/.`, constants.W_OK | constants.X_OK);
  } catch (cause) {
    const above = dirname(path);
    if (codeOf(cause) !== "ENOENT" || above === path) throw cause;
    await proveFolder(above);
  }
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && "code" in cause ? String(cause.code) : "unknown";
}

function fileError(cause: unknown, path: string): DeliveryError {
  const code = codeOf(cause);
  const kind = SETUP_CODES.has(code) ? "misconfigured" : "transient";
  return new DeliveryError(kind, `The file ${path} cannot be written (${code}).`, { cause, code });
}

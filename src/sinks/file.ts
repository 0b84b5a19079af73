import { constants } from "node:fs";
import { access, type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { FORMAT_NAMES, render } from "../formats/index.ts";
import type { Envelope, NonEmpty } from "../model/envelope.ts";
import { DeliveryError } from "../model/failure.ts";
import { ByteSize } from "../net/options.ts";
import { rotateBefore } from "./file-rotation.ts";
import { commonSettings, type Delivery, defineSink, type Sink, shortenedOf } from "./sink.ts";

const Config = z.strictObject({
  path: z
    .string()
    .min(1)
    .describe(
      "File to append to. {tenant}, {date} and {hour} (UTC, of the writing) may stand in it: ./out/{tenant}/{date}.ndjson",
    ),
  format: z
    .enum(FORMAT_NAMES)
    .default("raw")
    .describe("Notation of the lines, one an alert. raw: the source's object under `event`."),
  rotate: z
    .strictObject({
      maxBytes: ByteSize.prefault("100MB").describe(
        "Size beyond which a file is put aside, with the time behind its name. One request stays in one file.",
      ),
      keep: z.int().min(1).default(10).describe("How many files that were put aside stay; the oldest go."),
      compress: z
        .boolean()
        .default(true)
        .describe("Compress (gzip) files that were put aside, all but the newest."),
    })
    .optional()
    .describe("Put files aside by their size. Without it logrotate may do so, in any of its ways."),
  sync: z.boolean().default(true).describe("Count an alert as delivered only after the disk has it (fsync)."),
  ...commonSettings({ maxAlerts: 1000, maxBytes: "4MB", linger: "0ms", concurrency: 1 }),
});
type Config = z.output<typeof Config>;

export const file = defineSink({
  type: "file",
  summary: "Files of one line an alert, put aside by size where that is asked for.",
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

  // What stands in one file while another of the same request could not be written. The pipeline brings the same
  // objects again.
  const written = new WeakSet<Envelope>();

  async function write(envelopes: NonEmpty<Envelope>): Promise<Delivery> {
    let bytes = 0;
    const rendered = envelopes.map((envelope) => render(config.format, envelope, Number.POSITIVE_INFINITY));
    const textOf = new Map(envelopes.map((envelope, index) => [envelope, rendered[index]?.text]));
    for (const [path, group] of groupsByPath(config.path, envelopes)) {
      const missing = group.filter((envelope) => !written.has(envelope));
      if (missing.length > 0) {
        const lines = missing.map((envelope) => `${textOf.get(envelope)}\n`).join("");
        bytes += await append(path, lines, config);
      }
      for (const envelope of missing) written.add(envelope);
    }
    for (const envelope of envelopes) written.delete(envelope);
    return { bytes, shortened: shortenedOf(envelopes, rendered) };
  }

  return {
    async deliver(envelopes, signal) {
      const mine = turn.then(() => {
        signal.throwIfAborted();
        return write(envelopes);
      });
      turn = mine.catch(() => undefined);
      try {
        return await mine;
      } catch (cause) {
        signal.throwIfAborted();
        throw fileError(cause, config.path);
      }
    },
    async probe() {
      try {
        await proveWritable(config);
      } catch (cause) {
        throw fileError(cause, config.path);
      }
    },
    async close() {
      await turn;
    },
  };
}

function groupsByPath(template: string, envelopes: NonEmpty<Envelope>): Map<string, Envelope[]> {
  const now = new Date().toISOString();
  const groups = new Map<string, Envelope[]>();
  for (const envelope of envelopes) {
    // A tenant id is `[a-z0-9-]` by the configuration's rules, so it cannot lead out of the folder.
    const path = template
      .replaceAll("{tenant}", envelope.tenant.id)
      .replaceAll("{date}", now.slice(0, 10))
      .replaceAll("{hour}", now.slice(11, 13));
    const group = groups.get(path);
    if (group === undefined) groups.set(path, [envelope]);
    else group.push(envelope);
  }
  return groups;
}

async function append(path: string, lines: string, { sync, rotate }: Config): Promise<number> {
  const topmost = await mkdir(dirname(path), { recursive: true });
  if (rotate !== undefined) await rotateBefore(path, Buffer.byteLength(lines), rotate);
  // Opened anew each time, so that a file that was rotated away is not written to any more.
  const handle = await open(path, constants.O_RDWR | constants.O_APPEND | constants.O_CREAT, 0o640);
  try {
    const content = Buffer.from(`${(await endsInsideLine(handle)) ? "\n" : ""}${lines}`);
    const before = await handle.stat();
    await writeWhole(handle, content, before.size);
    if (sync) await handle.datasync();
    if (sync && before.size === 0 && before.isFile())
      await syncFolders(dirname(resolve(path)), resolve(topmost ?? path));
    return content.length;
  } finally {
    await handle.close();
  }
}

/**
 * A new file is on the disk only once its folder is, and a new folder once the one above it is.
 *
 * @param topmost the first that is new.
 */
async function syncFolders(folder: string, topmost: string): Promise<void> {
  try {
    const handle = await open(folder, constants.O_RDONLY);
    await handle.sync().finally(() => handle.close());
  } catch (cause) {
    // Not every file system can, nor may everybody who writes to a folder read it.
    if (codeOf(cause) === "EIO") throw cause;
  }
  const above = dirname(folder);
  if (folder.length >= topmost.length && above !== folder) await syncFolders(above, topmost);
}

/**
 * In one write where the disk takes it, since other processes may append to the same file. What was written before a
 * failure is taken back, so that the next try neither repeats whole lines nor follows half a one.
 *
 * @param size of the file before.
 */
async function writeWhole(handle: FileHandle, content: Buffer, size: number): Promise<void> {
  let written = 0;
  try {
    while (written < content.length) written += (await handle.write(content, written)).bytesWritten;
  } catch (cause) {
    // Only while nobody else has written behind it.
    if (written > 0 && (await handle.stat()).size === size + written)
      await handle.truncate(size).catch(() => undefined);
    throw cause;
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
async function proveWritable({ path: template, rotate }: Config): Promise<void> {
  const placeholder = template.indexOf("{");
  if (placeholder >= 0) return await proveFolder(dirname(`${template.slice(0, placeholder)}.`));
  if (rotate !== undefined) await proveFolder(dirname(template));
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

import { randomBytes } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";

/** When a file is put aside for a new one, and what becomes of it then. */
export interface Rotation {
  /** Bytes beyond which a file does not grow, unless one request alone is larger. */
  readonly maxBytes: number;
  /** How many files that were put aside stay. */
  readonly keep: number;
  readonly compress: boolean;
}

/** `.20261123T211946123Z-3f9a`: in the order of time, and never a name that another process chooses too. */
const STAMP = /\.(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z-[0-9a-f]{4}(\.gz)?$/;
/** A compressed file in the making. One that is this old was left behind by a crash. */
const PART = ".part";
const PART_IS_LEFT_MS = 3_600_000;

/**
 * Puts the file aside when `bytes` more would be too many. Other processes may do the same at the same time: nothing is
 * ever written over, at worst a small file is put aside too.
 */
export async function rotateBefore(path: string, bytes: number, rotation: Rotation): Promise<void> {
  const size = await sizeOf(path);
  if (size === 0 || size + bytes <= rotation.maxBytes) return;
  const time = timeAfter((await rotatedFrom(path)).at(-1))
    .toISOString()
    .replace(/[-:.]/g, "");
  await rename(path, `${path}.${time}-${randomBytes(2).toString("hex")}`).catch(unlessGone);
  await tidy(path, rotation);
}

/** What was put aside, the oldest first. */
async function rotatedFrom(path: string): Promise<string[]> {
  const folder = dirname(path);
  const name = basename(path);
  return (await readdir(folder))
    .filter((entry) => entry.startsWith(name) && entry.slice(name.length).search(STAMP) === 0)
    .sort()
    .map((entry) => join(folder, entry));
}

/** Later than the newest there is, also within its millisecond and after the clock was put back: the oldest go first. */
function timeAfter(newest = ""): Date {
  const [, year, month, day, hours, minutes, seconds, ms] = (STAMP.exec(newest) ?? []).map(Number);
  if (year === undefined) return new Date();
  const last = Date.UTC(year, (month ?? 1) - 1, day, hours, minutes, seconds, ms);
  return new Date(Math.max(Date.now(), last + 1));
}

/** Also finishes what a crash or a full disk kept an earlier rotation from. */
async function tidy(path: string, { keep, compress }: Rotation): Promise<void> {
  const rotated = await rotatedFrom(path);
  const kept = rotated.splice(-keep);
  for (const old of rotated) await rm(old, { force: true });
  if (!compress) return;
  // Not the newest: another process may have it open to append its lines.
  for (const file of kept.slice(0, -1)) if (!file.endsWith(".gz")) await compressFile(file);
}

async function compressFile(path: string): Promise<void> {
  const part = `${path}${PART}`;
  try {
    await pipeline(
      createReadStream(path),
      createGzip(),
      createWriteStream(part, { flags: "wx", mode: 0o640, flush: true }),
    );
  } catch (cause) {
    if (!hasCode(cause, "EEXIST")) {
      await rm(part, { force: true });
      return unlessGone(cause);
    }
    // Another process is at it, or was until it crashed; then the next rotation tries again.
    const { mtimeMs } = await stat(part);
    if (mtimeMs < Date.now() - PART_IS_LEFT_MS) await rm(part, { force: true });
    return;
  }
  await rename(part, `${path}.gz`);
  await rm(path, { force: true });
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (cause) {
    unlessGone(cause);
    return 0;
  }
}

/** Another process was quicker. */
function unlessGone(cause: unknown): void {
  if (!hasCode(cause, "ENOENT")) throw cause;
}

function hasCode(cause: unknown, code: string): boolean {
  return cause instanceof Error && "code" in cause && cause.code === code;
}

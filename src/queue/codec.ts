import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import zlib from "node:zlib";
import type { QueuedAlert } from "../model/batch.ts";
import { letGo, take } from "../model/memory.ts";
import { packedPiece, wholePiece } from "../model/pieces.ts";

/**
 * How alerts lie in Redis while they wait: their facts as one line of JSON, then their own bytes, compressed, and
 * sealed when a key is given. The first bytes say how: format, codec, whether it is sealed, and (four bytes, big-endian) how
 * long it is unpacked. Format 1 lacks that, and gives the length of an alert in UTF-16 units instead of bytes.
 */
const FORMAT = 2;
const LENGTHS_IN_UNITS = 1;
const HEAD_BYTES = { [FORMAT]: 7, [LENGTHS_IN_UNITS]: 3 } as const;
const CODECS = { deflate: 1, zstd: 2 } as const;
const SEALED = { no: 0, yes: 1 } as const;
const IV_BYTES = 12;
const TAG_BYTES = 16;

const deflate = promisify(zlib.deflateRaw);
const inflate = promisify(zlib.inflateRaw);
interface Pieces {
  readonly chunkSize: number;
}
const LARGEST_PIECE = 16_777_216;
/** The types of the oldest Node we run on do not know zstd. */
type Pack = (
  input: Buffer,
  options: Pieces & { readonly params?: Readonly<Record<number, number>> },
  done: (error: Error | null, output: Buffer) => void,
) => void;
const { zstdCompress, zstdDecompress } = zlib as { zstdCompress?: Pack; zstdDecompress?: Pack };
/**
 * ZSTD_c_compressionLevel of zstd.h, and the level: on alerts 1 packs as closely as the default of 3, in half the time.
 */
const FAST_ZSTD = { 100: 1 };
/** Node has it from 22.15 on; on alerts it is faster than deflate and packs closer. */
const zstd =
  zstdCompress && zstdDecompress
    ? { compress: promisify(zstdCompress), decompress: promisify(zstdDecompress) }
    : undefined;

export interface Codec {
  /**
   * @param name the batch or dead letter; a sealed content opens under its own name only.
   * @returns what Redis is given, and the alerts in memory of their own, which keeps no page in memory.
   */
  encode(
    alerts: readonly QueuedAlert[],
    name: string,
  ): Promise<{ readonly content: Buffer; readonly own: readonly QueuedAlert[] }>;
  /** @throws Error that says what to do, when this process lacks the key or the codec. */
  decode(content: Buffer, name: string): Promise<QueuedAlert[]>;
}

/** @param key 32 bytes for AES-256-GCM, or undefined. */
export function createCodec(key: Buffer | undefined): Codec {
  return {
    async encode(alerts, name) {
      const facts = alerts.map(({ raw, ...rest }) => ({ ...rest, length: raw.length }));
      const plain = oneBehindTheOther(
        `${JSON.stringify(facts)}\n`,
        alerts.map(({ raw }) => raw),
      );
      const pieces = { chunkSize: packedPiece(plain.length) };
      const packed =
        zstd === undefined
          ? await deflate(plain, { level: 1, ...pieces })
          : await zstd.compress(plain, { params: FAST_ZSTD, ...pieces });
      const codec = zstd === undefined ? CODECS.deflate : CODECS.zstd;
      const head = Buffer.from([FORMAT, codec, key ? SEALED.yes : SEALED.no, 0, 0, 0, 0]);
      head.writeUInt32BE(plain.length, 3);
      const content = key === undefined ? [head, packed] : [head, ...seal(packed, key, [name, head])];
      return { content: Buffer.concat(content), own: unpack(plain, facts) };
    },

    async decode(content, name) {
      const head = headOf(content, name);
      const { format, codec, isSealed, length } = head;
      let packed = content.subarray(head.bytes.length);
      if (isSealed) {
        if (key === undefined)
          throw new Error(`Batch ${name} is encrypted: set queue.encryptionKey to its key.`);
        packed = open(packed, key, name, format === FORMAT ? [name, head.bytes] : [name]);
      }
      const plain = await expand(codec, packed, name, { chunkSize: wholePiece(length) });
      return format === FORMAT ? unpack(plain) : unpackUnits(String(plain));
    },
  };
}

/** @throws Error when it is of a version that we do not know. */
function headOf(content: Buffer, name: string) {
  const [format, codec, sealed] = content;
  if (format !== FORMAT && format !== LENGTHS_IN_UNITS)
    throw new Error(
      `Batch ${name} has format ${format}; this version reads up to ${FORMAT}. Run the version that wrote it.`,
    );
  const bytes = content.subarray(0, HEAD_BYTES[format]);
  // Only a hint: a wrong one costs memory or time, and nothing else.
  const length = format === FORMAT ? Math.min(bytes.readUInt32BE(3), LARGEST_PIECE) : 0;
  return { format, codec, isSealed: sealed === SEALED.yes, length, bytes };
}

async function expand(
  codec: number | undefined,
  packed: Buffer,
  name: string,
  pieces: Pieces,
): Promise<Buffer> {
  if (codec === CODECS.deflate) return await inflate(packed, pieces);
  if (codec === CODECS.zstd && zstd !== undefined) return await zstd.decompress(packed, pieces);
  throw new Error(
    codec === CODECS.zstd
      ? `Batch ${name} is compressed with zstd, which needs Node.js 22.15 or newer.`
      : `Batch ${name} is compressed in a way (${codec}) that this version does not know.`,
  );
}

function oneBehindTheOther(line: string, raws: readonly Buffer[]): Buffer {
  const lineBytes = Buffer.byteLength(line);
  const plain = take(raws.reduce((sum, raw) => sum + raw.length, lineBytes));
  plain.write(line);
  let at = lineBytes;
  for (const raw of raws) at += raw.copy(plain, at);
  return plain;
}

type Facts = Omit<QueuedAlert, "raw"> & { readonly length: number };

/** The alerts behind the line of facts. */
function unpack(plain: Buffer, known?: readonly Facts[]): QueuedAlert[] {
  const end = plain.indexOf("\n");
  const facts = known ?? (JSON.parse(plain.toString("utf8", 0, end)) as Facts[]);
  let at = end + 1;
  return facts.map(({ length, ...rest }) => {
    const raw = plain.subarray(at, at + length);
    at += length;
    return { ...rest, raw };
  });
}

function unpackUnits(plain: string): QueuedAlert[] {
  const end = plain.indexOf("\n");
  const facts = JSON.parse(plain.slice(0, end)) as Facts[];
  let at = end + 1;
  return facts.map(({ length, ...rest }) => {
    const raw = Buffer.from(plain.slice(at, at + length));
    at += length;
    return { ...rest, raw };
  });
}

/** @param under what the content opens under only: its name, and from format 2 on its head. */
function seal(packed: Buffer, key: Buffer, under: readonly (string | Buffer)[]): Buffer[] {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, iv).setAAD(joined(under));
  const body = Buffer.concat([cipher.update(packed), cipher.final()]);
  return [iv, cipher.getAuthTag(), body];
}

function joined(parts: readonly (string | Buffer)[]): Buffer {
  return Buffer.concat(parts.map((part) => Buffer.from(part)));
}

function open(content: Buffer, key: Buffer, name: string, under: readonly (string | Buffer)[]): Buffer {
  const iv = content.subarray(0, IV_BYTES);
  const tag = content.subarray(IV_BYTES, IV_BYTES + TAG_BYTES);
  const decipher = createDecipheriv("aes-256-gcm", key, iv).setAAD(joined(under)).setAuthTag(tag);
  try {
    return Buffer.concat([decipher.update(content.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]);
  } catch (cause) {
    throw new Error(
      `Batch ${name} cannot be opened: queue.encryptionKey is not the key it was sealed with.`,
      { cause },
    );
  }
}

/** Gives back the memory of alerts that came from a codec together, and share one. */
export function letGoOf([first]: readonly QueuedAlert[]): void {
  if (first !== undefined) letGo(first.raw);
}

/** What a batch takes in Redis besides its content: its keys, its entries elsewhere, and its job. */
const BATCH_OVERHEAD_BYTES = 1200;
const BYTES_PER_ALERT = 12;

/** About what a batch takes in Redis. */
export function storedBytes(head: string, body: Buffer, alerts: number): number {
  return Buffer.byteLength(head) + body.length + alerts * BYTES_PER_ALERT + BATCH_OVERHEAD_BYTES;
}

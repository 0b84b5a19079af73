import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import zlib from "node:zlib";
import type { QueuedAlert } from "../model/batch.ts";

/**
 * How alerts lie in Redis while they wait: their facts as one line of JSON, then their own bytes, compressed, and
 * sealed when a key is given. The first bytes say how: format, codec, and whether it is sealed. Format 1 gives the length
 * of an alert in UTF-16 units, format 2 in bytes.
 */
const FORMAT = 2;
const LENGTHS_IN_UNITS = 1;
const CODECS = { deflate: 1, zstd: 2 } as const;
const SEALED = { no: 0, yes: 1 } as const;
const IV_BYTES = 12;
const TAG_BYTES = 16;

const deflate = promisify(zlib.deflateRaw);
const inflate = promisify(zlib.inflateRaw);
/** The types of the oldest Node we run on do not know zstd. */
type Pack = (input: Buffer, done: (error: Error | null, output: Buffer) => void) => void;
const { zstdCompress, zstdDecompress } = zlib as { zstdCompress?: Pack; zstdDecompress?: Pack };
/** Node has it from 22.15 on; on alerts it is faster than deflate and packs closer. */
const zstd =
  zstdCompress && zstdDecompress
    ? { compress: promisify(zstdCompress), decompress: promisify(zstdDecompress) }
    : undefined;

export interface Codec {
  /** @param name the batch or dead letter; a sealed content opens under its own name only. */
  encode(alerts: readonly QueuedAlert[], name: string): Promise<Buffer>;
  /** @throws Error that says what to do, when this process lacks the key or the codec. */
  decode(content: Buffer, name: string): Promise<QueuedAlert[]>;
}

/** @param key 32 bytes for AES-256-GCM, or undefined. */
export function createCodec(key: Buffer | undefined): Codec {
  return {
    async encode(alerts, name) {
      const facts = alerts.map(({ raw, ...rest }) => ({ ...rest, length: raw.length }));
      const plain = Buffer.concat([
        Buffer.from(`${JSON.stringify(facts)}\n`),
        ...alerts.map((alert) => alert.raw),
      ]);
      const packed = zstd === undefined ? await deflate(plain, { level: 1 }) : await zstd.compress(plain);
      const head = Buffer.from([
        FORMAT,
        zstd === undefined ? CODECS.deflate : CODECS.zstd,
        key ? SEALED.yes : SEALED.no,
      ]);
      return Buffer.concat(key === undefined ? [head, packed] : [head, ...seal(packed, key, name)]);
    },

    async decode(content, name) {
      const [format, codec, sealed] = content;
      if (format !== FORMAT && format !== LENGTHS_IN_UNITS)
        throw new Error(`Batch ${name} has format ${format}; this version reads up to ${FORMAT}.`);
      let packed = content.subarray(3);
      if (sealed === SEALED.yes) {
        if (key === undefined)
          throw new Error(`Batch ${name} is encrypted: set queue.encryptionKey to its key.`);
        packed = open(packed, key, name);
      }
      const plain = await expand(codec, packed, name);
      return format === FORMAT ? unpack(plain) : unpackUnits(String(plain));
    },
  };
}

async function expand(codec: number | undefined, packed: Buffer, name: string): Promise<Buffer> {
  if (codec === CODECS.deflate) return await inflate(packed);
  if (codec === CODECS.zstd && zstd !== undefined) return await zstd.decompress(packed);
  throw new Error(
    codec === CODECS.zstd
      ? `Batch ${name} is compressed with zstd, which needs Node.js 22.15 or newer.`
      : `Batch ${name} is compressed in a way (${codec}) that this version does not know.`,
  );
}

type Facts = Omit<QueuedAlert, "raw"> & { readonly length: number };

function unpack(plain: Buffer): QueuedAlert[] {
  const end = plain.indexOf("\n");
  const facts = JSON.parse(plain.toString("utf8", 0, end)) as Facts[];
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

function seal(packed: Buffer, key: Buffer, name: string): Buffer[] {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from(name));
  const body = Buffer.concat([cipher.update(packed), cipher.final()]);
  return [iv, cipher.getAuthTag(), body];
}

function open(content: Buffer, key: Buffer, name: string): Buffer {
  const iv = content.subarray(0, IV_BYTES);
  const tag = content.subarray(IV_BYTES, IV_BYTES + TAG_BYTES);
  const decipher = createDecipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from(name)).setAuthTag(tag);
  try {
    return Buffer.concat([decipher.update(content.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]);
  } catch (cause) {
    throw new Error(
      `Batch ${name} cannot be opened: queue.encryptionKey is not the key it was sealed with.`,
      { cause },
    );
  }
}

/** What a batch takes in Redis besides its content: its keys, its entries elsewhere, and its job. */
const BATCH_OVERHEAD_BYTES = 1200;
const BYTES_PER_ALERT = 12;

/** About what a batch takes in Redis. */
export function storedBytes(head: string, body: Buffer, alerts: number): number {
  return Buffer.byteLength(head) + body.length + alerts * BYTES_PER_ALERT + BATCH_OVERHEAD_BYTES;
}

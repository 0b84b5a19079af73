import type { Readable } from "node:stream";
import { promisify } from "node:util";
import { inflateRaw, unzip } from "node:zlib";
import { letGo, take } from "../model/memory.ts";
import { packedPiece, plainBytesOf, wholePiece } from "../model/pieces.ts";
import { ownTurn } from "../model/turns.ts";
import type { Visit } from "./room.ts";

/** An answer that comes more slowly than this keeps no more room than what has come of it. */
const SLOW_MS = 1000;
/** What gzip begins with (RFC 1952, ID1 and ID2). */
const GZIP = 0x1f8b;
/** The least that is gzip: ten bytes before what is packed, and eight behind it. */
const LEAST_GZIP = 18;

/** More bytes came than an answer may have. */
export class TooLarge extends Error {
  override readonly name = "TooLarge";
}

interface Incoming {
  readonly stream: Readable;
  /** Bytes on the wire, where the answer says so. */
  readonly length: number | undefined;
  /** Whether it is compressed, by gzip or zlib's deflate. */
  readonly isPacked: boolean;
}

interface Terms {
  /** After decompression. */
  readonly mostBytes: number;
  readonly visit: Visit;
  readonly limit: {
    readonly signal: AbortSignal;
    standStill(pause: Promise<void>): Promise<void>;
  };
}

/**
 * Receives the body of a large answer into one buffer, once there is room for it. Until then the connection is not read,
 * and the other side waits. The visit gives the memory back.
 *
 * @throws TooLarge, the signal's reason, or what the connection or zlib throws.
 */
export async function receive({ stream, length, isPacked }: Incoming, terms: Terms): Promise<Buffer> {
  const { mostBytes, visit, limit } = terms;
  const usual = visit.usualBytes;
  const expected = Math.min(isPacked ? usual : (length ?? usual), mostBytes);
  await limit.standStill(visit.enter(expected, limit.signal));
  let held = expected;
  const hold = (bytes: number) => {
    visit.change(bytes - held);
    held = bytes;
  };
  const onWire = length ?? (isPacked ? packedPiece(usual) : usual);
  const writer = new Writer(Math.min(onWire, mostBytes), mostBytes);
  const slow = setTimeout(() => hold(writer.length), SLOW_MS);
  try {
    for await (const piece of stream as AsyncIterable<Buffer>) writer.write(piece);
    const wire = writer.written();
    const body = isPacked && wire.length > 0 ? await unpacked(wire, mostBytes) : wire;
    if (body !== wire) letGo(wire);
    hold(body.length);
    visit.keep(body);
    await ownTurn();
    return body;
  } catch (cause) {
    hold(0);
    throw cause;
  } finally {
    clearTimeout(slow);
  }
}

/** Puts pieces one behind the other, so that none of them is kept. */
class Writer {
  length = 0;
  readonly #expected: number;
  readonly #most: number;
  #buffer: Buffer = Buffer.alloc(0);

  constructor(expected: number, most: number) {
    this.#expected = expected;
    this.#most = most;
  }

  /** @throws TooLarge */
  write(piece: Buffer): void {
    const end = this.length + piece.length;
    if (end > this.#most) throw new TooLarge();
    if (end > this.#buffer.length) this.#grow(end);
    piece.copy(this.#buffer, this.length);
    this.length = end;
  }

  written(): Buffer {
    return this.#buffer.subarray(0, this.length);
  }

  /** What comes in one piece takes just its own space: most answers hold nothing new. */
  #grow(end: number): void {
    const wanted = this.length === 0 ? end : Math.max(end, this.#expected, 2 * this.#buffer.length);
    const larger = take(wanted);
    this.#buffer.copy(larger, 0, 0, this.length);
    letGo(this.#buffer);
    this.#buffer = larger;
  }
}

/** In one piece, since each is a call from another thread. @throws TooLarge, and what zlib throws. */
async function unpacked(wire: Buffer, mostBytes: number): Promise<Buffer> {
  const head = wire.length < 2 ? 0 : wire.readUInt16BE(0);
  const isGzip = head === GZIP && wire.length >= LEAST_GZIP;
  // What the last four bytes of gzip say (RFC 1952, ISIZE); a guess where it is something else.
  const length = isGzip ? wire.readUInt32LE(wire.length - 4) : plainBytesOf(wire.length);
  // Some send deflate without its frame, whose first two bytes are known (RFC 1950, CM and FCHECK).
  const isFramed = (head & 0x0f00) === 0x0800 && head % 31 === 0;
  const unpack = promisify(isGzip || isFramed ? unzip : inflateRaw);
  try {
    return await unpack(wire, {
      chunkSize: wholePiece(Math.min(length, mostBytes)),
      maxOutputLength: mostBytes,
    });
  } catch (cause) {
    if (cause instanceof RangeError) throw new TooLarge();
    throw cause;
  }
}

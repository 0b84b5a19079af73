/**
 * Large buffers that are used once more instead of being left to V8's collector. It counts what lies outside of its heap in
 * steps of some 64 MB, and goes through all of the heap each time; and the system fills each new page of memory with zeros. A
 * page of alerts that is given back costs a tenth of the time and of the memory of one that is not.
 *
 * What is given back is taken away from whoever still looks into it: that finds nothing (length 0), never another's bytes.
 * Node.js before 22 cannot do that (`ArrayBuffer.prototype.transfer`); there all is left to the collector.
 */

/** What lies unused at most, bytes. */
const MOST_UNUSED = 24_000_000;
/** What nobody has asked for by then goes back to the system. */
const UNUSED_MS = 5000;
/** Smaller ones are not worth keeping. */
const LEAST_BYTES = 131_072;
/** What others have made, such as zlib, and is smaller, may be a part of a block that Node shares out. */
const LEAST_FOREIGN_BYTES = 1_000_000;
/** Sizes from one power of two to the next: few, so that what was one thing's fits another. */
const STEPS = 2;
/** A buffer is used again for no less than this share of it. */
const USED_SHARE = 0.4;

/** ECMAScript 2024; the types of the oldest Node we run on do not know it. */
interface Transferable extends ArrayBuffer {
  readonly transfer?: (length?: number) => ArrayBuffer;
}

/** What was made here, and is nobody else's. */
const ours = new WeakSet<ArrayBufferLike>();
/** The smallest first. */
const unused: ArrayBuffer[] = [];
let unusedBytes = 0;
let willTrim = false;

/** A buffer with whatever was in it before, for `letGo` to take back. */
export function take(bytes: number): Buffer {
  if (bytes < LEAST_BYTES) return Buffer.allocUnsafeSlow(bytes);
  const index = unused.findIndex(({ byteLength }) => byteLength >= bytes);
  const memory = unused[index];
  if (memory === undefined || memory.byteLength * USED_SHARE > bytes) {
    const made = Buffer.allocUnsafeSlow(sizeFor(bytes));
    ours.add(made.buffer);
    return made.subarray(0, bytes);
  }
  unused.splice(index, 1);
  unusedBytes -= memory.byteLength;
  return Buffer.from(memory, 0, bytes);
}

/**
 * Gives the memory of a buffer back at once. Whoever calls it has the only right to all of that memory, also where the
 * buffer is a part of it.
 */
export function letGo(buffer: Buffer): void {
  const memory: Transferable = buffer.buffer as ArrayBuffer;
  const size = memory.byteLength;
  if (memory.transfer === undefined) return;
  const isOurs = ours.delete(memory);
  if (!isOurs && size < LEAST_FOREIGN_BYTES) return;
  // What others have made is of any size, and would fit nothing.
  if (!isOurs || unusedBytes + size > MOST_UNUSED) {
    memory.transfer(0);
    return;
  }
  const larger = unused.findIndex(({ byteLength }) => byteLength > size);
  const taken = memory.transfer();
  ours.add(taken);
  unused.splice(larger < 0 ? unused.length : larger, 0, taken);
  unusedBytes += size;
  if (!willTrim) setTimeout(trim, UNUSED_MS).unref();
  willTrim = true;
}

/** All of it, since what is needed is soon there again. */
function trim(): void {
  unused.length = 0;
  unusedBytes = 0;
  willTrim = false;
}

/** What is not written to takes no memory, so a size may be ample. */
function sizeFor(bytes: number): number {
  const step = 2 ** Math.floor(Math.log2(bytes)) / STEPS;
  return Math.ceil(bytes / step) * step;
}

/** Node's own size of a piece of output. */
const LEAST_PIECE = 16_384;
/** Alerts pack to less than this share. */
const PACKED_SHARE = 1 / 4;
/** A piece that is filled to the last byte is followed by another that is empty. */
const SLACK = 64;

/**
 * How large the pieces are to be in which zlib gives out packed alerts, so that mostly one holds all: each piece is a call
 * from another thread, and with Node's own size a batch comes in hundreds.
 */
export function packedPiece(plainBytes: number): number {
  return Math.max(LEAST_PIECE, Math.ceil(plainBytes * PACKED_SHARE));
}

/** How large a piece is to be that holds all of what comes of unpacking. */
export function wholePiece(plainBytes: number): number {
  return Math.max(LEAST_PIECE, plainBytes + SLACK);
}

/** About how long something is, packed to so many bytes. */
export function plainBytesOf(packedBytes: number): number {
  return Math.ceil(packedBytes / PACKED_SHARE);
}

/** Node's own size of a piece of output. */
export const LEAST_PIECE = 16_384;
/** Alerts pack to less than this share. */
const PACKED_SHARE = 1 / 3;

/**
 * How large the pieces are to be in which zlib gives out packed alerts, so that mostly one holds all: each piece is a call
 * from another thread, and with Node's own size a batch comes in hundreds.
 */
export function packedPiece(plainBytes: number): number {
  return Math.max(LEAST_PIECE, Math.ceil(plainBytes * PACKED_SHARE));
}

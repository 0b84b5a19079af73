import type { QueuedAlert } from "../model/batch.ts";
import { letGoOf } from "./codec.ts";

/** What is kept at most, in bytes of the alerts' own texts. */
const MOST_BYTES = 16_000_000;
/** Of one sink: from here on whoever brings more for it waits. */
const FULL_BYTES = 8_000_000;
/** So long one waits for a sink at most: one that needs more is slow, and Redis keeps what comes for it. */
const PATIENCE_MS = 100;
const SLOW_FOR_MS = 1000;
/** What nobody has asked for by then waits for its sink, or is another process's to deliver. */
const KEPT_MS = 5000;

interface Kept {
  readonly sink: string;
  readonly alerts: readonly QueuedAlert[];
  readonly bytes: number;
  readonly untilMs: number;
}

/** What is kept for one sink. */
interface Share {
  bytes: number;
  slowUntilMs: number;
  waiting: (() => void)[];
}

/**
 * The content of batches that this process has sealed a moment ago. It mostly delivers them itself, and need not fetch and
 * unpack again what it has just packed and stored. Whether a batch still waits, and its numbers, are asked of Redis all
 * the same. The oldest are kept, since they are delivered first.
 */
export class WarmBatches {
  readonly #kept = new Map<string, Kept>();
  readonly #shares = new Map<string, Share>();
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;

  /**
   * Holds up, for a moment, whoever would bring more for a sink than it takes: what finds no room here has to be fetched
   * and unpacked again. A sink that is slow or rests costs the others next to nothing.
   */
  async room(sink: string): Promise<void> {
    const share = this.#shareOf(sink);
    const patientUntilMs = performance.now() + PATIENCE_MS;
    while (share.bytes >= FULL_BYTES) {
      const now = performance.now();
      if (now >= patientUntilMs) share.slowUntilMs = now + SLOW_FOR_MS;
      if (now < share.slowUntilMs) return;
      await oneOf(share.waiting, patientUntilMs - now);
    }
  }

  /** @returns false where there is no room for it. */
  keep(id: string, sink: string, alerts: readonly QueuedAlert[]): boolean {
    const bytes = alerts.reduce((sum, { raw }) => sum + raw.length, 0);
    if (this.#bytes + bytes > MOST_BYTES || this.#kept.has(id)) return false;
    this.#kept.set(id, { sink, alerts, bytes, untilMs: performance.now() + KEPT_MS });
    this.#bytes += bytes;
    this.#shareOf(sink).bytes += bytes;
    this.#timer ??= setTimeout(() => this.#forgetOld(), KEPT_MS).unref();
    return true;
  }

  /** The content, which is forgotten with that; undefined when it is not here. */
  take(id: string): readonly QueuedAlert[] | undefined {
    const found = this.#kept.get(id);
    if (found === undefined) return undefined;
    this.#remove(id, found);
    return found.alerts;
  }

  #shareOf(sink: string): Share {
    const share = this.#shares.get(sink) ?? { bytes: 0, slowUntilMs: 0, waiting: [] };
    this.#shares.set(sink, share);
    return share;
  }

  #remove(id: string, { sink, bytes }: Kept): void {
    const share = this.#shareOf(sink);
    this.#kept.delete(id);
    this.#bytes -= bytes;
    share.bytes -= bytes;
    for (const next of share.waiting.splice(0)) next();
  }

  #forgetOld(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const [id, old] of this.#kept) {
      if (old.untilMs > now) continue;
      this.#remove(id, old);
      letGoOf(old.alerts);
    }
    if (this.#kept.size > 0) this.#timer = setTimeout(() => this.#forgetOld(), KEPT_MS).unref();
  }
}

/** Resolves when it is called, or after a time. */
async function oneOf(waiting: (() => void)[], ms: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    waiting.push(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

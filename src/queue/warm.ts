import type { QueuedAlert } from "../model/batch.ts";

/** What is kept at most, in bytes of the alerts' own texts. */
const MOST_BYTES = 16_000_000;
/** What nobody has asked for by then waits for its sink, or is another process's to deliver. */
const KEPT_MS = 5000;

interface Kept {
  readonly alerts: readonly QueuedAlert[];
  readonly bytes: number;
  readonly untilMs: number;
}

/**
 * The content of batches that this process has sealed a moment ago. It mostly delivers them itself, and need not fetch and
 * unpack again what it has just packed and stored. Whether a batch still waits, and its numbers, are asked of Redis all
 * the same. The oldest are kept, since they are delivered first.
 */
export class WarmBatches {
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;

  keep(id: string, alerts: readonly QueuedAlert[]): void {
    const bytes = alerts.reduce((sum, { raw }) => sum + raw.length, 0);
    if (this.#bytes + bytes > MOST_BYTES) return;
    this.take(id);
    this.#kept.set(id, { alerts, bytes, untilMs: performance.now() + KEPT_MS });
    this.#bytes += bytes;
    this.#timer ??= setTimeout(() => this.#forgetOld(), KEPT_MS).unref();
  }

  /** The content, which is forgotten with that; undefined when it is not here. */
  take(id: string): readonly QueuedAlert[] | undefined {
    const found = this.#kept.get(id);
    if (found === undefined) return undefined;
    this.#kept.delete(id);
    this.#bytes -= found.bytes;
    return found.alerts;
  }

  #forgetOld(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const [id, { untilMs }] of this.#kept) if (untilMs <= now) this.take(id);
    if (this.#kept.size > 0) this.#timer = setTimeout(() => this.#forgetOld(), KEPT_MS).unref();
  }
}

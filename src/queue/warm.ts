import type { QueuedAlert } from "../model/batch.ts";
import { letGoOf } from "./codec.ts";

/** From here on whoever brings more waits, in bytes of the alerts' own texts; and what is kept at most. */
const FULL_BYTES = 8_000_000;
const MOST_BYTES = 2 * FULL_BYTES;
/** So long there is no waiting after something was taken last: then the sinks are in trouble, and Redis keeps it. */
const FLOWING_MS = 500;
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
  readonly #waiting: (() => void)[] = [];
  #bytes = 0;
  #takenAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  /** Holds up whoever would bring more than is taken, as long as something is. */
  async room(): Promise<void> {
    while (this.#bytes >= FULL_BYTES && performance.now() - this.#takenAt < FLOWING_MS) {
      const timer = setTimeout(() => this.#letIn(), FLOWING_MS);
      await new Promise<void>((next) => this.#waiting.push(next));
      clearTimeout(timer);
    }
  }

  #letIn(): void {
    for (const next of this.#waiting.splice(0)) next();
  }

  /** @returns false where there is no room for it. */
  keep(id: string, alerts: readonly QueuedAlert[]): boolean {
    const bytes = alerts.reduce((sum, { raw }) => sum + raw.length, 0);
    if (this.#bytes + bytes > MOST_BYTES || this.#kept.has(id)) return false;
    this.#kept.set(id, { alerts, bytes, untilMs: performance.now() + KEPT_MS });
    this.#bytes += bytes;
    this.#timer ??= setTimeout(() => this.#forgetOld(), KEPT_MS).unref();
    return true;
  }

  /** The content, which is forgotten with that; undefined when it is not here. */
  take(id: string): readonly QueuedAlert[] | undefined {
    const found = this.#kept.get(id);
    if (found === undefined) return undefined;
    this.#takenAt = performance.now();
    this.#remove(id, found);
    return found.alerts;
  }

  #remove(id: string, { bytes }: Kept): void {
    this.#kept.delete(id);
    this.#bytes -= bytes;
    this.#letIn();
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

import { letGo } from "../model/memory.ts";

/** What an answer takes where it does not say so, bytes: until others have come. */
const FIRST_GUESS = 1_000_000;

interface Waiting {
  readonly bytes: number;
  readonly enter: () => void;
}

/**
 * The memory for answers that one process receives at once, so that it is bound by the configuration and not by how many
 * sources answer in the same moment. Answers are let in by turns: who finds no room leaves its answer in the connection, where
 * the other side waits. One that is larger than all of the room is let in alone.
 */
export class Room {
  readonly #mostBytes: number;
  readonly #waiting: Waiting[] = [];
  #taken = 0;
  #usual = FIRST_GUESS;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** For the answers that are needed at the same time. */
  visit(): Visit {
    return new Visit(this);
  }

  /** What an answer is likely to take that does not say so. */
  get usualBytes(): number {
    return this.#usual;
  }

  /** @throws the signal's reason */
  async enter(bytes: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#waiting.length === 0 && this.#hasRoomFor(bytes)) {
      this.#taken += bytes;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const gaveUp = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(signal.reason);
        this.#letIn();
      };
      const waiting = {
        bytes,
        enter: () => {
          signal.removeEventListener("abort", gaveUp);
          resolve();
        },
      };
      this.#waiting.push(waiting);
      signal.addEventListener("abort", gaveUp, { once: true });
    });
  }

  /** Takes more, or less, without waiting. */
  change(bytes: number): void {
    this.#taken += bytes;
    if (bytes < 0) this.#letIn();
  }

  /** An answer has come whole. The guess follows it, at once to what is larger. */
  learn(bytes: number): void {
    this.#usual = Math.max(bytes, Math.round((this.#usual + bytes) / 2));
  }

  #letIn(): void {
    for (
      let next = this.#waiting[0];
      next !== undefined && this.#hasRoomFor(next.bytes);
      next = this.#waiting[0]
    ) {
      this.#waiting.shift();
      this.#taken += next.bytes;
      next.enter();
    }
  }

  #hasRoomFor(bytes: number): boolean {
    return this.#taken === 0 || this.#taken + bytes <= this.#mostBytes;
  }
}

/**
 * Answers that are needed together, until `leave`. Only the first one waits for room: who waited with one in hand could wait
 * for others that do the same.
 */
export class Visit {
  readonly #room: Room;
  readonly #kept: Buffer[] = [];
  #bytes = 0;

  constructor(room: Room) {
    this.#room = room;
  }

  get usualBytes(): number {
    return this.#room.usualBytes;
  }

  /** @throws the signal's reason */
  async enter(bytes: number, signal: AbortSignal): Promise<void> {
    if (this.#bytes > 0) this.#room.change(bytes);
    else await this.#room.enter(bytes, signal);
    this.#bytes += bytes;
  }

  /** What was expected has turned out to be so much less, or more. */
  change(bytes: number): void {
    this.#room.change(bytes);
    this.#bytes += bytes;
  }

  /** Keeps an answer until `leave`. */
  keep(answer: Buffer): void {
    this.#kept.push(answer);
    this.#room.learn(answer.length);
  }

  /** Gives back the memory of all its answers. It may be used again. */
  leave(): void {
    for (const answer of this.#kept.splice(0)) letGo(answer);
    this.#room.change(-this.#bytes);
    this.#bytes = 0;
  }
}

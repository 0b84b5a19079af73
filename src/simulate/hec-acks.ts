import type { Faulty } from "./take-fault.ts";

/** What happens to polls for acknowledgements; `reset` loses the answer after `true` has been told. */
type AckFault = { times?: number; readonly kind: "busy" | "bad-gateway" | "hang" | "reset" };

/** What becomes of accepted events before the indexer acknowledges them. */
export interface AckRules extends Faulty<AckFault> {
  /** How long indexing takes. */
  delayMs: number;
  /** `never`: stored, but the acknowledgement does not come. `lost`: neither stored nor acknowledged. */
  mode: "indexed" | "never" | "lost";
}

/** The acknowledgements of all channels: numbers from 0 in each, and `true` told only once. */
export interface Acks {
  /** Takes the next number of a channel. */
  next(channel: string, rules: AckRules, now: number): number;
  ask(channel: string, ids: readonly number[], now: number): Record<string, boolean>;
  /** Numbers given out and not yet told as true. */
  readonly open: number;
  clear(): void;
}

export function createAcks(): Acks {
  const channels = new Map<string, { next: number; readonly indexedAt: Map<number, number> }>();
  return {
    next: (channel, rules, now) => {
      const state = channels.get(channel) ?? { next: 0, indexedAt: new Map<number, number>() };
      channels.set(channel, state);
      const id = state.next++;
      state.indexedAt.set(id, rules.mode === "indexed" ? now + rules.delayMs : Number.POSITIVE_INFINITY);
      return id;
    },
    ask: (channel, ids, now) => {
      const indexedAt = channels.get(channel)?.indexedAt;
      const answers: Record<string, boolean> = {};
      for (const id of ids) {
        const indexed = (indexedAt?.get(id) ?? Number.POSITIVE_INFINITY) <= now;
        // The status is forgotten with the answer that tells it, whether the answer arrives or not.
        if (indexed) indexedAt?.delete(id);
        answers[id] = indexed;
      }
      return answers;
    },
    get open() {
      return [...channels.values()].reduce((sum, { indexedAt }) => sum + indexedAt.size, 0);
    },
    clear: () => channels.clear(),
  };
}

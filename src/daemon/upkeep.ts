import type { Config } from "../config/schema.ts";
import type { Store } from "../queue/store.ts";
import type { Events } from "../telemetry/events.ts";

const EVERY_MS = 60_000;
/** From so many dead letters of a sink on a person should look. */
const MANY = 100;

/** Looks after the dead letters: discards what the configuration does not want kept, and warns as they grow. */
export function startUpkeep(
  store: Store,
  { maxCount = Number.POSITIVE_INFINITY, maxAge = Number.POSITIVE_INFINITY }: Config["deadLetters"],
  events: Events,
): { stop(): void } {
  async function look(): Promise<void> {
    if (Number.isFinite(maxCount) || Number.isFinite(maxAge)) {
      const discarded = await store.trimDeadLetters(maxCount, Math.max(0, Date.now() - maxAge));
      if (discarded > 0) events.deadLettersTrimmed(discarded);
    }
    for (const [sink, count] of await store.countDeadLetters()) {
      if (count >= MANY) events.deadLettersMany(sink, count);
    }
  }
  const timer = setInterval(() => {
    // A Redis that is away now is asked again in a minute.
    look().catch(() => undefined);
  }, EVERY_MS);
  return { stop: () => clearInterval(timer) };
}

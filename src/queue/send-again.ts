import type { Outbox } from "./ports.ts";
import type { Store } from "./store.ts";

/** Letters that are taken into memory, with their alerts, at once. */
const AT_ONCE = 200;

/** Puts dead letters back on their way to their sinks. @returns how many; the others are gone, or were bound for none. */
export async function sendAgain(
  store: Pick<Store, "retryDeadLetters">,
  outbox: Outbox,
  ids: readonly string[],
): Promise<number> {
  let sum = 0;
  for (let at = 0; at < ids.length; at += AT_ONCE) {
    const { retried, batches } = await store.retryDeadLetters(ids.slice(at, at + AT_ONCE), Date.now());
    await outbox.enqueue(batches);
    sum += retried;
  }
  return sum;
}

import { setImmediate as nextTurn } from "node:timers/promises";

let lastTurn: Promise<void> = Promise.resolve();

/**
 * Resolves in a turn of the event loop of its own: nobody else who asks for one has the same. Whoever does something that
 * takes milliseconds asks before each portion, or several that come together would hold up everything else for all of
 * theirs.
 */
export function ownTurn(): Promise<void> {
  lastTurn = lastTurn.then(() => nextTurn());
  return lastTurn;
}

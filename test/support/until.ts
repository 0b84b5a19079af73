import { setTimeout as sleep } from "node:timers/promises";

/** Waits for a condition instead of for a time. @throws when it did not come true; `what` says what was waited for. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 60_000,
): Promise<void> {
  for (const deadline = Date.now() + timeoutMs; Date.now() < deadline; await sleep(20)) {
    if (await condition()) return;
  }
  throw new Error(`Waited ${timeoutMs} ms in vain until ${what}.`);
}

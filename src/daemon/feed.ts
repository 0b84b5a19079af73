import { type Change, changeOf, type Parts } from "../page/parts.ts";

/** So often the page is drawn anew while somebody watches. */
const LOOK_EVERY_MS = 2000;
/** A browser comes back after so long. */
const AGAIN_MS = 1000;

/** Tells all who watch what has changed. */
export interface Feed {
  /**
   * Server-sent events: first everything, then what changes; one at each look, that the line is seen to live.
   *
   * @param signal aborted when nobody listens any more.
   */
  watch(signal: AbortSignal): AsyncIterable<string>;
}

interface Watcher {
  /** What it was sent last; undefined: nothing so far. */
  holds: Parts | undefined;
  wake: () => void;
}

/**
 * States: *idle* while nobody watches, when Redis is asked nothing; *looking* while somebody does, one look for all. Who
 * takes slowly skips looks and is sent what has changed since its last one.
 */
export function createFeed(look: () => Promise<Parts>, everyMs: number = LOOK_EVERY_MS): Feed {
  const watchers = new Set<Watcher>();
  let latest: Parts | undefined;
  let isLooking = false;
  let timer: NodeJS.Timeout | undefined;

  async function lookAgain(): Promise<void> {
    isLooking = true;
    // While Redis is away nothing is said, and who watches sees that nothing comes.
    const found = await look().catch(() => undefined);
    isLooking = false;
    if (watchers.size === 0) return;
    timer = setTimeout(lookAgain, everyMs);
    if (found === undefined) return;
    latest = found;
    for (const { wake } of watchers) wake();
  }

  function leave(watcher: Watcher): void {
    watchers.delete(watcher);
    watcher.wake();
    if (watchers.size > 0) return;
    clearTimeout(timer);
    latest = undefined;
  }

  async function* watch(signal: AbortSignal): AsyncGenerator<string> {
    const watcher: Watcher = { holds: undefined, wake: () => undefined };
    watchers.add(watcher);
    signal.addEventListener("abort", () => leave(watcher), { once: true });
    if (signal.aborted) return leave(watcher);
    if (watchers.size === 1 && !isLooking) void lookAgain();
    yield `retry: ${AGAIN_MS}\n\n`;
    while (!signal.aborted) {
      if (latest !== undefined && latest !== watcher.holds) {
        const change = changeOf(latest, watcher.holds);
        watcher.holds = latest;
        yield message(change);
      } else {
        await new Promise<void>((done) => {
          watcher.wake = done;
        });
      }
    }
  }

  return { watch };
}

function message(change: Change): string {
  return `data: ${JSON.stringify(change)}\n\n`;
}

import { silenceOf } from "../pipeline/silence.ts";
import type { PlaceName } from "../queue/places.ts";
import type { Store } from "../queue/store.ts";
import type { Events } from "../telemetry/events.ts";

const EVERY_MS = 600_000;

/** Looks now and then which places are unusually quiet, and says when one becomes so and when it is heard again. */
export function watchSilence(
  places: readonly PlaceName[],
  store: Pick<Store, "placeStates" | "rhythms">,
  events: Pick<Events, "tenantSilence">,
  nowMs: () => number = Date.now,
): { stop(): void; look(): Promise<void> } {
  async function look(): Promise<void> {
    const now = nowMs();
    const [states, rhythms] = await Promise.all([store.placeStates(places), store.rhythms(places, now)]);
    for (const [index, place] of places.entries()) {
      const state = states[index];
      if (state === undefined) continue;
      const { usualHours = 0, isUnusual } = silenceOf(state, rhythms[index] ?? new Map(), now);
      events.tenantSilence(place, isUnusual, usualHours, state.freshMs ?? 0);
    }
  }
  const timer = setInterval(() => {
    // A Redis that is away now is asked again the next time.
    look().catch(() => undefined);
  }, EVERY_MS);
  return { stop: () => clearInterval(timer), look };
}

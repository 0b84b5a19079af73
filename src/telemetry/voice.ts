import type { Logger } from "pino";
import { EVENTS, type EventName } from "./catalogue.ts";
import type { Fields } from "./fields.ts";

/** What time it is, and a way to do something later. */
export interface Clock {
  nowMs(): number;
  /** Keeps no process alive for it. */
  later(ms: number, work: () => void): void;
}

export const REAL_CLOCK: Clock = {
  nowMs: Date.now,
  later: (ms, work) => void setTimeout(work, ms).unref(),
};

/** A state that persists, and an error that comes again, are said again this often at most. */
const REMIND_EVERY_MS = 600_000;

/** A state that was told of and is over. */
type Ended = {
  readonly durationMs: number;
  /** How often it was met and not said again. */
  readonly repeated?: number;
};

/** An anchor of the runbook: the diagnosis where there is one, else the event. */
export function anchorOf(event: string): string {
  return event.replace(".", "-");
}

export type Voice = ReturnType<typeof createVoice>;

/** Writes lines of the log, each in the words of its event's row, and none of them again and again. */
export function createVoice(logger: Logger, clock: Clock = REAL_CLOCK) {
  const states = new Map<
    string,
    { readonly what: string; readonly sinceMs: number; saidMs: number; unsaid: number }
  >();
  const echoes = new Map<string, { readonly event: EventName; fields: Fields; unsaid: number }>();

  function say(event: EventName, fields: Fields): void {
    const { level, says } = EVENTS[event];
    const runbook =
      level === "debug" || level === "info"
        ? {}
        : { runbook: `runbook#${fields.error?.diagnosis ?? anchorOf(event)}` };
    logger[level]({ event, ...fields, ...runbook }, says);
  }

  /** Says what came again in the meantime, if anything did. */
  function sayRest(key: string): void {
    const echo = echoes.get(key);
    if (echo === undefined) return;
    echoes.delete(key);
    if (echo.unsaid === 0) return;
    say(echo.event, { ...echo.fields, repeated: echo.unsaid });
    listen(key, echo.event, echo.fields);
  }

  function listen(key: string, event: EventName, fields: Fields): void {
    echoes.set(key, { event, fields, unsaid: 0 });
    clock.later(REMIND_EVERY_MS, () => sayRest(key));
  }

  return {
    say,

    /**
     * Says a state when it begins or changes, then only now and then, with the count of what was left unsaid.
     *
     * @returns whether it was said.
     */
    sayState(key: string, what: string, event: EventName, fields: Fields): boolean {
      const nowMs = clock.nowMs();
      const before = states.get(key);
      const isSame = before?.what === what;
      if (isSame && nowMs - before.saidMs < REMIND_EVERY_MS) {
        before.unsaid += 1;
        return false;
      }
      say(event, isSame && before.unsaid > 0 ? { ...fields, repeated: before.unsaid } : fields);
      states.set(key, { what, sinceMs: before?.sinceMs ?? nowMs, saidMs: nowMs, unsaid: 0 });
      return true;
    },

    /** Whether a state is told of, and what it is. */
    stateOf: (key: string): string | undefined => states.get(key)?.what,

    /** @returns undefined when nobody was told that it began; then nobody need be told that it is over. */
    endState(key: string): Ended | undefined {
      const state = states.get(key);
      if (state === undefined) return undefined;
      states.delete(key);
      const durationMs = clock.nowMs() - state.sinceMs;
      return state.unsaid > 0 ? { durationMs, repeated: state.unsaid } : { durationMs };
    },

    /** Says what may happen a thousand times in a row: the first time at once, what follows as one count. */
    sayOnce(key: string, event: EventName, fields: Fields): void {
      const echo = echoes.get(key);
      if (echo === undefined) {
        say(event, fields);
        listen(key, event, fields);
        return;
      }
      echo.unsaid += 1;
      echo.fields = fields;
    },

    /** Says all that is left: nothing may go unsaid when the daemon ends. */
    sayRests(): void {
      for (const key of [...echoes.keys()]) sayRest(key);
    },
  };
}

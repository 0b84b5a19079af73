import { describe, expect, it } from "vitest";
import { formatTicks, parseTicks } from "../../../src/model/ticks.ts";
import {
  beginning,
  liveSpan,
  type PollSettings,
  priorityOf,
  progressOf,
  type Span,
  WINDOW_KINDS,
  type WindowKind,
  windowText,
} from "../../../src/model/window.ts";
import { randomFrom } from "../../../src/simulate/random.ts";

const POLL: PollSettings = {
  interval: 60_000,
  overlap: 900_000,
  settle: 0,
  initialLookback: 86_400_000,
  pageSize: 1000,
};
/** Before any overlap of these tests. */
const LONG_AGO = "2025-01-01T00:00:00Z";

function at(text: string): bigint {
  return parseTicks(text) ?? 0n;
}

function textOf(span: Span | undefined) {
  return span && { from: formatTicks(span.from), to: formatTicks(span.to) };
}

function beginningText(now: string, poll: Partial<PollSettings> = {}) {
  const { since, live } = beginning(at(now), { ...POLL, ...poll });
  return { since: formatTicks(since), live: textOf(live) };
}

function spanText(cursor: string, now: string, poll: Partial<PollSettings> = {}, since = LONG_AGO) {
  return textOf(liveSpan({ cursor: at(cursor), since: at(since) }, at(now), { ...POLL, ...poll }));
}

describe("the beginning of a place", () => {
  it("reads live as far back as every later round will, and leaves the rest of the lookback", () => {
    expect(beginningText("2026-05-04T12:00:00Z")).toEqual({
      since: "2026-05-03T12:00:00Z",
      live: { from: "2026-05-04T11:45:00Z", to: "2026-05-04T12:00:00Z" },
    });
  });

  it("leaves nothing where the lookback is no longer than the overlap", () => {
    expect(beginningText("2026-05-04T12:00:00Z", { initialLookback: 600_000 })).toEqual({
      since: "2026-05-04T11:50:00Z",
      live: { from: "2026-05-04T11:50:00Z", to: "2026-05-04T12:00:00Z" },
    });
    const { since, live } = beginning(at("2026-05-04T12:00:00Z"), { ...POLL, initialLookback: 900_000 });
    expect(live.from).toBe(since);
  });

  it("goes on where a round was cut off, and reaches back to before that one began when it is through", () => {
    const [cursor, since, now] = [at("2026-05-04T11:59:00Z"), at(LONG_AGO), at("2026-05-04T12:00:00Z")];
    const resume = at("2026-05-04T11:50:00Z");
    const roundMs = Date.parse("2026-05-04T11:30:00Z");

    expect(textOf(liveSpan({ cursor, since, resume }, now, POLL))).toEqual({
      from: "2026-05-04T11:50:00Z",
      to: "2026-05-04T12:00:00Z",
    });
    expect(textOf(liveSpan({ cursor, since, roundMs }, now, POLL))?.from).toBe("2026-05-04T11:15:00Z");
    // A clock that was set back may put it into the future.
    expect(textOf(liveSpan({ cursor, since, resume: now + 1n }, now, POLL))?.from).toBe(
      "2026-05-04T11:44:00Z",
    );
  });

  it("stays behind the clock by the settle time", () => {
    expect(beginningText("2026-05-04T12:00:00Z", { settle: 30_000 })).toEqual({
      since: "2026-05-03T11:59:30Z",
      live: { from: "2026-05-04T11:44:30Z", to: "2026-05-04T11:59:30Z" },
    });
  });

  it("leaves a cursor behind where no lookback is wanted", () => {
    expect(beginningText("2026-05-04T12:00:00Z", { initialLookback: 0 })).toEqual({
      since: "2026-05-04T11:59:59.999Z",
      live: { from: "2026-05-04T11:59:59.999Z", to: "2026-05-04T12:00:00Z" },
    });
  });

  it("leaves a cursor behind where nothing is to be read twice", () => {
    expect(beginningText("2026-05-04T12:00:00Z", { overlap: 0 }).live).toEqual({
      from: "2026-05-04T11:59:59.999Z",
      to: "2026-05-04T12:00:00Z",
    });
  });

  it("lies within the lookback and is never empty, whatever the settings", () => {
    const random = randomFrom("beginning");
    const now = at("2026-05-04T12:00:00Z");
    for (let round = 0; round < 2000; round++) {
      const poll = {
        ...POLL,
        overlap: random.whole(0, 100) * random.pick([0, 1, 60_000]),
        settle: random.whole(0, 60_000),
        initialLookback: random.whole(0, 100) * random.pick([0, 1, 60_000]),
      };

      const { since, live } = beginning(now, poll);

      expect(live.to).toBe(now - BigInt(poll.settle) * 10_000n);
      expect(live.from < live.to).toBe(true);
      expect(live.from >= since).toBe(true);
      expect(live.to - since).toBe(BigInt(Math.max(1, poll.initialLookback)) * 10_000n);
    }
  });
});

describe("liveSpan", () => {
  it("reaches from the cursor less the overlap to now", () => {
    expect(spanText("2026-05-04T11:59:00.0000001Z", "2026-05-04T12:00:00Z")).toEqual({
      from: "2026-05-04T11:44:00.0000001Z",
      to: "2026-05-04T12:00:00Z",
    });
  });

  it("never reaches back behind the first round's lookback, however long the overlap", () => {
    expect(
      spanText(
        "2026-05-04T11:59:00Z",
        "2026-05-04T12:00:00Z",
        { overlap: 3_600_000 },
        "2026-05-04T11:50:00Z",
      ),
    ).toEqual({ from: "2026-05-04T11:50:00Z", to: "2026-05-04T12:00:00Z" });
  });

  it("catches up after an outage of any length", () => {
    expect(spanText("2026-01-01T00:00:00Z", "2026-05-04T12:00:00Z")).toEqual({
      from: "2025-12-31T23:45:00Z",
      to: "2026-05-04T12:00:00Z",
    });
  });

  it("stays behind the clock by the settle time", () => {
    const poll = { settle: 30_000 };

    expect(spanText("2026-05-04T11:59:00Z", "2026-05-04T12:00:00Z", poll)?.to).toBe("2026-05-04T11:59:30Z");
  });

  it("is not pulled back by a clock that was set back", () => {
    expect(spanText("2026-05-04T12:00:00Z", "2026-05-04T11:00:00Z")).toEqual({
      from: "2026-05-04T11:45:00Z",
      to: "2026-05-04T12:00:00Z",
    });
  });

  it("is not pulled back by a settle time that was made longer", () => {
    expect(spanText("2026-05-04T12:00:00Z", "2026-05-04T12:00:10Z", { settle: 60_000 })?.to).toBe(
      "2026-05-04T12:00:00Z",
    );
  });

  it("is empty while nothing new can be there and nothing is read twice", () => {
    expect(spanText("2026-05-04T12:00:00Z", "2026-05-04T12:00:00Z", { overlap: 0 })).toBeUndefined();
    expect(spanText("2026-05-04T12:00:00Z", "2026-05-04T11:00:00Z", { overlap: 0 })).toBeUndefined();
  });

  it("leaves no hole between rounds, whatever the clock does", () => {
    const random = randomFrom("window");
    const poll = { ...POLL, settle: 5000, overlap: 60_000 };
    let now = at("2026-05-04T12:00:00Z");
    const { since, live } = beginning(now, poll);
    let cursor = live.to;
    for (let round = 0; round < 2000; round++) {
      now += BigInt(random.whole(-600_000_000, 1_200_000_000));

      const span = liveSpan({ cursor, since }, now, poll);

      if (span === undefined) continue;
      expect(span.from <= cursor).toBe(true);
      expect(span.from >= since).toBe(true);
      expect(span.to >= cursor).toBe(true);
      cursor = span.to;
    }
  });
});

describe("the progress of a long window", () => {
  const progress = (from: bigint, to: bigint, cursor: bigint) => progressOf({ from, to, cursor });

  it("is the share that is read", () => {
    expect([10n, 12n, 15n, 20n].map((cursor) => progress(10n, 20n, cursor))).toEqual([0, 0.2, 0.5, 1]);
  });

  it("is never beyond its ends", () => {
    expect([progress(10n, 20n, 5n), progress(10n, 20n, 25n), progress(10n, 10n, 10n)]).toEqual([0, 1, 1]);
  });
});

describe("the text of a window", () => {
  it("says what kind it is and which span, to the last digit", () => {
    const span = { from: at("2026-05-04T05:36:51.7033333Z"), to: at("2026-05-04T06:00:00Z") };

    const text = windowText("gap", span);

    expect(text).toEqual({ kind: "gap", from: "2026-05-04T05:36:51.7033333Z", to: "2026-05-04T06:00:00Z" });
  });
});

describe("the kinds of window", () => {
  const kinds = Object.keys(WINDOW_KINDS) as WindowKind[];

  it("are served live first, then gaps, then holes, then replays, then backfills", () => {
    expect(
      Object.entries(WINDOW_KINDS)
        .sort(([, a], [, b]) => a - b)
        .map(([kind]) => kind),
    ).toEqual(["live", "gap", "hole", "replay", "backfill"]);
  });

  it("let a batch wait the longer within its kind, the more batches of its tenant wait there", () => {
    for (const kind of kinds) {
      const priorities = [0, 1, 2, 100, 200_000].map((waiting) => priorityOf(kind, waiting));

      expect(priorities).toEqual([...priorities].sort((a, b) => a - b));
      expect(new Set(priorities).size).toBe(priorities.length);
    }
  });

  it("never let a batch wait behind one of a lesser kind, and stay within what BullMQ takes", () => {
    const firsts = kinds.map((kind) => priorityOf(kind, 0));
    const lasts = kinds.map((kind) => priorityOf(kind, Number.MAX_SAFE_INTEGER));

    for (const [index, last] of lasts.entries()) expect(last).toBeLessThan(firsts[index + 1] ?? 2 ** 21);
    expect(firsts[0]).toBe(1);
  });
});

import { describe, expect, it } from "vitest";
import { formatTicks, parseTicks } from "../../../src/model/ticks.ts";
import { liveSpan, type PollSettings, WINDOW_KINDS, windowText } from "../../../src/model/window.ts";
import { randomFrom } from "../../../src/simulate/random.ts";

const POLL: PollSettings = {
  interval: 60_000,
  overlap: 900_000,
  settle: 0,
  initialLookback: 86_400_000,
  pageSize: 1000,
};

function at(text: string): bigint {
  return parseTicks(text) ?? 0n;
}

function spanText(cursor: string | undefined, now: string, poll: Partial<PollSettings> = {}) {
  const span = liveSpan(cursor === undefined ? undefined : at(cursor), at(now), { ...POLL, ...poll });
  return span && { from: formatTicks(span.from), to: formatTicks(span.to) };
}

describe("liveSpan", () => {
  it("reaches back by the initial lookback in the very first round", () => {
    expect(spanText(undefined, "2026-05-04T12:00:00Z")).toEqual({
      from: "2026-05-03T12:00:00Z",
      to: "2026-05-04T12:00:00Z",
    });
  });

  it("reaches from the cursor less the overlap to now", () => {
    expect(spanText("2026-05-04T11:59:00.0000001Z", "2026-05-04T12:00:00Z")).toEqual({
      from: "2026-05-04T11:44:00.0000001Z",
      to: "2026-05-04T12:00:00Z",
    });
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
    expect(spanText(undefined, "2026-05-04T12:00:00Z", poll)).toEqual({
      from: "2026-05-03T11:59:30Z",
      to: "2026-05-04T11:59:30Z",
    });
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

  it("leaves a cursor behind where no lookback is wanted", () => {
    expect(spanText(undefined, "2026-05-04T12:00:00Z", { initialLookback: 0 })).toEqual({
      from: "2026-05-04T11:59:59.999Z",
      to: "2026-05-04T12:00:00Z",
    });
  });

  it("leaves no hole between rounds, whatever the clock does", () => {
    const random = randomFrom("window");
    const poll = { ...POLL, settle: 5000, overlap: 60_000 };
    let now = at("2026-05-04T12:00:00Z");
    let cursor = liveSpan(undefined, now, poll)?.to ?? 0n;
    for (let round = 0; round < 2000; round++) {
      now += BigInt(random.whole(-600_000_000, 1_200_000_000));

      const span = liveSpan(cursor, now, poll);

      if (span === undefined) continue;
      expect(span.from <= cursor).toBe(true);
      expect(span.to >= cursor).toBe(true);
      cursor = span.to;
    }
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
  it("are served live first, then gaps, then replays, then backfills", () => {
    expect(
      Object.entries(WINDOW_KINDS)
        .sort(([, a], [, b]) => a - b)
        .map(([kind]) => kind),
    ).toEqual(["live", "gap", "replay", "backfill"]);
  });
});

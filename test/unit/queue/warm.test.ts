import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { QueuedAlert } from "../../../src/model/batch.ts";
import { WarmBatches } from "../../../src/queue/warm.ts";

/** Before Node.js 22 memory cannot be taken away from whoever had it. */
const CAN_TAKE_AWAY = "transfer" in ArrayBuffer.prototype;
const MB = 1_000_000;
const PATIENCE_MS = 100;
const SLOW_FOR_MS = 1000;
const KEPT_MS = 5000;

let warm: WarmBatches;

beforeEach(() => {
  vi.useFakeTimers();
  warm = new WarmBatches();
});

afterEach(() => {
  vi.useRealTimers();
});

function alertsOf(bytes: number): QueuedAlert[] {
  const raw = Buffer.alloc(bytes);
  const facts = { alertId: "da1_1", version: "1", eventId: "e", updatedMs: undefined, device: undefined };
  return [raw.subarray(0, bytes / 2), raw.subarray(bytes / 2)].map((part) => ({ ...facts, raw: part }));
}

function keepAll(...ids: readonly string[]): void {
  for (const id of ids) expect(warm.keep(id, "splunk", alertsOf(4 * MB))).toBe(true);
}

/** Somebody who would bring more. */
function aBringer(sink = "splunk"): { isIn: boolean } {
  const bringer = { isIn: false };
  void warm.room(sink).then(() => {
    bringer.isIn = true;
  });
  return bringer;
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

describe("whoever brings more", () => {
  it("is let in while little is kept", async () => {
    keepAll("a", "b");
    warm.take("a");
    const bringer = aBringer();

    await pass(0);

    expect(bringer.isIn).toBe(true);
  });

  it("is held up while more is kept for the sink, until enough was taken", async () => {
    keepAll("a", "b", "c", "d");
    const bringers = [aBringer(), aBringer(), aBringer()];
    await pass(PATIENCE_MS / 4);
    warm.take("a");
    await pass(PATIENCE_MS / 4);
    warm.take("b");
    await pass(PATIENCE_MS / 4);
    expect(bringers.map(({ isIn }) => isIn)).toEqual([false, false, false]);

    warm.take("c");
    await pass(0);

    expect(bringers.map(({ isIn }) => isIn)).toEqual([true, true, true]);
    expect(vi.getTimerCount()).toBe(1);
  });

  it("is let in after a moment where too little is taken, and for a while at once", async () => {
    keepAll("a", "b", "c", "d");
    const first = aBringer();
    await pass(PATIENCE_MS - 1);
    expect(first.isIn).toBe(false);
    await pass(1);
    expect(first.isIn).toBe(true);
    const second = aBringer();

    await pass(0);

    expect(second.isIn).toBe(true);
  });

  it("is held up again after that while", async () => {
    keepAll("a", "b", "c", "d");
    aBringer();
    await pass(PATIENCE_MS + SLOW_FOR_MS);
    const later = aBringer();

    await pass(0);
    expect(later.isIn).toBe(false);
    for (const id of ["a", "b", "c"]) warm.take(id);
    await pass(0);

    expect(later.isIn).toBe(true);
  });

  it("is not held up by what is kept for another sink", async () => {
    keepAll("a", "b", "c", "d");
    const bringer = aBringer("elastic");

    await pass(0);

    expect(bringer.isIn).toBe(true);
  });

  it("is let in when what was kept is forgotten", async () => {
    keepAll("a", "b", "c");
    await pass(KEPT_MS - PATIENCE_MS / 2);
    const bringer = aBringer();
    await pass(0);
    expect(bringer.isIn).toBe(false);

    await pass(PATIENCE_MS / 2);

    expect(bringer.isIn).toBe(true);
  });
});

describe("a batch", () => {
  it("is kept until it is taken, once", () => {
    const alerts = alertsOf(100);
    expect(warm.keep("a", "splunk", alerts)).toBe(true);

    expect(warm.take("a")).toBe(alerts);
    expect(warm.take("a")).toBeUndefined();
  });

  it("is not kept where there is no room for it, and is when something was taken", () => {
    keepAll("a", "b", "c", "d");
    expect(warm.keep("e", "splunk", alertsOf(2))).toBe(false);
    expect(warm.take("e")).toBeUndefined();

    warm.take("b");

    expect(warm.keep("e", "splunk", alertsOf(4 * MB))).toBe(true);
    expect(warm.keep("f", "splunk", alertsOf(2))).toBe(false);
  });

  it("that is known is not kept again, and stays as it was", () => {
    const alerts = alertsOf(100);
    warm.keep("a", "splunk", alerts);

    expect(warm.keep("a", "splunk", alertsOf(200))).toBe(false);

    expect(warm.take("a")).toBe(alerts);
    expect(warm.keep("a", "splunk", alertsOf(200))).toBe(true);
  });

  it("is forgotten when nobody asks for it, and its memory is given back", async () => {
    const [old, newer] = [alertsOf(MB), alertsOf(MB)];
    warm.keep("old", "splunk", old);
    await pass(KEPT_MS - 1);
    warm.keep("newer", "splunk", newer);

    await pass(1);

    expect(warm.take("old")).toBeUndefined();
    for (const { raw } of old) expect(raw).toHaveLength(CAN_TAKE_AWAY ? 0 : MB / 2);
    expect(warm.take("newer")).toBe(newer);
    for (const { raw } of newer) expect(raw).toHaveLength(MB / 2);
  });

  it("that was forgotten makes room", async () => {
    keepAll("a", "b", "c", "d");
    await pass(KEPT_MS);

    keepAll("e", "f", "g", "h");
    await pass(2 * KEPT_MS);

    expect(vi.getTimerCount()).toBeLessThanOrEqual(1);
    expect(warm.take("h")).toBeUndefined();
  });
});

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { QueuedAlert } from "../../../src/model/batch.ts";
import { WarmBatches } from "../../../src/queue/warm.ts";

/** Before Node.js 22 memory cannot be taken away from whoever had it. */
const CAN_TAKE_AWAY = "transfer" in ArrayBuffer.prototype;
const MB = 1_000_000;
const FLOWING_MS = 500;
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
  for (const id of ids) expect(warm.keep(id, alertsOf(4 * MB))).toBe(true);
}

/** Somebody who would bring more. */
function aBringer(): { isIn: boolean } {
  const bringer = { isIn: false };
  void warm.room().then(() => {
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

  it("is held up while more is kept than is taken, until enough was taken", async () => {
    keepAll("a", "b", "c", "d");
    warm.take("a");
    const bringers = [aBringer(), aBringer(), aBringer()];
    await pass(FLOWING_MS - 100);
    warm.take("b");
    await pass(FLOWING_MS - 100);
    expect(bringers.map(({ isIn }) => isIn)).toEqual([false, false, false]);

    warm.take("c");
    await pass(0);

    expect(bringers.map(({ isIn }) => isIn)).toEqual([true, true, true]);
    expect(vi.getTimerCount()).toBe(1);
  });

  it("is not held up where nothing was ever taken", async () => {
    keepAll("a", "b", "c", "d");
    const bringer = aBringer();

    await pass(0);

    expect(bringer.isIn).toBe(true);
  });

  it("is not held up where nothing was taken for half a second", async () => {
    keepAll("a", "b", "c", "d");
    warm.take("a");
    await pass(FLOWING_MS);
    const bringer = aBringer();

    await pass(0);

    expect(bringer.isIn).toBe(true);
  });

  it("is let in when the taking comes to a halt", async () => {
    keepAll("a", "b", "c", "d");
    warm.take("a");
    const bringer = aBringer();
    await pass(FLOWING_MS - 1);
    expect(bringer.isIn).toBe(false);

    await pass(1);

    expect(bringer.isIn).toBe(true);
  });

  it("is not held up by a batch that was asked for and is not here", async () => {
    keepAll("a", "b", "c");
    expect(warm.take("unknown")).toBeUndefined();
    const bringer = aBringer();

    await pass(0);

    expect(bringer.isIn).toBe(true);
  });

  it("is not held up because something was forgotten", async () => {
    keepAll("a");
    await pass(KEPT_MS - 1000);
    keepAll("b", "c", "d");
    await pass(1000);
    expect(warm.take("a")).toBeUndefined();
    const bringer = aBringer();

    await pass(0);

    expect(bringer.isIn).toBe(true);
  });
});

describe("a batch", () => {
  it("is kept until it is taken, once", () => {
    const alerts = alertsOf(100);
    expect(warm.keep("a", alerts)).toBe(true);

    expect(warm.take("a")).toBe(alerts);
    expect(warm.take("a")).toBeUndefined();
  });

  it("is not kept where there is no room for it, and is when something was taken", () => {
    keepAll("a", "b", "c", "d");
    expect(warm.keep("e", alertsOf(2))).toBe(false);
    expect(warm.take("e")).toBeUndefined();

    warm.take("b");

    expect(warm.keep("e", alertsOf(4 * MB))).toBe(true);
    expect(warm.keep("f", alertsOf(2))).toBe(false);
  });

  it("that is known is not kept again, and stays as it was", () => {
    const alerts = alertsOf(100);
    warm.keep("a", alerts);

    expect(warm.keep("a", alertsOf(200))).toBe(false);

    expect(warm.take("a")).toBe(alerts);
    expect(warm.keep("a", alertsOf(200))).toBe(true);
  });

  it("is forgotten when nobody asks for it, and its memory is given back", async () => {
    const [old, newer] = [alertsOf(MB), alertsOf(MB)];
    warm.keep("old", old);
    await pass(KEPT_MS - 1);
    warm.keep("newer", newer);

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

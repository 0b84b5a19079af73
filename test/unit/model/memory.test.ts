import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from "vitest";
import { letGo, take } from "../../../src/model/memory.ts";

/** Before Node.js 22 memory cannot be taken away from whoever had it; there nothing is used again. */
const CAN_TAKE_AWAY = "transfer" in ArrayBuffer.prototype;
const MB = 1_000_000;
const MOST_UNUSED = 24 * MB;
const UNUSED_MS = 5000;

let made: MockInstance<typeof Buffer.allocUnsafeSlow>;

beforeEach(() => {
  vi.useFakeTimers();
  made = vi.spyOn(Buffer, "allocUnsafeSlow");
});

afterEach(() => {
  vi.advanceTimersByTime(UNUSED_MS);
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** Takes a buffer, and says whether memory was used again for it. */
function takeAnother(bytes: number): { readonly buffer: Buffer; readonly isUsedAgain: boolean } {
  const before = made.mock.calls.length;
  const buffer = take(bytes);
  return { buffer, isUsedAgain: made.mock.calls.length === before };
}

function isFilled(buffer: Buffer, byte: number): boolean {
  return buffer.equals(Buffer.alloc(buffer.length, byte));
}

describe("a buffer that is taken", () => {
  it.each([0, 1, 8192, 65_536, 131_072, 131_073, 1_000_000, 1_048_576, 20_000_001])(
    "has the length that was asked for: %i",
    (bytes) => {
      const first = take(bytes);
      letGo(first);

      expect(take(bytes)).toHaveLength(bytes);
    },
  );

  it("shares no byte with any other that is in use, whatever was given back before", () => {
    const step = fc.record({ bytes: fc.integer({ min: 100_000, max: 600_000 }), gives: fc.nat(9) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 25 }), (steps) => {
        const inUse: { readonly buffer: Buffer; readonly byte: number }[] = [];
        for (const [index, { bytes, gives }] of steps.entries()) {
          inUse.push({ buffer: take(bytes).fill(index + 1), byte: index + 1 });
          for (const { buffer } of inUse.splice(gives, 1)) letGo(buffer);
        }

        for (const { buffer, byte } of inUse) expect(isFilled(buffer, byte)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });
});

describe("a buffer that is given back", () => {
  it.each([1.1, 1, 0.9, 0.5])("is used again for something of %f times its size", (share) => {
    const old = take(1_000_000).fill(7);
    letGo(old);

    const { buffer, isUsedAgain } = takeAnother(Math.floor(share * 950_000));

    expect(isUsedAgain).toBe(CAN_TAKE_AWAY);
    if (isUsedAgain) expect(isFilled(buffer.subarray(0, 400_000), 7)).toBe(true);
    expect(old).toHaveLength(CAN_TAKE_AWAY ? 0 : 1_000_000);
  });

  it("is empty for whoever still looks into it, who never sees another's bytes", () => {
    const old = take(500_000).fill(1);
    const [head, tail] = [old.subarray(0, 100), old.subarray(-100)];

    letGo(old);
    take(500_000).fill(2);

    for (const view of [old, head, tail]) {
      if (CAN_TAKE_AWAY) expect(view).toHaveLength(0);
      else expect(isFilled(view, 1)).toBe(true);
    }
  });

  it("is given to one alone, also when it was given back twice", () => {
    const old = take(500_000);
    letGo(old);
    letGo(old);

    const [one, other] = [take(500_000).fill(1), take(500_000).fill(2)];

    expect([isFilled(one, 1), isFilled(other, 2)]).toEqual([true, true]);
  });

  it("may be a part: all of its memory goes with it", () => {
    const whole = take(500_000);
    letGo(whole.subarray(100, 200));

    expect(whole).toHaveLength(CAN_TAKE_AWAY ? 0 : 500_000);
    expect(takeAnother(500_000).isUsedAgain).toBe(CAN_TAKE_AWAY);
  });

  it("stays as it was when it is small, or a part of what Node.js shares out", () => {
    const shared = [Buffer.from("x"), Buffer.from("neighbour"), Buffer.concat([Buffer.from("both")])];
    const small = [take(1000).fill("s"), Buffer.alloc(65_536, "s"), Buffer.alloc(0)];

    for (const buffer of [...shared, ...small]) letGo(buffer);

    expect(shared.map(String)).toEqual(["x", "neighbour", "both"]);
    expect(small.map(({ length }) => length)).toEqual([1000, 65_536, 0]);
    for (const buffer of small) expect(isFilled(buffer, 0x73)).toBe(true);
    expect(String(Buffer.from("still whole"))).toBe("still whole");
  });

  it("is not used for what is much smaller, and kept for what is not", () => {
    letGo(take(2 * MB));

    expect(takeAnother(0.5 * MB).isUsedAgain).toBe(false);
    expect(takeAnother(2.1 * MB).isUsedAgain).toBe(false);
    expect(takeAnother(2 * MB).isUsedAgain).toBe(CAN_TAKE_AWAY);
  });

  it("is left for what is larger where a smaller one will do", () => {
    const buffers = [2 * MB, MB, 1.5 * MB].map((bytes) => take(bytes));
    for (const buffer of buffers) letGo(buffer);

    expect(takeAnother(0.9 * MB).isUsedAgain).toBe(CAN_TAKE_AWAY);
    expect(takeAnother(1.4 * MB).isUsedAgain).toBe(CAN_TAKE_AWAY);
    expect(takeAnother(1.9 * MB).isUsedAgain).toBe(CAN_TAKE_AWAY);
    expect(takeAnother(0.9 * MB).isUsedAgain).toBe(false);
  });

  it("is not kept above a bound, and is taken away all the same", () => {
    const buffers = Array.from({ length: 40 }, () => take(MB));
    const kept = Math.floor(MOST_UNUSED / (buffers[0]?.buffer.byteLength ?? 0));
    for (const buffer of buffers) letGo(buffer);

    const usedAgain = buffers.filter(() => takeAnother(MB).isUsedAgain);

    for (const buffer of buffers) expect(buffer).toHaveLength(CAN_TAKE_AWAY ? 0 : MB);
    expect(usedAgain).toHaveLength(CAN_TAKE_AWAY ? kept : 0);
  });

  it("counts against the bound no longer when it is used again", () => {
    for (let round = 0; round < 5; round++) {
      const all = Array.from({ length: 20 }, () => takeAnother(MB));
      if (round > 0) for (const { isUsedAgain } of all) expect(isUsedAgain).toBe(CAN_TAKE_AWAY);
      for (const { buffer } of all) letGo(buffer);
    }
  });
});

describe("what nobody asks for", () => {
  it("goes after a while, all of it", () => {
    const buffers = [take(MB), take(2 * MB), take(3 * MB)];
    for (const buffer of buffers) letGo(buffer);
    vi.advanceTimersByTime(UNUSED_MS - 100);
    expect(takeAnother(2 * MB).isUsedAgain).toBe(CAN_TAKE_AWAY);

    vi.advanceTimersByTime(100);

    expect(takeAnother(MB).isUsedAgain).toBe(false);
    expect(takeAnother(3 * MB).isUsedAgain).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("goes also where something went before", () => {
    for (let round = 0; round < 3; round++) {
      letGo(take(MB));
      vi.advanceTimersByTime(UNUSED_MS);

      expect(takeAnother(MB).isUsedAgain).toBe(false);
    }
  });

  it("does not take what is in use again and again with it", () => {
    let [buffer, usedAgain] = [take(MB), 0];
    for (let round = 0; round < 1000; round++) {
      letGo(buffer);
      vi.advanceTimersByTime(round % 20);
      const next = takeAnother(MB);
      buffer = next.buffer;
      if (next.isUsedAgain) usedAgain += 1;
      vi.advanceTimersByTime(10);
    }

    if (CAN_TAKE_AWAY) expect(usedAgain).toBeGreaterThan(990);
    else expect(usedAgain).toBe(0);
    expect(vi.getTimerCount()).toBeLessThanOrEqual(1);
  });
});

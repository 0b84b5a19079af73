import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { take } from "../../../src/model/memory.ts";
import { Room, type Visit } from "../../../src/net/room.ts";

/** Before Node.js 22 memory cannot be taken away from whoever had it. */
const CAN_TAKE_AWAY = "transfer" in ArrayBuffer.prototype;
const MOST = 1000;
const NEVER = new AbortController().signal;

const pause = () => new Promise<void>((resolve) => setImmediate(resolve));

/** An answer at the door, and whether it was let in. */
async function atTheDoor(visit: Visit, bytes: number, signal = NEVER) {
  const answer = { isIn: false, visit };
  const entering = visit.enter(bytes, signal).then(() => {
    answer.isIn = true;
  });
  entering.catch(() => undefined);
  await pause();
  return Object.assign(answer, { entering });
}

/** One visit for each of these sizes, in their order. */
async function visitors(room: Room, ...sizes: readonly number[]) {
  const all = [];
  for (const bytes of sizes) all.push(await atTheDoor(room.visit(), bytes));
  return all;
}

async function whoIsIn(all: readonly { readonly isIn: boolean }[]): Promise<boolean[]> {
  await pause();
  return all.map(({ isIn }) => isIn);
}

/** More than the room holds is let in where nothing else is. */
async function expectFree(room: Room): Promise<void> {
  const { isIn, visit } = await atTheDoor(room.visit(), 2 * MOST);
  expect(isIn).toBe(true);
  visit.leave();
}

describe("an answer", () => {
  it("is let in at once while there is room, to the last byte", async () => {
    const all = await visitors(new Room(MOST), 400, 600, 1);

    expect(await whoIsIn(all)).toEqual([true, true, false]);
  });

  it("is let in by turns, also where a later one would fit", async () => {
    const all = await visitors(new Room(MOST), 900, 500, 100, 400, 1);
    expect(await whoIsIn(all)).toEqual([true, false, false, false, false]);

    all[0]?.visit.leave();
    expect(await whoIsIn(all)).toEqual([true, true, true, true, false]);

    all[1]?.visit.leave();
    expect(await whoIsIn(all)).toEqual([true, true, true, true, true]);
  });

  it("that is larger than all of the room is let in alone", async () => {
    const room = new Room(MOST);
    const all = await visitors(room, 100, 5 * MOST, 1);
    expect(await whoIsIn(all)).toEqual([true, false, false]);

    all[0]?.visit.leave();
    expect(await whoIsIn(all)).toEqual([true, true, false]);

    all[1]?.visit.leave();
    expect(await whoIsIn(all)).toEqual([true, true, true]);
    all[2]?.visit.leave();
    await expectFree(room);
  });

  it("that turns out to be less lets others in, and more keeps them out", async () => {
    const all = await visitors(new Room(MOST), MOST, 300, 300);

    all[0]?.visit.change(-400);
    expect(await whoIsIn(all)).toEqual([true, true, false]);

    all[1]?.visit.change(100);
    all[0]?.visit.change(-300);
    expect(await whoIsIn(all)).toEqual([true, true, true]);
  });

  it("that is not awaited any more ends with the signal's reason, and leaves its turn to the next", async () => {
    const room = new Room(MOST);
    const stop = new AbortController();
    const first = await atTheDoor(room.visit(), 600);
    const second = await atTheDoor(room.visit(), 600, stop.signal);
    const third = await atTheDoor(room.visit(), 400);
    expect(await whoIsIn([first, second, third])).toEqual([true, false, false]);

    stop.abort(new Error("the daemon is stopping"));

    await expect(second.entering).rejects.toThrow("the daemon is stopping");
    expect(await whoIsIn([first, second, third])).toEqual([true, false, true]);
    for (const { visit } of [first, second, third]) visit.leave();
    await expectFree(room);
  });

  it("is not let in when its signal was aborted before", async () => {
    const room = new Room(MOST);
    const tooLate = AbortSignal.abort(new Error("too late"));

    await expect(room.visit().enter(10, tooLate)).rejects.toThrow("too late");

    await expectFree(room);
  });

  it("that is in is not put out by its signal", async () => {
    const room = new Room(MOST);
    const stop = new AbortController();
    const [first, waiting] = [
      await atTheDoor(room.visit(), MOST, stop.signal),
      await atTheDoor(room.visit(), MOST, stop.signal),
    ];
    first.visit.leave();
    await pause();

    stop.abort(new Error("the daemon is stopping"));

    await expect(waiting.entering).resolves.toBeUndefined();
    expect((await atTheDoor(room.visit(), 1)).isIn).toBe(false);
    waiting.visit.leave();
  });
});

describe("a visit", () => {
  it("that has an answer in hand does not wait for room for another, nor for its turn", async () => {
    const room = new Room(MOST);
    const [inside, waiting] = [await atTheDoor(room.visit(), MOST), await atTheDoor(room.visit(), 1)];

    const further = await atTheDoor(inside.visit, 700);

    expect(await whoIsIn([waiting, further])).toEqual([false, true]);
    inside.visit.change(-700);
    expect(await whoIsIn([waiting])).toEqual([false]);
    inside.visit.leave();
    expect(await whoIsIn([waiting])).toEqual([true]);
  });

  it("gives everything back when it leaves, and may begin anew, by its turn", async () => {
    const room = new Room(MOST);
    const visit = room.visit();
    const answer = take(200_000).fill(1);
    await visit.enter(300, NEVER);
    visit.keep(answer);
    await visit.enter(900, NEVER);
    visit.leave();
    visit.leave();

    expect(answer).toHaveLength(CAN_TAKE_AWAY ? 0 : 200_000);
    await expectFree(room);
    await visitors(room, 900);
    expect((await atTheDoor(visit, 200)).isIn).toBe(false);
  });

  it("never waits for ever among others, and all of them never hold more than is theirs", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(aPlan, { minLength: 2, maxLength: 20 }), async (plans) => {
        const room = new Room(MOST);
        const inside = new Map<Visit, Held>();
        const largest = Math.max(MOST, ...plans.map(({ first }) => first));
        const watch = () => {
          const all = [...inside.values()];
          const held = all.reduce((sum, { bytes }) => sum + bytes, 0);
          const added = all.reduce((sum, { more }) => sum + more, 0);
          expect(held).toBeLessThanOrEqual(largest + added);
        };

        const ended = Promise.all(plans.map((plan) => play(plan, room.visit(), inside, watch)));

        const stuck = pauses(2000).then(() => "some wait for ever");
        expect(await Promise.race([ended.then(() => "all have left"), stuck])).toBe("all have left");
        await expectFree(room);
      }),
      { numRuns: 200 },
    );
  });
});

describe("the guess of what an answer takes", () => {
  it("follows those that came, at once to what is larger and by halves to what is less", () => {
    const room = new Room(MOST);
    const visit = room.visit();
    const guesses = [2_500_000, 500_000, 500_000, 4_000_000, 0].map((bytes) => {
      visit.keep(Buffer.alloc(bytes));
      return room.usualBytes;
    });

    expect(guesses).toEqual([2_500_000, 1_500_000, 1_000_000, 4_000_000, 2_000_000]);
    expect(visit.usualBytes).toBe(2_000_000);
  });

  it("is never nothing, however many empty answers come", () => {
    const visit = new Room(MOST).visit();
    for (let round = 0; round < 100; round++) visit.keep(Buffer.alloc(0));

    expect(visit.usualBytes).toBeGreaterThan(0);
  });
});

interface Held {
  bytes: number;
  /** What came without a turn: further answers, and what turned out to be more. */
  more: number;
}

const aSize = fc.integer({ min: 1, max: 1500 });
/** What one visit does: the size that its first answer is said to have, the true ones, and when it gives up waiting. */
const aPlan = fc.record({
  begins: fc.nat(10),
  first: aSize,
  sizes: fc.array(fc.record({ said: aSize, is: fc.nat(1500), takes: fc.nat(3) }), {
    minLength: 1,
    maxLength: 4,
  }),
  givesUp: fc.option(fc.nat(20), { freq: 3 }),
});
type Plan = typeof aPlan extends fc.Arbitrary<infer Value> ? Value : never;

async function pauses(count: number): Promise<void> {
  for (let at = 0; at < count; at++) await pause();
}

async function play(plan: Plan, visit: Visit, inside: Map<Visit, Held>, watch: () => void): Promise<void> {
  await pauses(plan.begins);
  const stop = new AbortController();
  const { givesUp } = plan;
  if (givesUp !== null) void pauses(givesUp).then(() => stop.abort(new Error("gave up")));
  const isIn = await visit.enter(plan.first, stop.signal).then(
    () => true,
    () => false,
  );
  if (!isIn) return visit.leave();
  const held: Held = { bytes: plan.first, more: 0 };
  inside.set(visit, held);
  let said = plan.first;
  for (const [index, size] of plan.sizes.entries()) {
    if (index > 0 && held.bytes > 0) {
      said = size.said;
      const further = visit.enter(said, NEVER).then(() => "is in");
      expect(await Promise.race([further, pause().then(() => "waits")])).toBe("is in");
      held.bytes += said;
      held.more += said;
      watch();
    }
    await pauses(size.takes);
    held.bytes += size.is - said;
    held.more += Math.max(0, size.is - said);
    visit.change(size.is - said);
    said = size.is;
    watch();
  }
  inside.delete(visit);
  visit.leave();
}

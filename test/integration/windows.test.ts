import { beforeEach, describe, expect, it } from "vitest";
import { holeId, type LongWindow, type Span } from "../../src/model/window.ts";
import { FencedOff } from "../../src/queue/ports.ts";
import type { WindowRequest } from "../../src/queue/windows.ts";
import { alerts, anAlert } from "../support/alerts.ts";
import { AGAIN, DAY_MS, FENCE, NEW, openBench, PLACE, type StoreBench } from "./bench.ts";

/** More digits than a double holds; windows of these tests lie around it. */
const NOON = 17_778_730_110_000_000n;
const LIVE = "live.splunk";

let bench: StoreBench;

beforeEach(async () => {
  bench = await openBench();
});

const span = (from: number, to: number): Span => ({ from: NOON + BigInt(from), to: NOON + BigInt(to) });

const aRequest = (more: Partial<WindowRequest> = {}): WindowRequest => ({
  ...{ id: "backfill.contoso.graph_alerts", kind: "backfill", ...PLACE, sinks: ["splunk", "archive"] },
  ...{ ...span(0, 100), createdMs: 1000, ...more },
});

async function opened(more: Partial<WindowRequest> = {}): Promise<LongWindow> {
  await bench.store.openWindow(aRequest(more));
  return await windowOf(more.id ?? aRequest().id);
}

async function windowOf(id: string): Promise<LongWindow> {
  const window = await bench.store.window(id);
  if (window === undefined) throw new Error(`There is no window ${id}.`);
  return window;
}

/** Records a gap of the sink; `known` is what the place's state names. */
async function gapOf(
  from: number,
  to: number,
  more: { sink?: string; pointer?: string; place?: typeof PLACE; nowMs?: number } = {},
) {
  const { sink = "splunk", place = PLACE, nowMs = 1000 } = more;
  const pointer = more.pointer ?? `live.${sink}`;
  const { gaps } = await bench.store.readState(place.tenant, place.source);
  const known = gaps.get(pointer);
  return await bench.store.recordGap(FENCE, place, { sink, pointer, known }, span(from, to), nowMs);
}

const advance = (window: LongWindow, cursor: number, more: object = {}) =>
  bench.store.advance(FENCE, window, {
    ...{ cursor: NOON + BigInt(cursor), read: 0, queued: 0, batches: [], nowMs: 2000, ...more },
  });
const openIds = async () => (await bench.store.openWindows()).map(({ id }) => id);
/** From, cursor and to, as `span` takes them. */
const spanOf = async (id: string) => {
  const { from, cursor, to } = await windowOf(id);
  return [from, cursor, to].map((ticks) => Number(ticks - NOON));
};

describe("a long window", () => {
  it("begins where nothing of it is read", async () => {
    expect(await opened()).toEqual({ ...aRequest(), cursor: aRequest().from, read: 0, queued: 0, grown: 0 });
  });

  it("is one however often it is opened", async () => {
    const window = await opened();
    await advance(window, 40, { read: 7, queued: 3 });

    await bench.store.openWindow(aRequest({ createdMs: 9999 }));

    expect(await windowOf(window.id)).toMatchObject({
      cursor: NOON + 40n,
      read: 7,
      queued: 3,
      createdMs: 1000,
    });
    expect(await openIds()).toEqual([window.id]);
  });

  it("is opened anew once it is done", async () => {
    const window = await opened();
    await advance(window, 100, { read: 7, queued: 3 });

    await bench.store.openWindow(aRequest({ ...span(50, 200), createdMs: 9999 }));

    expect(await windowOf(window.id)).toEqual({
      ...aRequest({ ...span(50, 200), createdMs: 9999 }),
      ...{ cursor: NOON + 50n, read: 0, queued: 0, grown: 0 },
    });
    expect(await bench.server.client.ttl(`test:window:${window.id}`)).toBe(-1);
  });

  it("stands in the list of open ones, the oldest first", async () => {
    expect(await openIds()).toEqual([]);
    await opened({ id: "b", createdMs: 2 });
    await opened({ id: "c", createdMs: 1 });
    await opened({ id: "a", createdMs: 2 });

    expect(await openIds()).toEqual(["c", "a", "b"]);
    expect(await bench.store.window("replay.nothing")).toBeUndefined();
  });
});

describe("reading on in a long window", () => {
  it("adds up what was read and queued, to the last tick", async () => {
    const window = await opened();

    const ends = [
      await advance(window, 1, { read: 10, queued: 4 }),
      await advance(window, 99, { read: 5, queued: 0 }),
    ];

    expect(ends).toEqual(["more", "more"]);
    expect(await windowOf(window.id)).toMatchObject({ cursor: NOON + 99n, read: 15, queued: 4 });
  });

  it("ends it exactly at its end", async () => {
    const window = await opened();

    const ends = [await advance(window, 99), await advance(window, 100)];

    expect(ends).toEqual(["more", "done"]);
    expect(await openIds()).toEqual([]);
    expect(await windowOf(window.id)).toMatchObject({ cursor: NOON + 100n, doneMs: 2000 });
  });

  it("remembers a window that is done for a day", async () => {
    const window = await opened();
    const before = await bench.server.client.ttl(`test:window:${window.id}`);
    await advance(window, 100);

    const seconds = await bench.server.client.ttl(`test:window:${window.id}`);

    expect(before).toBe(-1);
    expect(seconds).toBeLessThanOrEqual(DAY_MS / 1000);
    expect(seconds).toBeGreaterThan(DAY_MS / 1000 - 60);
  });

  it("drops from its own pending list what is in its queue, and nothing else", async () => {
    const window = await opened();
    const other = await opened({ id: "replay.1" });
    const live = await bench.sealed([anAlert({ id: "live" })]);
    const first = await bench.sealed(alerts(2), {}, { ...NEW, window: window.id });
    const second = await bench.sealed(alerts(2), { sink: "archive" }, { ...NEW, window: window.id });
    const others = await bench.sealed([anAlert({ id: "b" })], {}, { ...NEW, window: other.id });

    const batches = [first, others, live].map(({ id }) => ({ id, sink: "splunk", priority: 5 }));
    await advance(window, 10, { batches });

    expect(await bench.store.pendingOf(window)).toEqual([{ id: second.id, sink: "archive", priority: 5 }]);
    expect(await bench.store.pendingOf(other)).toMatchObject([{ id: others.id }]);
    expect(await bench.pendingIds()).toEqual([live.id]);
  });

  it("seals a batch of its own once, even one that was delivered meanwhile", async () => {
    const window = await opened({ id: "replay.1", kind: "replay" });
    const how = { ...AGAIN, window: window.id };
    const batch = await bench.sealed(alerts(2), { id: "b-replay" }, how);
    await bench.store.settle(batch, { delivered: 2, dead: [], attempts: 1 }, 9);

    await bench.sealed(alerts(2), { id: "b-replay" }, how);

    expect(await bench.store.loadBatch("b-replay")).toBeUndefined();
    expect(await bench.row()).toMatchObject({ enqueued: 2, delivered: 2, waiting: 0 });
  });

  it("is refused once it is done", async () => {
    const window = await opened();
    await advance(window, 100);

    await expect(advance(window, 50)).rejects.toThrow(FencedOff);

    expect(await windowOf(window.id)).toMatchObject({ cursor: NOON + 100n });
  });

  it("is refused to whoever lost the job", async () => {
    const window = await opened();
    const batch = await bench.sealed(alerts(2), {}, { ...NEW, window: window.id });
    await bench.loseLock();

    const step = { batches: [{ id: batch.id, sink: "splunk", priority: 5 }], read: 4 };
    await expect(advance(window, 100, step)).rejects.toThrow(FencedOff);

    expect(await windowOf(window.id)).toEqual({ ...window });
    expect(await openIds()).toEqual([window.id]);
    expect(await bench.store.pendingOf(window)).toMatchObject([{ id: batch.id }]);
  });
});

describe("a hole", () => {
  const aHole = aRequest({ id: holeId("live.contoso.graph_alerts", NOON), kind: "hole", ...span(0, 1) });
  const holesOf = async () => (await bench.store.readState(PLACE.tenant, PLACE.source)).holes;

  it("is a window, and its place names it as long as it is open", async () => {
    expect(await bench.store.recordHole(aHole, true)).toBe(true);

    const open = await bench.store.openHoles(PLACE, await holesOf());
    expect(open).toEqual([{ ...aHole, cursor: NOON, read: 0, queued: 0, grown: 0 }]);
    expect(await openIds()).toEqual([aHole.id]);
    expect(await holesOf()).toEqual([aHole.id]);

    expect(await advance(await windowOf(aHole.id), 1)).toBe("done");
    expect(await bench.store.openHoles(PLACE, await holesOf())).toEqual([]);
    expect(await holesOf()).toEqual([]);
  });

  it("is one however often it is met", async () => {
    await bench.store.recordHole(aHole, true);

    expect(await bench.store.recordHole({ ...aHole, createdMs: 9999 }, true)).toBe(false);

    expect(await windowOf(aHole.id)).toMatchObject({ createdMs: 1000 });
  });

  it("that a long window has met is none that rounds pass over", async () => {
    expect(await bench.store.recordHole(aHole, false)).toBe(true);

    expect(await openIds()).toEqual([aHole.id]);
    expect(await holesOf()).toEqual([]);
  });

  it("is passed over by rounds that meet it after a long window has", async () => {
    await bench.store.recordHole(aHole, false);

    expect(await bench.store.recordHole(aHole, true)).toBe(false);

    expect(await holesOf()).toEqual([aHole.id]);
  });

  it("leaves what else its place knows as it is", async () => {
    await gapOf(10, 20);
    await bench.store.recordHole(aHole, true);
    const before = await bench.store.readState(PLACE.tenant, PLACE.source);
    await advance(await windowOf(aHole.id), 1);

    await bench.store.openHoles(PLACE, before.holes);

    expect(await bench.store.readState(PLACE.tenant, PLACE.source)).toEqual({ ...before, holes: [] });
  });
});

describe("a gap", () => {
  it("is opened for its sink, and its place names it", async () => {
    const { id, isNew } = await gapOf(10, 20);

    expect(isNew).toBe(true);
    expect(await windowOf(id)).toEqual({
      id,
      kind: "gap",
      ...PLACE,
      sinks: ["splunk"],
      ...span(10, 20),
      cursor: NOON + 10n,
      read: 0,
      queued: 0,
      grown: 0,
      createdMs: 1000,
    });
    expect(await openIds()).toEqual([id]);
    expect((await bench.store.readState(PLACE.tenant, PLACE.source)).gaps).toEqual(new Map([[LIVE, id]]));
  });

  it.each([
    ["behind it", 20, 30, [10, 10, 30]],
    ["over its end", 15, 30, [10, 10, 30]],
    ["before it", 5, 10, [5, 5, 20]],
    ["over its beginning", 5, 15, [5, 5, 20]],
    ["within it", 12, 18, [10, 10, 20]],
    ["around it", 5, 25, [5, 5, 25]],
    ["that is the same", 10, 20, [10, 10, 20]],
  ])("grows by a span that touches it: %s", async (_, from, to, wanted) => {
    const first = await gapOf(10, 20);

    const second = await gapOf(from, to, { nowMs: 7777 });

    expect(second).toEqual({ id: first.id, isNew: false });
    expect(await spanOf(first.id)).toEqual(wanted);
    expect(await windowOf(first.id)).toMatchObject({ createdMs: 1000 });
    expect(await openIds()).toEqual([first.id]);
  });

  it.each([
    ["within what is read of it", 12, 18, 12, 20],
    ["from what is read of it on", 12, 30, 12, 30],
    ["before it", 5, 12, 5, 20],
  ])("that is being read goes back to where the span begins: %s", async (_, from, to, cursor, end) => {
    const { id } = await gapOf(10, 20);
    await advance(await windowOf(id), 15, { read: 3 });

    await gapOf(from, to);

    expect(await spanOf(id)).toEqual([Math.min(10, from), cursor, end]);
  });

  it("keeps its cursor where the span is still to be read", async () => {
    const { id } = await gapOf(10, 20);
    await advance(await windowOf(id), 15);

    await gapOf(15, 30);

    expect(await spanOf(id)).toEqual([10, 15, 30]);
  });

  it.each([
    ["later", 21, 30],
    ["earlier", 2, 9],
  ])("that a span does not touch stays, and another is opened: %s", async (_, from, to) => {
    const first = await gapOf(10, 20);

    const second = await gapOf(from, to, { nowMs: 2000 });

    expect(second.isNew).toBe(true);
    expect(await openIds()).toEqual([first.id, second.id]);
    expect(await spanOf(first.id)).toEqual([10, 10, 20]);
    expect(await spanOf(second.id)).toEqual([from, from, to]);
    expect((await bench.store.readState(PLACE.tenant, PLACE.source)).gaps.get(LIVE)).toBe(second.id);
  });

  it.each([
    ["at its end", 15, 20, 30, 15],
    ["before what was read", 15, 12, 18, 12],
    ["behind its cursor, in what was read just then", 10, 12, 18, 10],
    ["as before", 10, 10, 20, 10],
  ])("is not carried on by a turn that read before it grew: %s", async (_, read, from, to, cursor) => {
    const { id } = await gapOf(10, 20);
    await advance(await windowOf(id), read);
    const before = await windowOf(id);
    await gapOf(from, to);
    const batch = await bench.sealed(alerts(2), {}, { ...NEW, window: id });

    const step = { batches: [{ id: batch.id, sink: "splunk", priority: 5 }], read: 4, queued: 2 };
    expect(await advance(before, 20, step)).toBe("grown");

    expect(await openIds()).toEqual([id]);
    expect(await spanOf(id)).toEqual([10, cursor, Math.max(20, to)]);
    const now = await windowOf(id);
    expect(now).toMatchObject({ read: 4, queued: 2 });
    expect(await bench.store.pendingOf(now)).toEqual([]);
    expect(await advance(now, Math.max(20, to))).toBe("done");
  });

  it("is opened anew once it is done", async () => {
    const first = await gapOf(10, 20);
    await advance(await windowOf(first.id), 20, { read: 5, queued: 5 });

    const again = await gapOf(10, 30, { nowMs: 3000 });

    expect(again).toEqual({ id: first.id, isNew: true });
    expect(await windowOf(first.id)).toEqual({
      ...{ id: first.id, kind: "gap", ...PLACE, sinks: ["splunk"], ...span(10, 30) },
      ...{ cursor: NOON + 10n, read: 0, queued: 0, grown: 0, createdMs: 3000 },
    });
    expect(await bench.server.client.ttl(`test:window:${first.id}`)).toBe(-1);
    expect(await openIds()).toEqual([first.id]);
  });

  it("that is done does not grow, though the place still names it", async () => {
    const first = await gapOf(10, 20);
    await advance(await windowOf(first.id), 20);

    const second = await gapOf(15, 30);

    expect(second.isNew).toBe(true);
    expect(second.id).not.toBe(first.id);
    expect(await openIds()).toEqual([second.id]);
  });

  it("is one for each sink, place and occasion", async () => {
    const gaps = [
      await gapOf(10, 20),
      await gapOf(10, 20, { sink: "archive" }),
      await gapOf(10, 20, { pointer: "backfill.splunk" }),
      await gapOf(10, 20, { place: { tenant: "fabrikam", source: "graph_alerts" } }),
      await gapOf(10, 20, { place: { tenant: "contoso", source: "mde_alerts" } }),
    ];

    expect(new Set(gaps.map(({ id }) => id)).size).toBe(gaps.length);
    expect(await openIds()).toHaveLength(gaps.length);
  });

  it("grows from one that begins there, where the place names another one by now", async () => {
    const first = await gapOf(10, 20);
    await gapOf(50, 60);

    expect(await gapOf(10, 12)).toEqual({ id: first.id, isNew: false });
    expect(await gapOf(10, 25)).toEqual({ id: first.id, isNew: false });

    expect(await spanOf(first.id)).toEqual([10, 10, 25]);
    expect(await openIds()).toHaveLength(2);
  });

  it("is recorded by nobody who lost the job", async () => {
    const { id } = await gapOf(10, 20);
    await bench.loseLock();

    await expect(gapOf(20, 30)).rejects.toThrow(FencedOff);
    await expect(gapOf(50, 60)).rejects.toThrow(FencedOff);

    expect(await spanOf(id)).toEqual([10, 10, 20]);
    expect(await openIds()).toEqual([id]);
  });
});

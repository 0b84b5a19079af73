import { describe, expect, it } from "vitest";
import { openBench } from "./bench.ts";

const HOUR_MS = 3_600_000;

describe("the calls of a tenant", () => {
  it("are no more in a span than are allowed, whichever replica makes them", async () => {
    const { server, store, storeOver } = await openBench();
    const replica = storeOver(server.client.duplicate());
    const limits = [{ most: 7, spanMs: HOUR_MS }];

    const waits = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        (index % 2 === 0 ? store : replica).takeCall("contoso", "graph", limits),
      ),
    );

    expect(waits.filter((wait) => wait === 0)).toHaveLength(7);
    for (const wait of waits.filter((each) => each > 0)) {
      expect(wait).toBeGreaterThan(HOUR_MS - 60_000);
      expect(wait).toBeLessThanOrEqual(HOUR_MS);
    }
    expect(await store.takeCall("fabrikam", "graph", limits)).toBe(0);
    expect(await store.takeCall("contoso", "defender", limits)).toBe(0);
  });

  it("may be made again when the oldest has left the span, and the longest wait counts", async () => {
    const { server, store } = await openBench();
    const limits = [
      { most: 2, spanMs: 1 },
      { most: 3, spanMs: HOUR_MS },
    ];
    const take = async () => {
      await new Promise((later) => setTimeout(later, 5));
      return await store.takeCall("contoso", "graph", limits);
    };

    expect([await take(), await take(), await take()]).toEqual([0, 0, 0]);
    expect(await take()).toBeGreaterThan(1);
    // What was refused was not counted, and no more is kept than is asked for.
    expect(await server.client.llen("test:calls:contoso:graph")).toBe(3);
    expect(await server.client.pttl("test:calls:contoso:graph")).toBeGreaterThan(HOUR_MS - 60_000);
  });

  it("leave some for the live rounds, since a backlog may make fewer", async () => {
    const { store } = await openBench();
    const live = [{ most: 5, spanMs: HOUR_MS }];
    const backlog = [{ most: 3, spanMs: HOUR_MS }];
    const taken: number[] = [];
    for (const limits of [backlog, backlog, backlog, backlog, live, live, live])
      taken.push(await store.takeCall("contoso", "graph", limits));

    expect(taken.map((wait) => wait === 0)).toEqual([true, true, true, false, true, true, false]);
  });
});

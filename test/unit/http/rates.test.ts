import { expect, it } from "vitest";
import { clientOf, createRate } from "../../../src/http/rates.ts";

it("lets a burst through, then as many as the time brings", () => {
  let nowMs = 1000;
  const rate = createRate({ perSecond: 2, burst: 3 }, () => nowMs);
  const take = (count: number) => Array.from({ length: count }, () => rate.take("a"));

  expect(take(5)).toEqual([0, 0, 0, 1, 1]);
  nowMs += 1000;
  expect(take(3)).toEqual([0, 0, 1]);
  nowMs += 3_600_000;
  expect(take(4)).toEqual([0, 0, 0, 1]);
});

it("says how long is to be waited, without counting it", () => {
  const rate = createRate({ perSecond: 0.1, burst: 1 }, () => 0);
  expect([rate.wait("a"), rate.take("a"), rate.wait("a"), rate.wait("a")]).toEqual([0, 0, 10, 10]);
});

it("remembers so many clients, and of more those that came last", () => {
  const rate = createRate({ perSecond: 0.001, burst: 1 }, () => 0, 2);
  for (const client of ["a", "b", "a", "c"]) rate.take(client);

  expect(rate.wait("a")).toBeGreaterThan(0);
  expect(rate.wait("b")).toBe(0);
  expect(rate.wait("c")).toBeGreaterThan(0);
});

it.each([
  ["127.0.0.1", "127.0.0.1"],
  ["::ffff:10.1.2.3", "10.1.2.3"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["2001:db8::2:3:4:5:6", "2001:db8:0:2::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
  [undefined, ""],
])("takes %s for the client %s", (address, client) => {
  expect(clientOf(address)).toBe(client);
});

import { describe, expect, it } from "vitest";
import { linkLocalAddress, lookupOutside } from "../../../src/net/link-local.ts";

describe("a link-local address", () => {
  it.each([
    ["169.254.0.0", "169.254.0.0"],
    ["169.254.255.255", "169.254.255.255"],
    ["[fe80::1]", "fe80::1"],
    ["fe80::1%lo", "fe80::1%lo"],
    ["::ffff:169.254.169.254", "::ffff:169.254.169.254"],
    ["fd00:ec2::254", "fd00:ec2::254"],
  ])("is found: %s", async (hostname, address) => {
    expect(await linkLocalAddress(hostname)).toBe(address);
  });

  // The system's resolver reads these as numbers, so no server is asked.
  it.each(["169.254.43518", "0xa9fea9fe"])("is found behind a name: %s", async (name) => {
    expect(await linkLocalAddress(name)).toBe("169.254.169.254");
  });

  it.each([
    "169.253.255.255",
    "169.255.0.0",
    "127.0.0.1",
    "10.0.0.1",
    "::1",
    "fec0::1",
    "fd00::1",
    "localhost",
  ])("is not seen in %s", async (hostname) => {
    expect(await linkLocalAddress(hostname)).toBeUndefined();
  });
});

describe("looking up outside of it", () => {
  it.each([{}, { all: true }])("finds what is elsewhere, and nothing link-local (%o)", async (options) => {
    const outcome = (name: string) =>
      new Promise((done) => lookupOutside(name, options, (cause, found) => done(cause?.code ?? found)));

    expect(await outcome("127.1")).toEqual(
      "all" in options ? [{ address: "127.0.0.1", family: 4 }] : "127.0.0.1",
    );
    expect(await outcome("169.254.43518")).toBe("ENOTFOUND");
  });
});

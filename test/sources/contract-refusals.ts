import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { SourceError } from "../../src/model/failure.ts";
import type { Slice } from "../../src/sources/source.ts";
import { until } from "../support/until.ts";
import { aBench, alertsOf, askedSpan, endless, expectAll, HOUR, type SourceSubject } from "./bench.ts";

/** What a source makes of everything but a good page: one clear error, and no alert lost or invented. */
export function describeRefusals(subject: SourceSubject): void {
  describe("a throttled source", () => {
    it.each([
      ["a whole number", "2", 2000],
      ["a fraction", "2.128", 2128],
      ["nothing", undefined, undefined],
      ["something that is no time", "soon", undefined],
      ["more than an hour", "86400", 3_600_000],
    ])(
      "waits as long as it is told by %s, and is read the next time",
      async (_, retryAfter, retryAfterMs) => {
        const bench = await aBench(subject);
        const versions = bench.add(3);
        bench.api.fault = { kind: "throttled", retryAfter, times: 1 };

        const { error, slices } = await bench.fail();

        expect(error).toMatchObject({ name: "SourceError", kind: "throttled", status: 429, retryAfterMs });
        expect(slices).toEqual([]);
        expectAll(await bench.read(), versions);
      },
    );

    it("waits until the date it is told", async () => {
      const bench = await aBench(subject);
      const retryAfter = new Date(Date.now() + 100_000).toUTCString();
      bench.api.fault = { kind: "throttled", retryAfter, times: 1 };

      const { error } = await bench.fail();

      expect(error.kind).toBe("throttled");
      expect(error.retryAfterMs).toBeGreaterThan(50_000);
      expect(error.retryAfterMs).toBeLessThan(150_000);
    });

    it("is what one is that is unavailable and names the time to come back", async () => {
      const bench = await aBench(subject);
      bench.api.fault = { kind: "unavailable", retryAfter: "10" };
      const { error: named } = await bench.fail();
      bench.api.fault = { kind: "unavailable" };
      const { error: unnamed } = await bench.fail();

      expect([named.kind, named.retryAfterMs]).toEqual(["throttled", 10_000]);
      expect([unnamed.kind, unnamed.retryAfterMs]).toEqual(["transient", undefined]);
    });
  });

  describe("a source that is not let in", () => {
    it("names the roles it lacks, and is read once they are granted", async () => {
      const bench = await aBench(subject);
      const versions = bench.add(3);
      const granted = bench.tenant.entra.roles[subject.api];
      bench.tenant.entra.roles[subject.api] = [];
      // A token says what was granted when it was made.
      bench.tenant.entra.tokenLifetimeSeconds = 1;

      const { error, slices } = await bench.fail();
      bench.tenant.entra.roles[subject.api] = granted;

      expect(error).toMatchObject({ kind: "unauthorized", status: 403, code: "Forbidden" });
      expect(error.message).toContain(subject.role);
      expect(error.requestId).toMatch(/^[0-9a-f-]{36}$/);
      expect(slices).toEqual([]);
      await until("the role is in the token", async () => {
        const read = await bench.read().catch(() => []);
        return alertsOf(read).length === versions.length;
      });
    });

    it("asks for one new token, and once more", async () => {
      const bench = await aBench(subject);
      const versions = bench.add(3);
      bench.api.fault = { kind: "unauthorized", times: 1 };

      expectAll(await bench.read(), versions);
      expect(bench.api.requests.map(({ status }) => status)).toEqual([401, 200]);
      expect(bench.tenant.entra.requests).toHaveLength(2);
    });

    it("does not ask a third time", async () => {
      const bench = await aBench(subject);
      bench.api.fault = { kind: "unauthorized", message: "Account is not provisioned." };

      const { error } = await bench.fail();

      expect(error).toMatchObject({
        kind: "unauthorized",
        status: 401,
        message: expect.stringContaining("Account is not provisioned."),
      });
      expect(bench.api.requests).toHaveLength(2);
      expect(bench.tenant.entra.requests).toHaveLength(2);
    });

    it("reads on with a new token when the old one ends in the middle", async () => {
      const bench = await aBench(subject, { pageSize: 10 });
      const versions = bench.add(60, { size: "small" });
      const slices = [];

      for await (const slice of bench.reader.read(HOUR, endless())) {
        if (slices.push(slice) === 2) bench.api.tokensValidFrom = Date.now();
      }

      expectAll(slices, versions);
      expect(bench.api.statuses.get(401)).toBe(1);
      expect(bench.tenant.entra.requests).toHaveLength(2);
    });

    it("says which consent is missing", async () => {
      const bench = await aBench(subject);
      bench.tenant.entra.consents.clear();

      const { error } = await bench.fail();

      expect(error).toMatchObject({ kind: "unauthorized", code: "AADSTS7000229" });
      expect(error.message).toContain(bench.tenant.tenantId);
      expect(bench.api.requests).toEqual([]);
    });

    it("tells no secret and no token", async () => {
      const bench = await aBench(subject);
      bench.tenant.app.secrets = [];
      const { error: atEntra } = await bench.fail();
      bench.tenant.app.secrets = [{ value: bench.tenant.clientSecret }];
      const errors = [atEntra];
      for (const kind of ["forbidden", "html", "reset"] as const) {
        bench.api.fault = { kind };
        errors.push((await bench.fail()).error);
      }

      for (const error of errors) {
        expect(error).toBeInstanceOf(SourceError);
        const told = inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true });
        expect(told).not.toContain(bench.tenant.clientSecret);
        expect(told).not.toMatch(/Bearer|eyJ/);
      }
    });
  });

  describe("a source that fails", () => {
    it("is asked for smaller parts, and then for no more", async () => {
      const bench = await aBench(subject);
      bench.api.fault = { kind: "server-error" };

      const { error, slices } = await bench.fail();

      expect(error).toMatchObject({ kind: "transient", status: 500 });
      expect(slices).toEqual([]);
      const widths = bench.api.requests.map(askedSpan).map(({ from, to }) => to - from);
      expect(widths).toEqual([1n, 2n, 4n, 8n].map((divisor) => (HOUR.to - HOUR.from) / divisor));
    });

    it("is read whole when only the large part fails", async () => {
      const bench = await aBench(subject);
      const versions = bench.add(20);
      bench.api.fault = { kind: "server-error", times: 2 };

      const slices = await bench.read();

      expectAll(slices, versions);
      expect(slices.length).toBeGreaterThan(1);
    });

    it.each([
      [{ kind: "html" }, "HTML"],
      [{ kind: "empty-body" }, "an empty answer"],
      [{ kind: "truncated" }, "no complete JSON list"],
      [{ kind: "cut-off" }, "broke off"],
      [{ kind: "reset" }, "broke off"],
      [{ kind: "bad-gateway" }, "502"],
    ] as const)("with %o keeps what was read before, and invents nothing", async (fault, words) => {
      const bench = await aBench(subject, { pageSize: 10 });
      const versions = bench.add(30, { size: "small" });
      const slices: Slice[] = [];

      const reading = (async () => {
        for await (const slice of bench.reader.read(HOUR, endless())) {
          slices.push(slice);
          bench.api.fault = { ...fault };
        }
      })();

      await expect(reading).rejects.toMatchObject({
        name: "SourceError",
        kind: "transient",
        message: expect.stringContaining(words),
      });
      expect(slices).toHaveLength(1);
      bench.api.fault = undefined;
      expectAll(await bench.read(), versions);
    });

    it("and hangs is given up after the time limit, and read the next time", async () => {
      const bench = await aBench(subject, { timeoutMs: 800 });
      const versions = bench.add(3, { size: "small" });
      await bench.reader.probe(endless());
      bench.api.fault = { kind: "hang", times: 1 };

      const { error, slices } = await bench.fail();

      expect(error.kind).toBe("transient");
      expect(error.code).toMatch(/^(ETIMEDOUT|ECONNABORTED)$/);
      expect(slices).toEqual([]);
      expectAll(await bench.read(), versions);
    });

    it("and gives the whole list whatever it is asked for is not read for ever", async () => {
      const bench = await aBench(subject, { pageSize: 10 });
      bench.add(30, { size: "small" });
      bench.api.fault = { kind: "ignored-filter" };

      const { error, slices } = await bench.fail();

      expect(error).toMatchObject({ kind: "transient", code: "filter-not-honoured" });
      expect(slices).toEqual([]);
      expect(bench.api.requests.length).toBeLessThan(60);
    });

    it("and is not there at all is transient", async () => {
      const bench = await aBench(subject);
      await bench.world.defender[subject.api].stop();

      const { error } = await bench.fail();

      expect(error).toMatchObject({ kind: "transient", code: "ECONNREFUSED" });
    });
  });

  describe("a signal", () => {
    it("ends a read under way with its own reason", async () => {
      const bench = await aBench(subject);
      bench.api.fault = { kind: "hang" };
      const stop = new AbortController();
      const reading = bench.read(HOUR, stop.signal);
      reading.catch(() => undefined);
      await until("the request is there", () => bench.api.requests.length === 1);

      stop.abort(new Error("stopping"));

      await expect(reading).rejects.toThrow("stopping");
    });

    it("that was given before keeps the source from asking", async () => {
      const bench = await aBench(subject);

      await expect(bench.read(HOUR, AbortSignal.abort(new Error("stopping")))).rejects.toThrow("stopping");

      expect(bench.api.requests).toEqual([]);
      expect(bench.tenant.entra.requests).toEqual([]);
    });
  });

  describe("tokens", () => {
    it("are asked for once by many reads at a time, and kept for the next", async () => {
      const bench = await aBench(subject);
      bench.add(3);

      await Promise.all(Array.from({ length: 8 }, () => bench.read()));
      await bench.read();

      expect(bench.api.statuses.get(200)).toBe(9);
      expect(bench.tenant.entra.requests).toHaveLength(1);
    });
  });

  describe("a probe", () => {
    it("reads one small page", async () => {
      const bench = await aBench(subject);
      bench.add(5);

      expect(await bench.reader.probe(endless())).toBe(1);
      expect(bench.api.requests.map(({ query }) => query["$top"])).toEqual(["1"]);
    });

    it("fails as a read does", async () => {
      const bench = await aBench(subject);
      bench.tenant.entra.roles[subject.api] = [];

      await expect(bench.reader.probe(endless())).rejects.toMatchObject({ kind: "unauthorized" });
    });
  });
}

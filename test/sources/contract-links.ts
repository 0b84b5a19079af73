import { describe, expect, it, onTestFinished } from "vitest";
import { listen } from "../../src/simulate/listener.ts";
import {
  aBench,
  alertsOf,
  aScriptedApi,
  type Bench,
  bareAlert,
  expectAll,
  HOUR,
  NOON,
  page,
  type SourceSubject,
  tickOf,
} from "./bench.ts";

/** How far a source trusts the links that an API gives: they are foreign data. */
export function describeLinks(subject: SourceSubject): void {
  describe("a next link", () => {
    it("to another host is refused, and no token is sent there", async () => {
      const bench = await aTick(subject);
      let visits = 0;
      const foreign = await listen((_, response) => {
        visits++;
        response.end();
      });
      onTestFinished(() => foreign.stop());
      bench.api.fault = { kind: "foreign-next-link", link: `${foreign.origin}${subject.path}?$skip=2` };

      const { error, slices } = await bench.fail(tickOf(NOON));

      expect(error).toMatchObject({ kind: "transient", code: "foreign-next-link" });
      expect(slices).toEqual([]);
      expect(visits).toBe(0);
    });

    it("that repeats is followed no further", async () => {
      const bench = await aTick(subject);
      bench.api.fault = { kind: "repeating-next-link" };

      const { error, slices } = await bench.fail(tickOf(NOON));

      expect(error).toMatchObject({ kind: "transient", code: "repeated-next-link" });
      expect(slices).toEqual([]);
      expect(bench.api.requests).toHaveLength(2);
    });

    it("of an empty page is followed", async () => {
      const bench = await aBench(subject);
      const versions = bench.add(12);
      bench.api.fault = { kind: "empty-page-with-next", times: 1 };

      expectAll(await bench.read(), versions);
    });

    it("that the API itself refuses has the part read in smaller ones", async () => {
      const api = await aScriptedApi((url, call) => {
        if (call === 1) return { body: page([], `${url.origin}${subject.path}?$skiptoken=x`) };
        if (call === 2) return { status: 400, body: '{"error":{"code":"BadRequest","message":"SkipToken"}}' };
        return { body: page([bareAlert(subject, { id: `a${call}` })]) };
      });
      const bench = await aBench(subject, { origin: api.origin });

      const slices = await bench.read();

      expect(alertsOf(slices).map(({ id }) => id)).toEqual(["a3", "a4"]);
      expect(slices.map(({ to }) => to)).toEqual([(HOUR.from + HOUR.to) / 2n, HOUR.to]);
    });
  });
}

/** A bench with two alerts in one tick, whose next link cannot be avoided by halving. */
async function aTick(subject: SourceSubject): Promise<Bench> {
  const bench = await aBench(subject);
  bench.add(2, { at: NOON, sameInstant: true, spreadMs: 0 });
  return bench;
}

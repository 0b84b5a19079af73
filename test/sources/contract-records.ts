import { deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import {
  aBench,
  alertsOf,
  aScriptedApi,
  bareAlert,
  expectAll,
  NOON,
  page,
  type SourceSubject,
  ticksOf,
} from "./bench.ts";

/** What a source makes of the records themselves: it carries them as they are, and stumbles over none. */
export function describeRecords(subject: SourceSubject): void {
  const { created, updated, tenantId } = subject;

  describe("a record", () => {
    it("keeps 64-bit numbers, digits, escapes, spaces and the order of keys", async () => {
      const bench = await aBench(subject);
      const raw =
        `{ "z" : 9223372036854775807, "a":-0.10e+02 ,"b":1.50,"title":"\\u00fc \\/ \\" \\\\ }],{ \u2028 \u00fc \u{1f600}",\r\n` +
        `\t"id":"da-1","${created}":"2026-05-04T05:30:00Z","${updated}":"${NOON}","nested":[[],[{"value":[]}],{}] }`;
      bench.plant(raw);

      expect(alertsOf(await bench.read()).map((alert) => String(alert.raw))).toEqual([raw]);
    });

    it("may have keys that nobody knows", async () => {
      const bench = await aBench(subject);
      const versions = bench.add(3, {
        with: { value: [{ id: 1 }], "@odata.nextLink": "x", brandNew: { a: null } },
      });

      expectAll(await bench.read(), versions);
    });

    it("may have null where a list was", async () => {
      const bench = await aBench(subject);
      const versions = bench.add(3, {
        with: { evidence: null, comments: null, mitreTechniques: null, [subject.title]: null },
      });

      const slices = await bench.read();

      expectAll(slices, versions);
      expect(alertsOf(slices).map(({ title }) => title)).toEqual(["", "", ""]);
    });

    it("may have words that no enumeration has", async () => {
      const bench = await aBench(subject);
      const versions = bench.add(1, { with: { severity: "catastrophic", status: "unknownFutureValue" } });

      const slices = await bench.read();

      expectAll(slices, versions);
      expect(alertsOf(slices)).toMatchObject([{ severity: "unknown" }]);
    });

    it("of another tenant is passed on with that tenant's id", async () => {
      const bench = await aBench(subject);
      const versions = bench.add(2);
      bench.api.fault = { kind: "foreign-tenant", times: 1 };

      const alerts = alertsOf(await bench.read());

      expect(alerts.map((alert) => alert.tenantId).sort()).toEqual(
        [bench.tenant.tenantId, bench.tenant.tenantId, "f0000000-0000-4000-8000-00000000beef"].sort(),
      );
      expect(alerts).toHaveLength(versions.length + 1);
    });

    it.each([
      ["a text", '"microsoft.graph.security.alert"', "not-an-object"],
      ["null", "null", "not-an-object"],
      ["a list", "[1, 2]", "not-an-object"],
      ["a number", "17", "not-an-object"],
      ["an object without an id", bareAlert(subject, { id: undefined }), "missing-id"],
      ["an object with an empty id", bareAlert(subject, { id: " " }), "missing-id"],
      ["an object whose id is a number", bareAlert(subject, { id: 17 }), "missing-id"],
      [
        "an object without any time",
        bareAlert(subject, { [updated]: undefined, [created]: null }),
        "missing-time",
      ],
    ])("that is %s is set aside with the reason, and the others are read", async (_, raw, reason) => {
      const bench = await aBench(subject);
      const versions = bench.add(3);
      bench.plant(raw);

      const slices = await bench.read();

      expectAll(slices, versions);
      expect(slices.flatMap(({ unreadable }) => unreadable)).toEqual([
        { reason, raw, id: expect.stringMatching(/^[0-9a-f]{64}$/) },
      ]);
    });

    it.each([
      ["no last update", { [updated]: null }, "2026-05-04T05:30:00Z", ticksOf("2026-05-04T05:30:00Z")],
      ["an empty last update", { [updated]: "" }, "2026-05-04T05:30:00Z", ticksOf("2026-05-04T05:30:00Z")],
      ["no zone", { [updated]: "2026-05-04T05:36:51.03" }, undefined, ticksOf("2026-05-04T05:36:51.03Z")],
      [
        "an offset",
        { [updated]: "2026-05-04T07:36:51.03+02:00" },
        undefined,
        ticksOf("2026-05-04T05:36:51.03Z"),
      ],
      ["nine digits", { [updated]: "2026-05-04T05:36:51.123456789Z" }, undefined, ticksOf(NOON)],
      ["a time to come", { [updated]: "2099-01-01T00:00:00Z" }, undefined, ticksOf("2099-01-01T00:00:00Z")],
    ])("with %s is an alert of the right version", async (_, more, text, ticks) => {
      const bench = await aBench(subject);
      const raw = bareAlert(subject, more);
      bench.plant(raw);

      expect(alertsOf(await bench.read())).toMatchObject([
        {
          version: String(ticks),
          updatedText: text ?? more[updated],
          updatedMs: Number(ticks / 10_000n),
          raw: Buffer.from(raw),
        },
      ]);
    });

    it.each([
      "String (timestamp)",
      "2025-07-03T12:16:01+053088Z",
      "2026-02-30T00:00:00Z",
      "0001-01-01T00:00:00Z",
    ])("with %s for a time is an alert whose version is that text", async (told) => {
      const bench = await aBench(subject);
      bench.plant(bareAlert(subject, { [updated]: told }));

      expect(alertsOf(await bench.read())).toMatchObject([
        { version: `~${told}`, updatedText: told, updatedMs: undefined },
      ]);
    });

    it("tells what filters and receivers ask for", async () => {
      const bench = await aBench(subject);
      const more = { severity: "High", [subject.title]: "Beispiel", [tenantId]: bench.tenant.tenantId };
      bench.plant(bareAlert(subject, more));

      expect(alertsOf(await bench.read())).toMatchObject([
        {
          id: "da00000000-bare_1",
          severity: "high",
          title: "Beispiel",
          tenantId: bench.tenant.tenantId,
          createdText: "2026-05-04T05:30:00Z",
        },
      ]);
    });
  });

  describe("an answer", () => {
    it.each([
      ["plain", (text: string) => Buffer.from(text), undefined],
      ["gzip", (text: string) => gzipSync(text), "gzip"],
      ["deflate", (text: string) => deflateSync(text), "deflate"],
      ["deflate without its frame", (text: string) => deflateRawSync(text), "deflate"],
    ])("may be packed as %s", async (_, pack, encoding) => {
      const alert = bareAlert(subject, { title: "Grüße \u{1f600}" });
      const headers = encoding === undefined ? {} : { "content-encoding": encoding };
      const api = await aScriptedApi(() => ({ headers, body: pack(page([alert])) }));
      const bench = await aBench(subject, { origin: api.origin });

      expectAll(await bench.read(), [{ raw: alert }]);
    });

    it("is asked for packed, as JSON, and under a name that support can find", async () => {
      const seen: unknown[] = [];
      const api = await aScriptedApi((_url, _call, headers) => {
        seen.push(headers);
        return { body: page([]) };
      });
      const bench = await aBench(subject, { origin: api.origin });

      await bench.read();

      expect(seen).toMatchObject([
        {
          accept: "application/json",
          "accept-encoding": "gzip, deflate",
          authorization: expect.stringMatching(/^Bearer eyJ/),
          "client-request-id": expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
        },
      ]);
    });
  });
}

import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  type Alert,
  type AlertShape,
  alertReader,
  eventId,
  isObject,
  isUnreadable,
  SEVERITIES,
  text,
  type Unreadable,
} from "../../../src/model/alert.ts";
import { parseSpan } from "../../../src/model/json-bytes.ts";
import { type Random, randomFrom } from "../../../src/simulate/random.ts";

const SHAPE: AlertShape = {
  updated: "lastUpdateDateTime",
  created: "createdDateTime",
  tenantId: "tenantId",
  device: { in: "host", read: (json, at) => text(parseSpan(json, at)) },
  material: ["status", "severity", "evidence"],
};

const WHOLE = {
  id: "da637_1",
  lastUpdateDateTime: "2026-05-04T05:36:51.7033333Z",
  createdDateTime: "2026-05-04T05:30:00Z",
  tenantId: "11111111-2222-4333-8444-555555555555",
  severity: "high",
  title: "Suspicious sign-in",
  serviceSource: "microsoftDefenderForEndpoint",
  host: "ws-001",
};

function read(element: unknown, shape = SHAPE): Alert | Unreadable {
  return readText(JSON.stringify(element) ?? "undefined", shape);
}

function readText(raw: string, shape = SHAPE): Alert | Unreadable {
  return alertReader(shape)(Buffer.from(raw), 0).element;
}

function readWhole(more: Readonly<Record<string, unknown>>): Alert {
  const alert = read({ ...WHOLE, ...more });
  if (isUnreadable(alert)) throw new Error(`unreadable: ${alert.reason}`);
  return alert;
}

describe("an element of a page", () => {
  it("reads what names, orders, filters and routes an alert, and keeps its own text", () => {
    expect(read(WHOLE)).toEqual({
      id: "da637_1",
      version: "17778730117033333",
      updatedText: "2026-05-04T05:36:51.7033333Z",
      updatedMs: Date.UTC(2026, 4, 4, 5, 36, 51, 703),
      createdText: "2026-05-04T05:30:00Z",
      tenantId: "11111111-2222-4333-8444-555555555555",
      severity: "high",
      title: "Suspicious sign-in",
      serviceSource: "microsoftDefenderForEndpoint",
      device: "ws-001",
      material: expect.stringMatching(/^[\w-]{11}$/),
      raw: Buffer.from(JSON.stringify(WHOLE)),
    });
  });

  it("tells by a digest whether an update says something new", () => {
    const { material } = readWhole({ status: "new", evidence: [{ seen: "1" }] });
    const same = { lastUpdateDateTime: "2026-05-05T00:00:00Z", status: "new", evidence: [{ seen: "2" }] };

    expect(readWhole(same).material).toBe(material);
    expect(readWhole({ ...same, status: "resolved" }).material).not.toBe(material);
    expect(readWhole({ ...same, evidence: [{ seen: "1" }, { seen: "2" }] }).material).not.toBe(material);
  });

  it("gives one version to one instant, however it is written", () => {
    const versions = [
      "2026-05-04T05:36:51.03Z",
      "2026-05-04T05:36:51.0300000Z",
      "2026-05-04T07:36:51.03+02:00",
    ].map((lastUpdateDateTime) => readWhole({ lastUpdateDateTime }).version);

    expect(new Set(versions)).toEqual(new Set(["17778730110300000"]));
  });

  it("goes by the time of creation where there is none of an update", () => {
    for (const lastUpdateDateTime of [undefined, null, "", 17]) {
      expect(readWhole({ lastUpdateDateTime })).toMatchObject({
        updatedText: WHOLE.createdDateTime,
        updatedMs: Date.parse(WHOLE.createdDateTime),
      });
    }
  });

  it("takes a time that is no instant as it stands", () => {
    expect(readWhole({ lastUpdateDateTime: "last Tuesday" })).toMatchObject({
      version: "~last Tuesday",
      updatedText: "last Tuesday",
      updatedMs: undefined,
    });
  });

  it.each([
    ["Informational", "informational"],
    ["informational", "informational"],
    ["Low", "low"],
    ["MEDIUM", "medium"],
    ["High", "high"],
    ["unknown", "unknown"],
    ["UnSpecified", "unknown"],
    ["unknownFutureValue", "unknown"],
    ["critical", "unknown"],
    ["", "unknown"],
    [null, "unknown"],
    [undefined, "unknown"],
    [3, "unknown"],
    [["high"], "unknown"],
  ])("reads the severity %j as %s", (severity, expected) => {
    expect(readWhole({ severity }).severity).toBe(expected);
  });

  it("takes what is missing or of another type for absent", () => {
    const bare = { id: "da637_1", lastUpdateDateTime: "2026-05-04T05:36:51Z" };
    const odd = {
      ...bare,
      createdDateTime: 5,
      tenantId: null,
      severity: {},
      title: [],
      serviceSource: false,
      host: 0,
    };

    for (const element of [bare, odd]) {
      expect(read(element)).toMatchObject({
        createdText: undefined,
        tenantId: undefined,
        severity: "unknown",
        title: "",
        serviceSource: "",
        device: undefined,
      });
    }
  });

  it("knows the product by its API where the alert does not say it", () => {
    const shape = { ...SHAPE, serviceSource: "microsoftDefenderForEndpoint" };

    expect(read({ ...WHOLE, serviceSource: undefined }, shape)).toMatchObject({
      serviceSource: "microsoftDefenderForEndpoint",
    });
  });

  it.each([
    [null, "not-an-object"],
    ["text", "not-an-object"],
    [42, "not-an-object"],
    [true, "not-an-object"],
    [[WHOLE], "not-an-object"],
    [{}, "missing-id"],
    [{ ...WHOLE, id: "" }, "missing-id"],
    [{ ...WHOLE, id: "   " }, "missing-id"],
    [{ ...WHOLE, id: 637 }, "missing-id"],
    [{ id: "da637_1" }, "missing-time"],
    [{ id: "da637_1", lastUpdateDateTime: null, createdDateTime: 5 }, "missing-time"],
  ])("sets %j aside as %s", (element, reason) => {
    const raw = JSON.stringify(element);

    expect(read(element)).toEqual({ reason, raw, id: createHash("sha256").update(raw).digest("hex") });
  });

  it("never throws, and loses no text, whatever JSON it is given", () => {
    const random = randomFrom("alerts");
    let alerts = 0;
    for (let round = 0; round < 5000; round++) {
      const element = random.chance(0.5) ? anyJson(random, 4) : almostAnAlert(random);
      const raw = JSON.stringify(element);

      const found = readText(raw);

      expect(String(found.raw)).toBe(raw);
      expect(found.id).not.toBe("");
      if (isUnreadable(found)) continue;
      alerts += 1;
      expect(found.version).not.toBe("");
      expect(SEVERITIES).toContain(found.severity);
      expect(eventId("t", found)).toMatch(/^[0-9a-f]{64}$/);
    }
    expect(alerts).toBeGreaterThan(500);
  });
});

describe("eventId", () => {
  it("is the SHA-256 of tenant id, alert id and last update, one a line", () => {
    const formula = createHash("sha256").update("tenant-1\nda637_1\n2026-05-04T05:36:51.03Z").digest("hex");

    expect(eventId("tenant-1", { id: "da637_1", updatedText: "2026-05-04T05:36:51.03Z" })).toBe(formula);
  });

  it("differs by each of the three", () => {
    const alert = { id: "da637_1", updatedText: "2026-05-04T05:36:51.03Z" };

    const ids = [
      eventId("a", alert),
      eventId("b", alert),
      eventId("a", { ...alert, id: "da637_2" }),
      eventId("a", { ...alert, updatedText: "2026-05-04T05:36:51.04Z" }),
    ];

    expect(new Set(ids).size).toBe(4);
  });
});

describe("isObject", () => {
  it("knows an object from everything else that JSON has", () => {
    expect([{}, { a: 1 }, null, [], "", 0, false, undefined].map(isObject)).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
      false,
      false,
    ]);
  });
});

const WORDS = [
  "",
  " ",
  "high",
  "2026-05-04T05:36:51.03Z",
  "2026-02-30T00:00:00Z",
  "Öst \u{1f6a8}",
  "\ud800",
  "a\nb",
] as const;
const KEYS = [
  "id",
  "lastUpdateDateTime",
  "createdDateTime",
  "tenantId",
  "severity",
  "title",
  "host",
  "__proto__",
] as const;

function anyJson(random: Random, depth: number): unknown {
  switch (random.whole(0, depth > 0 ? 6 : 4)) {
    case 0:
      return null;
    case 1:
      return random.chance(0.5);
    case 2:
      return (random.next() - 0.5) * 10 ** random.whole(0, 300);
    case 3:
      return random.pick([...WORDS]);
    case 4:
      return random.hex(random.whole(0, 40));
    case 5:
      return Array.from({ length: random.whole(0, 4) }, () => anyJson(random, depth - 1));
    default:
      return Object.fromEntries(
        Array.from({ length: random.whole(0, 6) }, () => [
          random.pick([...KEYS]),
          anyJson(random, depth - 1),
        ]),
      );
  }
}

/** A whole alert with some of its values replaced. */
function almostAnAlert(random: Random): unknown {
  const replaced = KEYS.filter(() => random.chance(0.2)).map((key) => [key, anyJson(random, 2)]);
  return { ...WHOLE, ...Object.fromEntries(replaced) };
}

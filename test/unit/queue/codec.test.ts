import { randomBytes } from "node:crypto";
import zlib from "node:zlib";
import { describe, expect, it } from "vitest";
import type { QueuedAlert } from "../../../src/model/batch.ts";
import { createCodec } from "../../../src/queue/codec.ts";
import { type Random, randomFrom } from "../../../src/simulate/random.ts";

const KEY = Buffer.alloc(32, 7);
/** The first bytes of every content: format, how it is packed, whether it is sealed. */
const HEAD = { format: 0, codec: 1, sealed: 2 } as const;
const CODECS = { deflate: 1, zstd: 2 } as const;
/** The types of the oldest Node we run on do not know zstd. */
const { zstdCompressSync } = zlib as { zstdCompressSync?: (plain: Buffer) => Buffer };

function queued(raw: string, more: Partial<Omit<QueuedAlert, "raw">> = {}): QueuedAlert {
  return {
    alertId: "da637_1",
    version: "17778730117030000",
    eventId: "e".repeat(64),
    updatedMs: 1_777_873_011_703,
    device: "ws-001",
    raw: Buffer.from(raw),
    ...more,
  };
}

/** The length stands in no head of format 1; in that of format 2 it is a hint. */
function headOf(format: number, codec: number): Buffer {
  return Buffer.from([format, codec, 0, ...(format === 1 ? [] : [0, 0, 0, 60])]);
}

const BATCHES: Readonly<Record<string, readonly QueuedAlert[]>> = {
  "an empty batch": [],
  "one alert": [queued('{"id":"da637_1"}')],
  "alerts of different length": [queued("{}"), queued('{"a":1}'), queued(""), queued('{"b":[1,2,3]}')],
  "text beyond ASCII": [
    queued('{"title":"Öst 漢字 \u{1f6a8}\u200b"}', { device: "büro-ä" }),
    queued('{"é":"\u0301"}'),
  ],
  "line breaks and numbers that no double holds": [
    queued('{\r\n "id": 12345678901234567890.10,\n"x":"\\ud800"\n}'),
  ],
  "facts that are not known": [queued("{}", { updatedMs: undefined, device: undefined })],
  "a large alert": [queued(JSON.stringify({ text: "évidence ".repeat(300_000) }))],
};

describe.each([
  ["open", createCodec(undefined)],
  ["sealed", createCodec(KEY)],
])("a batch that lies %s in Redis", (_, codec) => {
  it.each(Object.entries(BATCHES))("comes back as it was: %s", async (_name, alerts) => {
    const { content } = await codec.encode(alerts, "b-1");

    const back = await codec.decode(content, "b-1");
    // The texts are compared as such: a Buffer of megabytes is compared byte by byte.
    const asText = (alert: QueuedAlert) => ({ ...alert, raw: String(alert.raw) });
    expect(back.map(asText)).toEqual(alerts.map(asText));
  });

  it("comes back as it was, whatever is in it", async () => {
    const random = randomFrom("codec");
    for (let round = 0; round < 300; round++) {
      const alerts = Array.from({ length: random.whole(0, 20) }, () =>
        queued(anyText(random), { alertId: anyText(random) }),
      );

      const { content } = await codec.encode(alerts, "b-1");

      expect(await codec.decode(content, "b-1")).toEqual(alerts);
    }
  });

  it("takes a fraction of its length", async () => {
    const alerts = Array.from({ length: 100 }, (_unused, index) =>
      queued(
        JSON.stringify({ id: `da637_${index}`, title: "Suspicious sign-in", severity: "high" }).repeat(5),
      ),
    );

    const { content } = await codec.encode(alerts, "b-1");

    expect(content.length).toBeLessThan(JSON.stringify(alerts).length / 5);
  });

  it("is refused when it was cut off", async () => {
    const { content } = await codec.encode(BATCHES["text beyond ASCII"] ?? [], "b-1");

    for (const length of [0, 1, 2, 3, 10, content.length - 1]) {
      await expect(codec.decode(content.subarray(0, length), "b-1")).rejects.toThrow();
    }
  });
});

describe("a batch that lies open in Redis", () => {
  it("is read by a process that has a key, so that a key may be introduced", async () => {
    const { content } = await createCodec(undefined).encode([queued("{}")], "b-1");

    expect(await createCodec(KEY).decode(content, "b-1")).toEqual([queued("{}")]);
  });

  it("is packed with the best that this Node has", async () => {
    const { content } = await createCodec(undefined).encode([queued("{}")], "b-1");

    expect([...content.subarray(0, 3)]).toEqual([2, zstdCompressSync ? CODECS.zstd : CODECS.deflate, 0]);
  });

  it.each([
    ["an older Node has packed it", 2, 4],
    ["a version before has packed it, which counted in UTF-16 units", 1, 3],
  ])("is read when %s", async (_, format, length) => {
    const packed = zlib.deflateRawSync(
      `[{"alertId":"a","version":"1","eventId":"e","length":${length}}]\n"ö"`,
    );
    const content = Buffer.concat([headOf(format, CODECS.deflate), packed]);

    expect(await createCodec(undefined).decode(content, "b-1")).toEqual([
      { alertId: "a", version: "1", eventId: "e", raw: Buffer.from('"ö"') },
    ]);
  });

  it("is read when a newer Node has packed it, or says which Node it needs", async () => {
    const plain = Buffer.from(`[{"alertId":"a","version":"1","eventId":"e","length":2}]\n{}`);
    const packed = zstdCompressSync?.(plain) ?? plain;
    const decoding = createCodec(undefined).decode(Buffer.concat([headOf(2, CODECS.zstd), packed]), "b-1");

    const outcome = await decoding.catch((cause: Error) => cause.message);

    expect(outcome).toEqual(
      zstdCompressSync
        ? [{ alertId: "a", version: "1", eventId: "e", raw: Buffer.from("{}") }]
        : "Batch b-1 is compressed with zstd, which needs Node.js 22.15 or newer.",
    );
  });

  it("is left for a newer version when it was written in a way that this one does not know", async () => {
    const { content } = await createCodec(undefined).encode([queued("{}")], "b-1");
    const changed = (at: number, to: number) => {
      const copy = Buffer.from(content);
      copy[at] = to;
      return createCodec(undefined).decode(copy, "b-1");
    };

    await expect(changed(HEAD.format, 3)).rejects.toThrow(
      "Batch b-1 has format 3; this version reads up to 2.",
    );
    await expect(changed(HEAD.codec, 9)).rejects.toThrow(
      "Batch b-1 is compressed in a way (9) that this version does not know.",
    );
  });
});

describe("a batch that lies sealed in Redis", () => {
  const alerts = [queued('{"title":"for nobody else"}')];

  it("shows nothing of what is in it", async () => {
    const { content } = await createCodec(KEY).encode(alerts, "b-1");

    expect(content[HEAD.sealed]).toBe(1);
    expect(content.toString("latin1")).not.toContain("nobody");
  });

  it("is never sealed twice alike", async () => {
    const codec = createCodec(KEY);

    const [one, other] = [await codec.encode(alerts, "b-1"), await codec.encode(alerts, "b-1")];
    expect(one.content).not.toEqual(other.content);
  });

  it("asks a process without a key for it", async () => {
    const { content } = await createCodec(KEY).encode(alerts, "b-1");

    await expect(createCodec(undefined).decode(content, "b-1")).rejects.toThrow(
      "Batch b-1 is encrypted: set queue.encryptionKey to its key.",
    );
  });

  it("does not open with another key", async () => {
    const { content } = await createCodec(KEY).encode(alerts, "b-1");

    await expect(createCodec(randomBytes(32)).decode(content, "b-1")).rejects.toThrow(
      "Batch b-1 cannot be opened: queue.encryptionKey is not the key it was sealed with.",
    );
  });

  it("does not open under another name", async () => {
    const { content } = await createCodec(KEY).encode(alerts, "b-1");

    await expect(createCodec(KEY).decode(content, "b-2")).rejects.toThrow("Batch b-2 cannot be opened");
  });

  it("does not open when any byte of it was changed", async () => {
    const codec = createCodec(KEY);
    const { content } = await codec.encode(alerts, "b-1");

    for (let at = 0; at < content.length; at++) {
      const changed = Buffer.from(content);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await expect(codec.decode(changed, "b-1")).rejects.toThrow();
    }
  });
});

function anyText(random: Random): string {
  return Array.from({ length: random.whole(0, 200) }, () =>
    random.pick(["a", '"', "\\", "\n", "é", "漢", "\u{1f6a8}", " ", "0"]),
  ).join("");
}

import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import type { Envelope, NonEmpty } from "../../src/model/envelope.ts";
import { DeliveryError } from "../../src/model/failure.ts";
import { readMembers } from "../../src/simulate/json-text.ts";
import type { Sink } from "../../src/sinks/sink.ts";
import { anEnvelope, aRaw, envelopesOf } from "./envelopes.ts";
import { until } from "./until.ts";

/** A sink before its receiver. */
export interface SinkBench {
  readonly sink: Sink;
  /** The alerts that the receiver holds by now, oldest first: the very text of each, or what `of` makes of it. */
  received(): readonly string[];
  /** How many requests have brought them; absent where a receiver sees no requests. */
  readonly requests?: () => number;
  /** Has the receiver take what comes and not say so; the function given back lets it go on. */
  readonly hold?: () => () => void;
  /** Has the receiver fail from now on. */
  breakDown(): Promise<void> | void;
  /** What no error may tell. */
  readonly secrets: readonly string[];
}

const MARK = "only-the-alert-says-this";

export interface SinkTraits {
  /** Whether the receiver can be made to take what comes and not say so. */
  readonly canBeHeld?: boolean;
  /**
   * What a receiver is to hold of an alert where that is by nature not its text: columns, a mail. It must tell any two
   * alerts apart, also two versions of one.
   */
  readonly of?: (envelope: Envelope) => string;
}

/** What every sink must do, told of the real one before a receiver that speaks the real protocol. */
export function describeSink(
  name: string,
  setup: () => Promise<SinkBench>,
  { canBeHeld = true, of }: SinkTraits = {},
): void {
  const textOf = of ?? (({ raw }: Envelope) => String(raw));
  const textsOf = (envelopes: readonly Envelope[]) => envelopes.map(textOf);

  describe(`${name}, as every sink,`, () => {
    it("delivers one", async () => {
      const { sink, received } = await setup();
      const [envelope] = envelopesOf(1);

      const delivery = await sink.deliver([envelope], endless());

      expect(received()).toEqual([textOf(envelope)]);
      expect(delivery.bytes).toBeGreaterThan(envelope.raw.length);
    });

    it("delivers many in their order, in one request", async () => {
      const { sink, received, requests } = await setup();
      const envelopes = envelopesOf(120);

      await sink.deliver(envelopes, endless());

      expect(received()).toEqual(textsOf(envelopes));
      if (requests !== undefined) expect(requests()).toBe(1);
    });

    it("keeps deliveries apart that run at the same time", async () => {
      const { sink, received } = await setup();
      const batches = Array.from({ length: 8 }, (_, batch) =>
        envelopesOf(20, { seq: 20 * batch + 1, raw: aRaw({ batch, text: "x".repeat(5000) }) }),
      );

      await Promise.all(batches.map((envelopes) => sink.deliver(envelopes, endless())));

      expect([...received()].sort()).toEqual(batches.flatMap(textsOf).sort());
    });

    it("sends nothing after an abort", async () => {
      const { sink, received } = await setup();

      const aborted = sink.deliver(envelopesOf(1), AbortSignal.abort(new Error("stopping")));

      await expect(aborted).rejects.toThrow("stopping");
      await sink.deliver([anEnvelope({ seq: 2 })], endless());
      expect(received()).toEqual([textOf(anEnvelope({ seq: 2 }))]);
    });

    if (canBeHeld) {
      it("resolves only after the receiver has said that it has it", async () => {
        const { sink, received, hold } = await setup();
        const release = hold?.();
        let isResolved = false;
        const delivering = sink.deliver(envelopesOf(2), endless()).then(() => {
          isResolved = true;
        });
        await until("the alerts have arrived", () => received().length === 2);
        expect(isResolved).toBe(false);

        release?.();

        await delivering;
        expect(received()).toEqual(textsOf(envelopesOf(2)));
      });

      it("gives up what is under way on an abort", async () => {
        const { sink, received, hold } = await setup();
        const release = hold?.();
        const stop = new AbortController();
        const delivering = sink.deliver(envelopesOf(1), stop.signal);
        delivering.catch(() => undefined);
        await until("the alert has arrived", () => received().length === 1);

        stop.abort(new Error("stopping"));

        await expect(delivering).rejects.toThrow(/stopping|abort/i);
        release?.();
      });
    }

    it.each([
      ["letters of all scripts", aRaw({ title: "Grüße, 日本語, \u{1f600}, עברית, a\u0301" })],
      [
        "text that is hard to frame",
        aRaw({ title: "\u0000\u001b[31m\u200b\u2028\u2029\u202e\t\r\n | = \\ \" ' <" }),
      ],
      ["no evidence", aRaw({ evidence: [] })],
      ["evidence that is null", aRaw({ evidence: null })],
      ["numbers of 64 bits", '{"id":"1","n":9223372036854775807,"d":1.50,"e":-0.10e+02}'],
      ["nothing in it", "{}"],
      ["five megabytes", aRaw({ evidence: [{ query: "ü".repeat(2_499_000) }] })],
    ])("delivers an alert with %s to the last byte", async (_, raw) => {
      const { sink, received } = await setup();

      const envelope = anEnvelope({ raw });

      await sink.deliver([envelope], endless());

      const texts = received();
      // Compared first, so that a failure does not print megabytes.
      expect([texts.length, texts[0] === textOf(envelope)]).toEqual([1, true]);
    });

    it("delivers an alert that its source wrote over several lines", async () => {
      const { sink, received } = await setup();

      const envelope = anEnvelope({ raw: '{\r\n  "id": "1",\n  "text": "a\\nb"\n}' });

      await sink.deliver([envelope], endless());

      // Line breaks between the tokens belong to no value, so a sink may take them out.
      if (of === undefined)
        expect(received().map((text) => JSON.parse(text))).toEqual([{ id: "1", text: "a\nb" }]);
      else expect(received()).toEqual([of(envelope)]);
    });

    it("is probed without leaving anything behind", async () => {
      const { sink, received, requests } = await setup();

      await sink.probe(endless());

      expect(received()).toEqual([]);
      expect(requests?.() ?? 0).toBe(0);
    });

    it("fails with an error that tells neither a secret nor an alert", async () => {
      const bench = await setup();
      await bench.breakDown();
      const envelope = anEnvelope({ raw: aRaw({ title: MARK }), device: MARK });

      const error = await bench.sink.deliver([envelope], endless()).then(
        () => undefined,
        (cause: unknown) => cause,
      );

      expect(error).toBeInstanceOf(DeliveryError);
      const told = inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true, getters: true });
      for (const secret of [...bench.secrets, MARK]) expect(told).not.toContain(secret);
    });

    it("may be closed twice", async () => {
      const { sink } = await setup();
      await sink.deliver(envelopesOf(1), endless());

      await sink.close();

      await expect(sink.close()).resolves.toBeUndefined();
    });
  });
}

export function endless(): AbortSignal {
  return new AbortController().signal;
}

export function rawsOf(envelopes: NonEmpty<Envelope>): readonly string[] {
  return envelopes.map(({ raw }) => String(raw));
}

/** The texts of `event` in lines of JSON; a line that is none of these throws. */
export function eventsOf(lines: string): readonly string[] {
  return lines
    .split("\n")
    .slice(0, -1)
    .map((line) => {
      JSON.parse(line);
      const bytes = Buffer.from(line);
      const event = readMembers(bytes, 0)?.members.find(({ key }) => key === "event");
      return bytes.toString("utf8", event?.start, event?.end);
    });
}

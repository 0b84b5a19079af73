import { inspect } from "node:util";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { DeliveryError } from "../../src/model/failure.ts";
import { encodeEvents } from "../../src/sinks/splunk-event.ts";
import { anEnvelope, aRaw, CONTOSO, envelopesOf } from "../support/envelopes.ts";
import { describeSink, endless, rawsOf } from "../support/sink-contract.ts";
import { aFront, aReceiver, aSink, EVENT, TOKEN } from "./collector.ts";

for (const ack of [false, true]) {
  describeSink(ack ? "splunk_hec with acknowledgement" : "splunk_hec", async () => {
    const front = await aFront({ tokens: [{ value: TOKEN, useAck: ack }] });
    return {
      sink: aSink(front.url, { ack }),
      received: () => front.hec.events.map(({ text }) => text),
      requests: () => front.hec.counts.requests,
      hold: front.hold,
      breakDown: () => {
        front.answer = () => ({ status: 403, body: '{"text":"Invalid token","code":4}' });
      },
      secrets: [TOKEN],
    };
  });
}

describe("an event", () => {
  it("is the source's own text with what the forwarder knows around it", async () => {
    const hec = await aReceiver();
    const raw = '{\r\n\t"id" : "da-1",\n\t"n":9223372036854775807, "text":"\\u00fc ü"\n}';
    const envelope = anEnvelope({ raw, seq: 17, revision: 3 });

    await aSink(hec.url, { index: "security" }).deliver([envelope], endless());

    expect(hec.events).toMatchObject([
      {
        text: raw,
        time: 1777873011.703,
        host: "ws-001.corp.example",
        source: `alertferry:${CONTOSO.tenantId}`,
        sourcetype: "ms365:defender:incident:alerts",
        index: "security",
      },
    ]);
    expect(hec.events[0]?.fields).toEqual({
      tenant: "contoso",
      tenant_id: CONTOSO.tenantId,
      tenant_name: CONTOSO.name,
      alert_id: envelope.alertId,
      event_id: envelope.eventId,
      revision: 3,
      seq: 17,
      source_api: "graph_alerts",
      replay: false,
    });
  });

  it.each([
    ["no device", { device: undefined }, { host: CONTOSO.name }],
    ["no time", { updatedMs: undefined }, { time: undefined }],
    ["a whole second", { updatedMs: 1_777_873_011_000 }, { time: 1_777_873_011 }],
    ["another source", { source: "mde_alerts" }, { sourcetype: "ms:defender:atp:alerts" }],
    ["a source without an add-on", { source: "other" }, { sourcetype: "alertferry:other" }],
    ["a replay", { replay: true }, { fields: { replay: true } }],
    ["no index", {}, { index: undefined }],
  ])("with %s says so", async (_, more, told) => {
    const hec = await aReceiver();

    await aSink(hec.url).deliver([anEnvelope(more)], endless());

    expect(hec.events).toMatchObject([told]);
  });

  it("is written on one line where its source wrote it so", () => {
    const { body } = encodeEvents(envelopesOf(2), { compat: "addon" });

    expect(String(body)).toMatch(/^(\{"time":[^\n]*,"event":\{[^\n]*\}\}\n){2}$/);
  });
});

describe("a request", () => {
  it("is signed with the token, and speaks of a channel only where it waits for an acknowledgement", async () => {
    const front = await aFront();

    await aSink(front.url).deliver(envelopesOf(2), endless());

    expect(front.visits).toMatchObject([
      {
        path: EVENT,
        headers: { authorization: `Splunk ${TOKEN}`, "content-type": "application/json" },
      },
    ]);
    expect(front.visits[0]?.headers).not.toHaveProperty("x-splunk-request-channel");
  });

  it.each([
    ["packed by default", {}, "gzip"],
    ["plain where that is asked for", { gzip: false }, undefined],
  ])("is %s", async (_, settings, encoding) => {
    const front = await aFront();
    const envelopes = envelopesOf(20, { raw: aRaw({ title: "Grüße" }) });

    const { bytes } = await aSink(front.url, settings).deliver(envelopes, endless());

    const visit = front.visits[0]!;
    expect(visit.headers["content-encoding"]).toBe(encoding);
    const plain = encoding === undefined ? visit.body : gunzipSync(visit.body);
    expect(plain.length).toBe(bytes);
    expect(front.hec.events.map(({ text }) => text)).toEqual(rawsOf(envelopes));
  });

  it("is not packed where that would not make it smaller", async () => {
    const front = await aFront();

    await aSink(front.url).deliver([anEnvelope({ raw: "{}" })], endless());

    expect(front.visits[0]?.headers).not.toHaveProperty("content-encoding");
  });

  it.each([24, 25] as const)(
    "that is taken with code %i asks to slow down, and is delivered",
    async (code) => {
      const hec = await aReceiver();
      hec.fault = { kind: "warning", code };

      const delivery = await aSink(hec.url).deliver(envelopesOf(2), endless());

      expect(delivery.slowDown).toBe(true);
      expect(hec.counts.events).toBe(2);
    },
  );

  it.each([
    [{ kind: "reset-before-reading" }, 0],
    [{ kind: "store-and-reset" }, 1],
  ] as const)("whose connection breaks is transient: %o", async (fault, stored) => {
    const hec = await aReceiver();
    hec.fault = { ...fault };

    const failing = aSink(hec.url).deliver(envelopesOf(1), endless());

    await expect(failing).rejects.toMatchObject({ kind: "transient", code: "ECONNRESET" });
    expect(hec.counts.events).toBe(stored);
  });

  it.each(["hang", "store-and-hang"] as const)(
    "that is not answered in time is transient: %s",
    async (kind) => {
      const hec = await aReceiver();
      hec.fault = { kind };

      const failing = aSink(hec.url, { timeout: "200ms" }).deliver(envelopesOf(1), endless());

      await expect(failing).rejects.toMatchObject({
        kind: "transient",
        code: expect.stringMatching(/^(ETIMEDOUT|ECONNABORTED)$/),
      });
    },
  );

  it.each([
    ["reset-before-reading", {}],
    ["hang", { timeout: "200ms" }],
    ["bad-gateway", { proxy: "http://user:proxy-password@127.0.0.1:1" }],
  ] as const)("tells neither token nor password when it fails: %s", async (kind, settings) => {
    const hec = await aReceiver();
    hec.fault = { kind };

    const error = await aSink(hec.url, settings)
      .deliver(envelopesOf(1), endless())
      .catch((cause: unknown) => cause);

    const told = inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true });
    expect(told).toContain("DeliveryError");
    expect(told).not.toContain(TOKEN);
    expect(told).not.toContain("proxy-password");
  });

  it("to a host that is down is transient, and succeeds once it is back", async () => {
    const hec = await aReceiver();
    const sink = aSink(hec.url);
    await sink.deliver(envelopesOf(1), endless());
    await hec.listener.stop();
    // The first may meet the old connection, the second cannot.
    for (const code of [/^ECONN(RESET|REFUSED)$/, /^ECONNREFUSED$/]) {
      const failing = sink.deliver(envelopesOf(1), endless());
      await expect(failing).rejects.toMatchObject({ kind: "transient", code: expect.stringMatching(code) });
    }

    await hec.listener.start();
    await sink.deliver(envelopesOf(1), endless());

    expect(hec.counts.events).toBe(2);
  });

  it("that is too large for the receiver is refused whole, to be divided", async () => {
    const hec = await aReceiver({ maxContentBytes: 10_000 });
    const sink = aSink(hec.url);

    const failing = sink.deliver(envelopesOf(100), endless());

    await expect(failing).rejects.toMatchObject({ kind: "rejected", status: 413, culprit: undefined });
    await sink.deliver(envelopesOf(10), endless());
  });

  it("with one bad event names it", async () => {
    const hec = await aReceiver();
    hec.poison = ({ fields }) => fields["seq"] === 3;

    const failing = aSink(hec.url).deliver(envelopesOf(5), endless());

    await expect(failing).rejects.toMatchObject({ kind: "rejected", code: "6", culprit: 2 });
    expect(hec.counts.events).toBe(0);
  });

  it("tells where it failed, and in which words", async () => {
    const hec = await aReceiver({ tokens: [{ value: "another" }] });

    const error = await aSink(`${hec.url}///`)
      .deliver(envelopesOf(1), endless())
      .catch((cause: DeliveryError) => cause);

    expect(error).toMatchObject({
      message: `Splunk at ${hec.url} answered 403, code 4: Invalid token`,
      status: 403,
      code: "4",
    });
  });
});

describe("a probe", () => {
  it.each([
    [18, "transient"],
    [19, "transient"],
    [20, "transient"],
  ] as const)("of a receiver with health %i is %s", async (health, kind) => {
    const hec = await aReceiver();
    hec.health = health;

    await expect(aSink(hec.url).probe(endless())).rejects.toMatchObject({ kind, code: String(health) });
  });

  it.each([
    [{ value: "another" }, "21"],
    [{ value: TOKEN, disabled: true }, "22"],
  ])("finds that the token is refused: %o", async (token, code) => {
    const hec = await aReceiver({ tokens: [token] });

    await expect(aSink(hec.url).probe(endless())).rejects.toMatchObject({ kind: "unauthorized", code });
  });

  it.each([
    [200, "<html>Please sign in</html>"],
    [200, ""],
    [404, '{"text":"The requested URL was not found on this server.","code":404}'],
  ])("finds that something else answers: %i %s", async (status, body) => {
    const front = await aFront();
    front.answer = () => ({ status, body });

    await expect(aSink(front.url).probe(endless())).rejects.toMatchObject({ kind: "misconfigured", status });
  });
});

import { describe, expect, it } from "vitest";
import { anEnvelope, envelopesOf } from "../support/envelopes.ts";
import { endless } from "../support/sink-contract.ts";
import { until } from "../support/until.ts";
import { ACK, aFront, aSink, EVENT, type Front, TOKEN } from "./collector.ts";

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

describe("an acknowledgement", () => {
  it("is asked for until it says yes", async () => {
    const front = await anAckFront();
    front.hec.ack.delayMs = 250;

    await anAckSink(front).deliver(envelopesOf(3), endless());

    expect(front.visitsOf(EVENT)).toHaveLength(1);
    expect(front.visitsOf(ACK).length).toBeGreaterThan(1);
    expect(front.visitsOf(ACK).map(({ body }) => body.toString())).toContain('{"acks":[0]}');
  });

  it("is asked for in the channel of the request, which is a GUID", async () => {
    const front = await anAckFront();

    await anAckSink(front).deliver(envelopesOf(1), endless());

    const [channel, ...others] = new Set(channelsOf(front));
    expect(channel).toMatch(GUID);
    expect(others).toEqual([]);
  });

  it("is asked for with the cookies of the answer, so that a load balancer finds the indexer again", async () => {
    const front = await anAckFront();
    front.cookies = ({ path }) => (path === EVENT ? ["route=a1; Path=/; HttpOnly", "zone=2; Secure"] : []);

    await anAckSink(front).deliver(envelopesOf(1), endless());

    expect(front.visitsOf(ACK).map(({ headers }) => headers.cookie)).toEqual(["route=a1; zone=2"]);
  });

  it("that is settled lets its channel be used again, one after the other", async () => {
    const front = await anAckFront();
    const sink = anAckSink(front);

    for (const seq of [1, 2, 3]) await sink.deliver([anEnvelope({ seq })], endless());

    expect(new Set(channelsOf(front)).size).toBe(1);
    expect(front.visitsOf(ACK).map(({ body }) => body.toString())).toEqual([
      '{"acks":[0]}',
      '{"acks":[1]}',
      '{"acks":[2]}',
    ]);
  });

  it("that comes with a new cookie ends the use of the channel, since another indexer answers by now", async () => {
    const front = await anAckFront();
    front.cookies = ({ path }) => (path === ACK ? ["route=b2"] : []);
    const sink = anAckSink(front);

    await sink.deliver([anEnvelope({ seq: 1 })], endless());
    await sink.deliver([anEnvelope({ seq: 2 })], endless());

    expect(new Set(channelsOf(front)).size).toBe(2);
    expect(front.hec.counts.events).toBe(2);
  });

  it("of one delivery is not taken for that of another under way", async () => {
    const front = await anAckFront();
    // The first request's numbers stay open, also after the second has changed the indexer.
    front.hec.ack.mode = "never";
    const sink = anAckSink(front, { ackTimeout: "1s" });
    const first = sink.deliver([anEnvelope({ seq: 1 })], endless());
    first.catch(() => undefined);
    await until("the first is stored", () => front.hec.counts.events === 1);
    front.hec.ack.mode = "indexed";
    front.cookies = () => ["route=b2"];

    for (const seq of [2, 3, 4]) await sink.deliver([anEnvelope({ seq })], endless());

    await expect(first).rejects.toMatchObject({ kind: "transient" });
  });

  it("that never comes is transient, and leaves its channel", async () => {
    const front = await anAckFront();
    front.hec.ack.mode = "never";
    const sink = anAckSink(front, { ackTimeout: "250ms" });

    const failing = sink.deliver(envelopesOf(1), endless());

    await expect(failing).rejects.toMatchObject({
      name: "DeliveryError",
      kind: "transient",
      message: `Splunk at ${front.url} did not acknowledge within 250 ms.`,
    });
    front.hec.ack.mode = "indexed";
    await sink.deliver(envelopesOf(1), endless());
    expect(new Set(channelsOf(front)).size).toBe(2);
  });

  it.each([
    ["busy", () => ({ status: 503, body: '{"text":"Server is busy","code":9}' })],
    ["behind a broken gateway", () => ({ status: 502, body: "<html></html>" })],
    ["throttled", () => ({ status: 429, body: "", headers: { "retry-after": "1" } })],
    ["gone in the middle", () => "reset" as const],
    ["silent", () => "hang" as const],
  ])("is asked for again while the endpoint is %s", async (_, trouble) => {
    const front = await anAckFront();
    let troubles = 2;
    front.answer = ({ path }) => (path === ACK && troubles-- > 0 ? trouble() : undefined);

    await anAckSink(front, { timeout: "500ms" }).deliver(envelopesOf(2), endless());

    expect(front.visitsOf(EVENT)).toHaveLength(1);
    expect(front.visitsOf(ACK)).toHaveLength(3);
  });

  it("whose yes was lost on the way is transient: the request is to be sent again", async () => {
    const front = await anAckFront();
    front.hec.ack.fault = { kind: "reset", times: 1 };

    const failing = anAckSink(front, { ackTimeout: "500ms" }).deliver(envelopesOf(1), endless());

    await expect(failing).rejects.toMatchObject({ kind: "transient" });
  });

  it("that cannot be asked for is no verdict on the alerts", async () => {
    const front = await anAckFront();
    front.answer = ({ path }) =>
      path === ACK ? { status: 400, body: '{"text":"Invalid data format","code":6}' } : undefined;

    const failing = anAckSink(front, { ackTimeout: "250ms" }).deliver(envelopesOf(1), endless());

    await expect(failing).rejects.toMatchObject({ kind: "transient" });
  });

  it.each([
    [400, 14, "misconfigured"],
    [401, 3, "unauthorized"],
    [403, 1, "unauthorized"],
  ])("that is refused with %i/%i is %s", async (status, code, kind) => {
    const front = await anAckFront();
    front.answer = ({ path }) =>
      path === ACK ? { status, body: JSON.stringify({ text: "", code }) } : undefined;

    const failing = anAckSink(front).deliver(envelopesOf(1), endless());

    await expect(failing).rejects.toMatchObject({ kind, code: String(code) });
  });

  it("is not to be had where the token has none", async () => {
    const front = await aFront();

    const failing = anAckSink(front).deliver(envelopesOf(1), endless());

    await expect(failing).rejects.toMatchObject({
      kind: "misconfigured",
      message: expect.stringContaining("no indexer acknowledgement"),
    });
  });

  it("is needed where the token has it", async () => {
    const front = await anAckFront();

    const failing = aSink(front.url).deliver(envelopesOf(1), endless());

    await expect(failing).rejects.toMatchObject({ kind: "misconfigured", code: "10" });
  });

  it("is asked for no more after an abort", async () => {
    const front = await anAckFront();
    front.hec.ack.mode = "never";
    const stop = new AbortController();
    const delivering = anAckSink(front).deliver(envelopesOf(1), stop.signal);
    delivering.catch(() => undefined);
    await until("it was asked for", () => front.visitsOf(ACK).length > 0);

    stop.abort(new Error("stopping"));

    await expect(delivering).rejects.toThrow();
    const asked = front.visitsOf(ACK).length;
    await anAckSink(front, { ackTimeout: "500ms" })
      .deliver(envelopesOf(1), endless())
      .catch(() => undefined);
    const mine = front.visitsOf(EVENT)[0]?.headers["x-splunk-request-channel"];
    const asks = front.visitsOf(ACK).filter(({ headers }) => headers["x-splunk-request-channel"] === mine);
    expect(asks).toHaveLength(asked);
  });
});

function anAckFront(): Promise<Front> {
  return aFront({ tokens: [{ value: TOKEN, useAck: true }] });
}

function anAckSink(front: Front, settings: Readonly<Record<string, unknown>> = {}) {
  return aSink(front.url, { ack: true, ...settings });
}

function channelsOf(front: Front): readonly (string | undefined)[] {
  return front.visits.map(({ headers }) => headers["x-splunk-request-channel"]?.toString());
}

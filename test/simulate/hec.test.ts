import { gzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { startHec } from "../../src/simulate/hec.ts";
import type { HecFault, HecOptions, HecReceiver, HecToken } from "../../src/simulate/hec-receiver.ts";
import { get, post, textsOf } from "./support.ts";

const CHANNEL = "0f8fad5b-d9cb-469f-a165-70867728950e";
const GOOD = '{"event":"x"}';

describe("the receiver", () => {
  it("takes concatenated events with and without space between them, and keeps the text of each", async () => {
    const hec = await aReceiver();
    const texts = ['{"n":9223372036854775807,"t":"ü\\u00fc } \\" {","d":1.50}', '"a text"', "[1, 2]", "17"];
    const [first, second, third, fourth] = texts.map((text) => `{"event": ${text}}`);

    const reply = await post(hec, ` ${first}${second}\r\n${third}\n \t${fourth}\n`);

    expect([reply.status, reply.body]).toEqual([200, { text: "Success", code: 0 }]);
    expect(textsOf(hec.events)).toEqual(texts);
  });

  it("keeps what stands around an event", async () => {
    const hec = await aReceiver();

    await post(
      hec,
      '{"time":1777874462.703,"host":"h","source":"s","sourcetype":"t","index":"main","fields":{"tenant":"contoso","tags":["a","b"]},"event":{}}',
    );

    expect(hec.events[0]).toMatchObject({
      time: 1777874462.703,
      host: "h",
      source: "s",
      sourcetype: "t",
      index: "main",
      fields: { tenant: "contoso", tags: ["a", "b"] },
      text: "{}",
      request: 1,
    });
  });

  it.each(["/services/collector", "/services/collector/event", "/services/collector/event/1.0"])(
    "listens at %s",
    async (path) => {
      expect((await post(await aReceiver(), GOOD, {}, path)).body.code).toBe(0);
    },
  );

  it("answers elsewhere with 404 in JSON", async () => {
    expect((await post(await aReceiver(), GOOD, {}, "/services/collector/other")).body).toEqual({
      text: "The requested URL was not found on this server.",
      code: 404,
    });
  });

  it("unpacks gzip and refuses every other encoding with HTML", async () => {
    const hec = await aReceiver();

    const packed = await post(hec, gzipSync('{"event":"ü"}'), { "content-encoding": "gzip" });
    const broken = await post(hec, "no gzip", { "content-encoding": "gzip" });
    const other = await post(hec, GOOD, { "content-encoding": "deflate" });

    expect([packed.body.code, broken.body.code, other.status]).toEqual([0, 6, 415]);
    expect(other.text).toMatch(/^<!doctype html>/);
    expect(textsOf(hec.events)).toEqual(['"ü"']);
  });

  it.each([
    ["no authorization", { authorization: undefined }, 401, 2],
    ["another scheme", { authorization: "Bearer good" }, 401, 3],
    ["an unknown token", { authorization: "Splunk bad" }, 403, 4],
    ["a disabled token", { authorization: "Splunk disabled" }, 403, 1],
  ] as const)("refuses %s", async (_, headers, status, code) => {
    const hec = await aReceiver({ tokens: [{ value: "good" }, { value: "disabled", disabled: true }] });

    const reply = await post(hec, GOOD, headers);

    expect([reply.status, reply.body.code]).toEqual([status, code]);
    expect(hec.events).toEqual([]);
  });

  it("refuses a token in the query", async () => {
    const reply = await post(
      await aReceiver(),
      GOOD,
      { authorization: undefined },
      "/services/collector/event?token=good",
    );

    expect([reply.status, reply.body.code]).toEqual([400, 16]);
  });

  it("answers 413 with HTML over the limit, packed or not", async () => {
    const hec = await aReceiver({ maxContentBytes: 100 });
    const large = JSON.stringify({ event: "x".repeat(200) });

    const replies = [
      await post(hec, large),
      await post(hec, gzipSync(large), { "content-encoding": "gzip" }),
    ];

    expect(replies.map(({ status }) => status)).toEqual([413, 413]);
    expect(replies[0]?.text).toContain("413 Content-Length too large");
    expect(hec.counts).toEqual({ requests: 2, events: 0, bytes: 0, refused: 2 });
  });

  it.each([
    ["an empty body", "", 5, undefined],
    ["a blank body", " \n", 5, undefined],
    ["an event that is missing", `${GOOD}{"host":"h"}`, 12, 1],
    ["an event that is null", `${GOOD}${GOOD}{"event":null}`, 12, 2],
    ["a blank event", `${GOOD}{"event":" \\n"}${GOOD}`, 13, 1],
    ["text that is no JSON", `${GOOD}hello`, 6, 1],
    ["an event that is no JSON inside", `{"event":{"a":1,}}`, 6, 0],
    ["a cut event", `${GOOD}{"event":{"a":1}`, 6, 1],
    ["a list of events", `[${GOOD}]`, 6, 0],
    ["a time that is no number", '{"time":"soon","event":"x"}', 6, 0],
    ["fields in a list", '{"event":"x","fields":["a"]}', 6, 0],
    ["nested fields", '{"event":"x","fields":{"a":{"b":1}}}', 15, 0],
    ["a list of objects in fields", '{"event":"x","fields":{"a":[{}]}}', 15, 0],
    ["an index that is not allowed", `${GOOD}{"event":"x","index":"other"}`, 7, 1],
  ])("refuses a request with %s whole, and says which event it was", async (_, body, code, number) => {
    const hec = await aReceiver({ tokens: [{ value: "good", indexes: ["main"] }] });

    const reply = await post(hec, body);

    expect([reply.status, reply.body.code, reply.body["invalid-event-number"]]).toEqual([400, code, number]);
    expect(hec.events).toEqual([]);
    expect(Object.fromEntries(hec.answers)).toEqual({ [`400/${code}`]: 1 });
  });

  it("refuses an event over its own limit, and those it is told to take for poison", async () => {
    const hec = await aReceiver();
    hec.maxEventBytes = 10;
    hec.poison = ({ bytes }) => bytes.includes("bad");

    const large = await post(hec, `${GOOD}{"event":"${"x".repeat(20)}"}`);
    const poison = await post(hec, `${GOOD}${GOOD}{"event":"bad"}`);

    expect([large.body, poison.body]).toMatchObject([
      { code: 6, "invalid-event-number": 1 },
      { code: 6, "invalid-event-number": 2 },
    ]);
  });

  it("may store the events before a bad one", async () => {
    const hec = await aReceiver();
    hec.storesBeforeBad = true;

    await post(hec, `${GOOD}{"event":2}{"event":null}{"event":4}`);

    expect(textsOf(hec.events)).toEqual(['"x"', "2"]);
  });

  it("tells its health without a token, and refuses a bad one", async () => {
    const hec = await aReceiver({ tokens: [{ value: "good" }, { value: "off", disabled: true }] });
    const ask = (path: string, headers = {}) => get(`${hec.url}/services/collector/${path}`, headers);

    const codes = [
      await ask("health"),
      await ask("health/1.0", { authorization: "Splunk good" }),
      await ask("health", { authorization: "Splunk bad" }),
      await ask("health", { authorization: "Splunk off" }),
    ];
    hec.health = 18;
    codes.push(await ask("health"));

    expect(codes.map(({ status, body }) => [status, body.code])).toEqual([
      [200, 17],
      [200, 17],
      [400, 21],
      [400, 22],
      [503, 18],
    ]);
  });

  it("keeps only keys when told to, and counts", async () => {
    const hec = await aReceiver({ keep: "keys" });
    const heard: number[] = [];
    hec.onEvent(({ bytes }) => heard.push(bytes.length));

    await post(
      hec,
      '{"event":"a","fields":{"event_id":"1"}}{"event":"bb","fields":{"event_id":"1"}}{"event":"c"}',
    );

    expect(hec.events).toEqual([]);
    expect(Object.fromEntries(hec.keys)).toEqual({ 1: 2 });
    expect(hec.counts).toEqual({ requests: 1, events: 3, bytes: 10, refused: 0 });
    expect(heard).toEqual([3, 4, 3]);
  });
});

describe("acknowledgement", () => {
  it("needs a channel that is a GUID", async () => {
    const hec = await anAckReceiver();

    const codes = [
      await post(hec, GOOD),
      await post(hec, GOOD, { "x-splunk-request-channel": "1" }),
      await ask(hec, [0], "1"),
    ];

    expect(codes.map(({ status, body }) => [status, body.code])).toEqual([
      [400, 10],
      [400, 11],
      [400, 11],
    ]);
  });

  it("counts from 0 in each channel, and takes the channel from the query too", async () => {
    const hec = await anAckReceiver();
    const other = CHANNEL.replace("0", "1");

    const ids = [
      await post(hec, GOOD, { "x-splunk-request-channel": CHANNEL }),
      await post(hec, GOOD, { "x-splunk-request-channel": CHANNEL }),
      await post(hec, GOOD, {}, `/services/collector/event?channel=${other}`),
    ].map(({ body }) => body.ackId);

    expect(ids).toEqual([0, 1, 0]);
  });

  it("is told once", async () => {
    const hec = await anAckReceiver();
    await post(hec, GOOD, { "x-splunk-request-channel": CHANNEL });

    const answers = [(await ask(hec, [0, 7])).body, (await ask(hec, [0])).body];

    expect(answers).toEqual([{ acks: { 0: true, 7: false } }, { acks: { 0: false } }]);
  });

  it("comes as late as it is told, or never", async () => {
    const hec = await anAckReceiver();
    hec.ack.delayMs = 1e9;
    await post(hec, GOOD, { "x-splunk-request-channel": CHANNEL });
    hec.ack.delayMs = 0;
    hec.ack.mode = "never";
    await post(hec, GOOD, { "x-splunk-request-channel": CHANNEL });
    hec.ack.mode = "lost";
    await post(hec, GOOD, { "x-splunk-request-channel": CHANNEL });

    expect((await ask(hec, [0, 1, 2])).body.acks).toEqual({ 0: false, 1: false, 2: false });
    expect(hec.events).toHaveLength(2);
  });

  it("is told and lost when the answer breaks off, and not told when the poll is refused", async () => {
    const hec = await anAckReceiver();
    await post(hec, GOOD, { "x-splunk-request-channel": CHANNEL });
    hec.ack.fault = { kind: "busy", times: 1 };
    const refused = await ask(hec, [0]);
    const kept = await ask(hec, [0]);
    await post(hec, GOOD, { "x-splunk-request-channel": CHANNEL });
    hec.ack.fault = { kind: "reset", times: 1 };
    await expect(ask(hec, [1])).rejects.toThrow("fetch failed");

    expect([refused.body.code, kept.body.acks[0], (await ask(hec, [1])).body.acks[1]]).toEqual([
      9,
      true,
      false,
    ]);
  });

  it("is refused for a token without it", async () => {
    expect((await ask(await aReceiver(), [0])).body.code).toBe(14);
  });
});

describe("a fault of the receiver", () => {
  it.each([
    [{ kind: "internal-error" }, 500, { code: 8 }, undefined],
    [{ kind: "busy", retryAfter: "3" }, 503, { code: 9 }, "3"],
    [{ kind: "queue-full", retryAfter: "2" }, 429, { code: 26 }, "2"],
    [{ kind: "shutting-down" }, 503, { code: 23 }, undefined],
    [{ kind: "refuse", code: 7, eventNumber: 1 }, 400, { code: 7, "invalid-event-number": 1 }, undefined],
  ] as const)("%o is answered with %i and stores nothing", async (fault, status, body, retryAfter) => {
    const hec = await aReceiver();
    hec.fault = { ...fault };

    const reply = await post(hec, GOOD);

    expect([reply.status, reply.headers["retry-after"]]).toEqual([status, retryAfter]);
    expect(reply.body).toMatchObject(body);
    expect(hec.events).toEqual([]);
  });

  it("bad-gateway is HTML", async () => {
    const hec = await aReceiver();
    hec.fault = { kind: "bad-gateway" };

    expect(await post(hec, GOOD)).toMatchObject({
      status: 502,
      text: expect.stringMatching(/^<!doctype html>/),
    });
  });

  it.each([24, 25] as const)("warning stores the events and answers 200 with code %i", async (code) => {
    const hec = await aReceiver();
    hec.fault = { kind: "warning", code };

    expect(await post(hec, GOOD)).toMatchObject({ status: 200, body: { code } });
    expect(hec.events).toHaveLength(1);
  });

  it("busy may have stored some of the events", async () => {
    const hec = await aReceiver();
    hec.fault = { kind: "busy", storedEvents: 1 };

    expect((await post(hec, GOOD + GOOD)).body).toMatchObject({ code: 9, "invalid-event-number": 1 });
    expect(hec.events).toHaveLength(1);
  });

  it.each([
    ["reset-before-reading", 0],
    ["store-and-reset", 1],
  ] as const)("%s breaks the connection with %i events stored", async (kind, stored) => {
    const hec = await aReceiver();
    hec.fault = { kind };

    await expect(post(hec, GOOD)).rejects.toThrow("fetch failed");
    expect(hec.events).toHaveLength(stored);
  });

  it.each([
    ["hang", 0],
    ["store-and-hang", 1],
  ] as const)("%s leaves the sender waiting with %i events stored", async (kind, stored) => {
    const hec = await aReceiver();
    hec.fault = { kind, times: 1 };
    const call = post(hec, GOOD);
    await vi.waitFor(() => expect(hec.counts.requests).toBe(1));

    await post(hec, '{"event":"later"}');

    await vi.waitFor(() => expect(hec.counts.events).toBe(stored + 1));
    await hec.listener.stop();
    await expect(call).rejects.toThrow("fetch failed");
  });

  it("ends after as many requests as it is told", async () => {
    const hec = await aReceiver();
    hec.fault = { kind: "internal-error", times: 1 } satisfies HecFault;

    expect([(await post(hec, GOOD)).status, (await post(hec, GOOD)).status]).toEqual([500, 200]);
  });
});

async function aReceiver(options: Partial<HecOptions> = {}): Promise<HecReceiver> {
  const hec = await startHec({ tokens: [{ value: "good" }], ...options });
  onTestFinished(() => hec.listener.stop());
  return hec;
}

function anAckReceiver(): Promise<HecReceiver> {
  const token: Partial<HecToken> & Pick<HecToken, "value"> = { value: "good", useAck: true };
  return aReceiver({ tokens: [token] });
}

function ask(hec: HecReceiver, acks: readonly number[], channel = CHANNEL) {
  return post(
    hec,
    JSON.stringify({ acks }),
    { "x-splunk-request-channel": channel },
    "/services/collector/ack",
  );
}

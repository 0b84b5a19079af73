import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { render } from "../../src/formats/index.ts";
import { encodePayload, sign, webhook } from "../../src/sinks/webhook.ts";
import { anEnvelope, CONTOSO, envelopesOf } from "../support/envelopes.ts";
import { describeSink, endless, eventsOf } from "../support/sink-contract.ts";
import {
  aWebhookReceiver,
  elementsOf,
  isSigned,
  OTHER_SECRET,
  SECRET,
  type WebhookReceiver,
} from "../support/webhook-receiver.ts";

const TOKEN = "Bearer only-for-the-receiver";

describeSink("webhook", async () => {
  const receiver = await aWebhookReceiver();
  return {
    sink: aSink(receiver, { batch: { maxAlerts: 500 }, headers: { authorization: TOKEN } }),
    received: () =>
      receiver.delivered.flatMap(({ body }) => elementsOf(body)).flatMap((line) => eventsOf(`${line}\n`)),
    requests: () => receiver.requests.length,
    hold: receiver.hold,
    // As a careless receiver does, it gives back all that it was sent.
    breakDown: () => {
      receiver.answer = ({ body, headers }) => ({
        status: 500,
        body: JSON.stringify({ message: `Cannot store ${headers.authorization} ${body}` }),
      });
    },
    secrets: [SECRET, SECRET.slice(6), TOKEN, TOKEN.slice(7), "in-the-path"],
  };
});

describe("a webhook", () => {
  it("brings one alert a request, as one object", async () => {
    const receiver = await aWebhookReceiver();
    const envelope = anEnvelope({ seq: 7, revision: 2 });

    await aSink(receiver).deliver([envelope], endless());

    const [request] = receiver.delivered;
    expect(receiver.requests).toEqual(["POST /hooks/defender?key=in-the-path"]);
    expect(request?.headers).toMatchObject({ "content-type": "application/json" });
    expect(JSON.parse(request?.body ?? "")).toEqual({
      tenant: "contoso",
      tenantId: CONTOSO.tenantId,
      tenantName: CONTOSO.name,
      alertId: envelope.alertId,
      eventId: envelope.eventId,
      revision: 2,
      seq: 7,
      sourceApi: "graph_alerts",
      replay: false,
      event: JSON.parse(String(envelope.raw)),
    });
  });

  it("names the version of the alert, in the same way each time it is sent, so that a receiver drops repetitions", async () => {
    const receiver = await aWebhookReceiver();
    const first = anEnvelope();
    const update = anEnvelope({ eventId: "ab".repeat(32), revision: 2 });

    for (const envelope of [first, update, first]) await aSink(receiver).deliver([envelope], endless());

    const name = `evt_${first.eventId}`;
    expect(receiver.delivered.map(({ id }) => id)).toEqual([name, `evt_${"ab".repeat(32)}`, name]);
  });

  it("brings a list where a request may hold more than one, also when there is only one", async () => {
    const receiver = await aWebhookReceiver();
    const sink = aSink(receiver, { batch: { maxAlerts: 10 } });
    const three = envelopesOf(3);

    await sink.deliver(three, endless());
    await sink.deliver([anEnvelope({ seq: 4 })], endless());
    await sink.deliver(three, endless());

    const lists = receiver.delivered.map(({ body }) =>
      JSON.parse(body).map(({ seq }: { seq: number }) => seq),
    );
    expect(lists).toEqual([[1, 2, 3], [4], [1, 2, 3]]);
    const [id, other, again] = receiver.delivered.map((request) => request.id);
    expect(id).toMatch(/^list_[0-9a-f]{64}$/);
    expect([again, other === id]).toEqual([id, false]);
  });

  it("sends each alone what it is given together while it is to bring one a request", async () => {
    const receiver = await aWebhookReceiver();

    const { bytes } = await aSink(receiver).deliver(envelopesOf(3), endless());

    expect(receiver.delivered.map(({ body }) => JSON.parse(body).seq)).toEqual([1, 2, 3]);
    expect(bytes).toBe(receiver.delivered.reduce((sum, { body }) => sum + Buffer.byteLength(body), 0));
  });

  it.each([
    ["ecs", "application/json"],
    ["ocsf", "application/json"],
    ["raw", "application/json"],
    ["cef", "text/plain; charset=utf-8"],
    ["leef", "text/plain; charset=utf-8"],
  ] as const)("speaks %s as %s", async (format, contentType) => {
    const receiver = await aWebhookReceiver();
    const [one, two] = envelopesOf(2);
    const text = (envelope = one) => render(format, envelope, Number.POSITIVE_INFINITY).text;

    await aSink(receiver, { format }).deliver([one], endless());
    await aSink(receiver, { format, batch: { maxAlerts: 2 } }).deliver([one, two!], endless());

    const [alone, list] = receiver.delivered;
    expect([alone?.headers["content-type"], list?.headers["content-type"]]).toEqual([
      contentType,
      contentType,
    ]);
    expect(alone?.body).toBe(text());
    if (contentType === "application/json") expect(elementsOf(list?.body ?? "")).toEqual([text(), text(two)]);
    else expect(list?.body).toBe(`${text()}\n${text(two)}`);
  });

  it("is signed for each secret while one is being changed for another", async () => {
    const receiver = await aWebhookReceiver({ secret: OTHER_SECRET });

    await aSink(receiver, { secret: [SECRET, OTHER_SECRET] }).deliver([anEnvelope()], endless());

    const [request] = receiver.delivered;
    expect(request?.headers["webhook-signature"]).toMatch(/^v1,[A-Za-z0-9+/=]{44} v1,[A-Za-z0-9+/=]{44}$/);
    expect([SECRET, OTHER_SECRET].map((secret) => isSigned(request!, secret))).toEqual([true, true]);
  });

  it("with a wrong secret is refused, and needs a person", async () => {
    const receiver = await aWebhookReceiver({ secret: OTHER_SECRET });

    const failing = aSink(receiver).deliver([anEnvelope()], endless());

    await expect(failing).rejects.toMatchObject({
      kind: "unauthorized",
      message: `The webhook at ${new URL(receiver.url).host} answered 401: The signature is wrong.`,
    });
  });

  it("is signed anew for each try, since receivers refuse old signatures", async () => {
    const payload = encodePayload([anEnvelope()], "raw", "alert");

    const signatures = [1_700_000_000, 1_700_000_001].map((seconds) => sign(payload, [SECRET], seconds));

    expect(new Set(signatures).size).toBe(2);
  });

  it("is compressed where that is asked for, and signed as it was before", async () => {
    const receiver = await aWebhookReceiver();

    await aSink(receiver, { gzip: true }).deliver([anEnvelope()], endless());

    expect(receiver.delivered[0]?.headers["content-encoding"]).toBe("gzip");
    expect(eventsOf(`${receiver.delivered[0]?.body}\n`)).toEqual([String(anEnvelope().raw)]);
  });

  it("carries the headers that it is told to", async () => {
    const receiver = await aWebhookReceiver();

    await aSink(receiver, { headers: { Authorization: TOKEN, "X-Tenant-Key": "k-1" } }).deliver(
      [anEnvelope()],
      endless(),
    );

    expect(receiver.delivered[0]?.headers).toMatchObject({ authorization: TOKEN, "x-tenant-key": "k-1" });
  });

  it("is probed by a connection alone, since any request may start work", async () => {
    const receiver = await aWebhookReceiver();

    await aSink(receiver).probe(endless());

    expect(receiver.requests).toEqual([]);
  });

  it("that is not there fails its probe", async () => {
    const receiver = await aWebhookReceiver();
    await receiver.listener.stop();

    const failing = aSink(receiver).probe(endless());

    await expect(failing).rejects.toMatchObject({
      name: "DeliveryError",
      kind: "transient",
      code: "ECONNREFUSED",
    });
  });
});

describe("settings of a webhook", () => {
  const parse = (more: object) =>
    webhook.Config.safeParse({ url: "https://hooks.example/x", secret: SECRET, ...more });

  it.each([
    ["no secret", { secret: undefined }],
    ["no list of secrets", { secret: [] }],
    ["a secret without its prefix", { secret: SECRET.slice(6) }],
    ["a secret that is too short", { secret: `whsec_${Buffer.alloc(23).toString("base64")}` }],
    ["a secret that is too long", { secret: `whsec_${Buffer.alloc(65).toString("base64")}` }],
    ["a secret that is no base64", { secret: "whsec_this is no base64, is it? not at all" }],
    ["a public key", { secret: `whpk_${Buffer.alloc(32).toString("base64")}` }],
    ["another protocol", { url: "ftp://hooks.example/x" }],
    ["a header of the signature", { headers: { "Webhook-Id": "1" } }],
    ["a header of the body", { headers: { "content-type": "text/plain" } }],
    ["a name that is no header", { headers: { "a b": "1" } }],
    ["a header that ends in a second one", { headers: { "x-a": "1\r\nx-b: 2" } }],
  ])("allow %s to nobody", (_, more) => {
    expect(parse(more).success).toBe(false);
  });

  it.each([24, 25, 26, 32, 64])("allow a secret of %i bytes", (length) => {
    expect(parse({ secret: `whsec_${Buffer.alloc(length, 7).toString("base64")}` }).success).toBe(true);
  });

  it("keep the address as it is, since a slash at its end may count", () => {
    expect(parse({ url: "https://hooks.example/x/" }).data?.url).toBe("https://hooks.example/x/");
  });
});

const VECTOR = resolve("../shared/data/sinks/webhook-vector.json");

describe("a signature", () => {
  it("is that of the specification's scheme", () => {
    const payload = { id: "msg_1", contentType: "", body: '{"test": 2432232314}' };
    const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    // openssl: printf 'msg_1.1614265330.{"test": 2432232314}' | openssl dgst -sha256 -mac HMAC -macopt hexkey:… -binary | base64
    expect(sign(payload, [secret], 1_614_265_330)).toBe("v1,9o7UeFkn1GjVbcY4emAJruJCYqgH2EIf8u/slvVRBZI=");
  });

  it.runIf(existsSync(VECTOR))("is the recorded one", () => {
    const { secret, headers, body } = JSON.parse(readFileSync(VECTOR, "utf8"));
    const payload = { id: headers["webhook-id"], contentType: "application/json", body };

    expect(sign(payload, [secret], Number(headers["webhook-timestamp"]))).toBe(headers["webhook-signature"]);
  });
});

/** The real sink, configured as a user would. */
function aSink(receiver: WebhookReceiver, settings: Readonly<Record<string, unknown>> = {}) {
  const sink = webhook.create(webhook.Config.parse({ url: receiver.url, secret: SECRET, ...settings }));
  onTestFinished(() => sink.close());
  return sink;
}

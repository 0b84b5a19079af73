import { describe, expect, it, onTestFinished } from "vitest";
import type { DeliveryError } from "../../src/model/failure.ts";
import { webhook } from "../../src/sinks/webhook.ts";
import { anEnvelope, envelopesOf } from "../support/envelopes.ts";
import { endless } from "../support/sink-contract.ts";
import { until } from "../support/until.ts";
import { aWebhookReceiver, SECRET } from "../support/webhook-receiver.ts";

describe("an answer to a webhook", () => {
  it.each([200, 201, 202, 204, 299])("of %i means that it was taken", async (status) => {
    expect(await outcome({ status })).toEqual({ kind: "delivered" });
  });

  it.each([
    [301, "misconfigured"],
    [307, "misconfigured"],
    [308, "misconfigured"],
    [400, "rejected"],
    [401, "unauthorized"],
    [403, "unauthorized"],
    [404, "misconfigured"],
    [405, "misconfigured"],
    [407, "unauthorized"],
    [408, "transient"],
    [409, "transient"],
    [410, "misconfigured"],
    [413, "rejected"],
    [415, "misconfigured"],
    [422, "rejected"],
    [425, "transient"],
    [429, "throttled"],
    [500, "transient"],
    [501, "misconfigured"],
    [502, "transient"],
    [503, "transient"],
    [504, "transient"],
  ])("of %i is %s", async (status, kind) => {
    expect(await outcome({ status })).toMatchObject({ kind, status });
  });

  it.each([
    [429, "7", "throttled", 7000],
    [429, "0.25", "throttled", 250],
    [429, undefined, "throttled", undefined],
    [503, "3", "throttled", 3000],
    [503, "soon", "transient", undefined],
    [502, "1", "throttled", 1000],
  ])("of %i with Retry-After %s is %s", async (status, retryAfter, kind, retryAfterMs) => {
    const headers = retryAfter === undefined ? {} : { "retry-after": retryAfter };

    expect(await outcome({ status, headers })).toMatchObject({ kind, retryAfterMs });
  });

  it("may name the time to come back as a date", async () => {
    const headers = { date: "Sun, 06 Nov 1994 08:49:37 GMT", "retry-after": "Sun, 06 Nov 1994 08:50:07 GMT" };

    expect(await outcome({ status: 503, headers })).toMatchObject({
      kind: "throttled",
      retryAfterMs: 30_000,
    });
  });

  it.each([400, 422])("of %i blames the set-up until the receiver has taken anything", async (status) => {
    expect(await outcome({ status }, { hasAccepted: false })).toMatchObject({
      kind: "misconfigured",
      message: expect.stringContaining("the secret, the address or the format may be wrong"),
    });
  });

  it("that the request is too large blames the alert at once", async () => {
    expect(await outcome({ status: 413 }, { hasAccepted: false })).toMatchObject({ kind: "rejected" });
  });

  it("that leads elsewhere is not followed, and said to be a redirect", async () => {
    const other = await aWebhookReceiver();

    const failure = await outcome({ status: 307, headers: { location: other.url } });

    expect(failure.message).toMatch(/answered 307\. Redirects are not followed/);
    expect(other.requests).toEqual([]);
  });

  it("that it is gone is said to be the end of it", async () => {
    expect((await outcome({ status: 410 })).message).toContain("It wants no more webhooks");
  });

  it.each([
    ['{"message":"The tenant is not known."}', ": The tenant is not known."],
    ['{"title":"Unknown tenant","status":400}', ": Unknown tenant."],
    ['{"title":"Bad Request","detail":"No such tenant"}', ": No such tenant."],
    ['{"error":"a\\nb\\u001b[31m"}', ": a b [31m."],
    [`{"error":"${"long ".repeat(100)}"}`, `: ${"long ".repeat(40).trim()}.`],
    ['{"error":{"code":1}}', "."],
    ["<html>No</html>", "."],
    ["", "."],
  ])("brings its words: %s", async (body, words) => {
    const { message } = await outcome({ status: 422, body });

    expect(message?.replace(/^The webhook at 127\.0\.0\.1:\d+ answered 422/, "")).toBe(words);
  });

  it("brings no words that were the alert's", async () => {
    const body = JSON.stringify({ message: "No such field: Suspicious PowerShell download" });

    expect((await outcome({ status: 422, body })).message).toMatch(/answered 422\.$/);
  });
});

describe("a webhook in trouble", () => {
  it.each(["reset", "hang"] as const)("is transient: %s", async (trouble) => {
    const receiver = await aWebhookReceiver();
    receiver.answer = () => trouble;

    const failing = aSink(receiver.url, { timeout: "300ms" }).deliver([anEnvelope()], endless());

    await expect(failing).rejects.toMatchObject({ name: "DeliveryError", kind: "transient" });
  });

  it("is not asked again after an abort", async () => {
    const receiver = await aWebhookReceiver();
    receiver.answer = () => "hang";
    const stop = new AbortController();
    const delivering = aSink(receiver.url).deliver(envelopesOf(3), stop.signal);
    delivering.catch(() => undefined);
    await until("the first is under way", () => receiver.requests.length === 1);

    stop.abort(new Error("stopping"));

    await expect(delivering).rejects.toThrow("stopping");
    expect(receiver.requests).toHaveLength(1);
  });
});

describe("a link-local address", () => {
  it.each([
    ["http://169.254.169.254/latest/meta-data/", "169.254.169.254"],
    ["http://169.254.1.1:8080/", "169.254.1.1"],
    ["http://2852039166/", "169.254.169.254"],
    ["http://0xa9fea9fe/", "169.254.169.254"],
    ["http://[fe80::1]/", "fe80::1"],
    ["https://[febf::1]/", "febf::1"],
    ["http://[::ffff:169.254.169.254]/", "::ffff:a9fe:a9fe"],
    ["http://[fd00:ec2::254]/", "fd00:ec2::254"],
  ])("is sent nothing: %s", async (url, address) => {
    const sink = aSink(url);
    const refusal = expect.objectContaining({
      name: "DeliveryError",
      kind: "misconfigured",
      code: "link-local",
      message: expect.stringContaining(`the link-local address ${address}`),
    });

    await expect(sink.deliver([anEnvelope()], endless())).rejects.toEqual(refusal);
    await expect(sink.probe(endless())).rejects.toEqual(refusal);
  });

  it.each(["http://127.0.0.1:1/", "http://localhost:1/", "http://[::1]:1/"])(
    "is none of the machine's own: %s",
    async (url) => {
      await expect(aSink(url).deliver([anEnvelope()], endless())).rejects.toMatchObject({
        kind: "transient",
        code: "ECONNREFUSED",
      });
    },
  );

  it("may be sent to where that is asked for", async () => {
    const proxy = await aWebhookReceiver();
    const url = "http://169.254.169.254/hook";

    await aSink(url, { allowLinkLocal: true, proxy: proxy.listener.origin }).deliver(
      [anEnvelope()],
      endless(),
    );

    expect(proxy.requests).toEqual([`POST ${url}`]);
  });
});

interface Outcome extends Partial<Pick<DeliveryError, "message" | "status" | "retryAfterMs">> {
  readonly kind: string;
}

/** What a delivery comes to when it is answered so. */
async function outcome(
  answer: {
    readonly status: number;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  },
  { hasAccepted = true } = {},
): Promise<Outcome> {
  const receiver = await aWebhookReceiver();
  const sink = aSink(receiver.url);
  if (hasAccepted) await sink.deliver([anEnvelope()], endless());
  receiver.answer = () => answer;
  return await sink.deliver([anEnvelope({ seq: 2 })], endless()).then(
    () => ({ kind: "delivered" }),
    (error: DeliveryError) => error,
  );
}

function aSink(url: string, settings: Readonly<Record<string, unknown>> = {}) {
  const sink = webhook.create(webhook.Config.parse({ url, secret: SECRET, ...settings }));
  onTestFinished(() => sink.close());
  return sink;
}

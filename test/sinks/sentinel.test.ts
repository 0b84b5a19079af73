import { describe, expect, it } from "vitest";
import { acceptanceOf, type SinkSettings } from "../../src/config/schema.ts";
import { DeliveryError } from "../../src/model/failure.ts";
import { encodeCall, sentinel } from "../../src/sinks/sentinel.ts";
import { anAlert } from "../support/alerts.ts";
import { anEnvelope, aRaw, envelopesOf } from "../support/envelopes.ts";
import { type LogsIngestion, RULE, SECRET, STREAM, startLogsIngestion } from "../support/logs-ingestion.ts";
import { describeSink, endless } from "../support/sink-contract.ts";

/** Text as a table takes it: without control characters, and without space around it. */
const tidy = (title: unknown) =>
  String(title ?? "")
    .replace(/[^\P{Cc}\t\n\r]/gu, "")
    .trim();

describeSink(
  "sentinel",
  async () => {
    const azure = await startLogsIngestion();
    return {
      sink: azure.sink(),
      received: () => azure.rows.map((row) => `${row["EventId"]} ${row["Seq"]} ${row["AlertTitle"] ?? ""}`),
      requests: () => azure.calls.filter(({ rows }) => rows > 0).length,
      hold: azure.hold,
      breakDown: () => {
        azure.publishers.clear();
      },
      secrets: [SECRET, "Bearer"],
    };
  },
  { of: ({ eventId, seq, raw }) => `${eventId} ${seq} ${tidy(JSON.parse(String(raw)).title)}` },
);

describe("a call", () => {
  it("is a list of rows, one for each alert, in their order", () => {
    const rows = JSON.parse(encodeCall(envelopesOf(3)).body);

    expect(rows.map((row: { Seq: number }) => row.Seq)).toEqual([1, 2, 3]);
  });

  it("goes to the rule's stream, packed, with a token for Azure Monitor", async () => {
    const azure = await startLogsIngestion();

    const { bytes } = await azure.sink().deliver(envelopesOf(20), endless());

    expect(azure.calls).toMatchObject([
      {
        status: 204,
        rows: 20,
        plainBytes: bytes,
        path: `/dataCollectionRules/${RULE}/streams/${STREAM}?api-version=2023-01-01`,
        headers: { "content-type": "application/json", "content-encoding": "gzip" },
      },
    ]);
    expect(azure.directory.requests).toMatchObject([
      { scope: "https://monitor.azure.com/.default", status: 200 },
    ]);
  });

  it("is plain where that is asked for", async () => {
    const azure = await startLogsIngestion();

    await azure.sink({ gzip: false }).deliver(envelopesOf(20), endless());

    expect(azure.calls[0]?.headers).not.toHaveProperty("content-encoding");
    expect(azure.rows).toHaveLength(20);
  });

  it("that would be too large is refused before anything is sent, to be divided", async () => {
    const azure = await startLogsIngestion();
    const large = envelopesOf(30, { raw: aRaw({ description: "x".repeat(50_000) }) });

    const failing = azure.sink().deliver(large, endless());

    await expect(failing).rejects.toMatchObject({ kind: "rejected", code: "too-large", culprit: undefined });
    expect(azure.calls).toEqual([]);
  });

  it("of an application that signs in with a certificate is as good", async () => {
    const azure = await startLogsIngestion();

    await azure.sink({}, await azure.certificate()).deliver(envelopesOf(1), endless());

    expect(azure.directory.requests).toMatchObject([{ credential: "assertion", status: 200 }]);
    expect(azure.rows).toHaveLength(1);
  });

  it("shares its token with those that follow", async () => {
    const azure = await startLogsIngestion();
    const sink = azure.sink();

    await Promise.all([1, 2, 3].map((seq) => sink.deliver([anEnvelope({ seq })], endless())));
    await sink.deliver([anEnvelope({ seq: 4 })], endless());

    expect(azure.directory.requests).toHaveLength(1);
    expect(azure.rows).toHaveLength(4);
  });

  it("whose token was revoked is made again with a new one", async () => {
    const azure = await startLogsIngestion();
    azure.answer = (number) => (number === 1 ? { status: 401, body: "{}" } : undefined);

    await azure.sink().deliver(envelopesOf(2), endless());

    expect(azure.calls.map(({ status }) => status)).toEqual([401, 204]);
    expect(azure.directory.requests).toHaveLength(2);
    expect(azure.rows).toHaveLength(2);
  });
});

describe("a refused call", () => {
  const error = (code: string, message: string) => JSON.stringify({ error: { code, message } });

  it.each([
    [
      "the role is missing",
      (azure: LogsIngestion) => {
        azure.publishers.clear();
        return azure.sink();
      },
      { kind: "unauthorized", status: 403, code: "OperationFailed", requestId: "req-1" },
      /Monitoring Metrics Publisher on rule dcr-.*30 minutes/,
    ],
    [
      "there is no such rule",
      (azure: LogsIngestion) => azure.sink({ ruleId: "dcr-ffffffffffffffffffffffffffffffff" }),
      { kind: "misconfigured", status: 404, code: "NotFound" },
      /There is no rule dcr-f+ here: check `ruleId` and `endpoint`/,
    ],
    [
      "the rule has no such stream",
      (azure: LogsIngestion) => azure.sink({ stream: "Custom-Other_CL" }),
      { kind: "misconfigured", status: 400, code: "InvalidStream" },
      /Check `stream`: rule dcr-\w+ must declare Custom-Other_CL/,
    ],
    [
      "the token is for another cloud",
      (azure: LogsIngestion) => azure.sink({}, { cloud: "gcc-high" }),
      { kind: "unauthorized", status: 401, code: "InvalidAuthenticationTokenAudience" },
      /token for https:\/\/monitor\.azure\.us was not accepted: `auth\.cloud`/,
    ],
    [
      "the token is for another service",
      (azure: LogsIngestion) => azure.sink({}, { audience: "https://graph.microsoft.com" }),
      { kind: "unauthorized", status: 401, code: "InvalidAuthenticationTokenAudience" },
      /token for https:\/\/graph\.microsoft\.com was not accepted/,
    ],
    [
      "the token has expired",
      (azure: LogsIngestion) => {
        azure.directory.tokenLifetimeSeconds = -60;
        return azure.sink();
      },
      { kind: "unauthorized", status: 401, code: "ExpiredAuthenticationToken" },
      /was not accepted/,
    ],
  ])("says that %s", async (_, sinkAt, told, words) => {
    const azure = await startLogsIngestion();

    const failing = sinkAt(azure).deliver(envelopesOf(2), endless());

    await expect(failing).rejects.toMatchObject({ ...told, message: expect.stringMatching(words) });
    await expect(failing).rejects.toBeInstanceOf(DeliveryError);
    expect(azure.rows).toEqual([]);
  });

  it.each([
    [404, error("NotFound", "Stream was not found."), "misconfigured", /Check `stream`/],
    [
      403,
      error("OperationFailed", "No access. AccessGranted: False, IsDcrDceBindingValid: False"),
      "misconfigured",
      /Check `endpoint`/,
    ],
    [400, error("InvalidApiVersion", "Not supported."), "misconfigured", /answered 400 InvalidApiVersion/],
    [
      413,
      error("ContentLengthLimitExceeded", "1 MB."),
      "rejected",
      /answered 413 ContentLengthLimitExceeded/,
    ],
    [500, error("InternalServerError", ""), "transient", /answered 500/],
    [503, "<html>", "transient", /no answer that the Logs Ingestion API would give/],
    [200, "<html>Welcome</html>", "misconfigured", /answered 200: no answer/],
    [302, "", "misconfigured", /answered 302: no answer/],
  ])("with status %i and %s is %s", async (status, body, kind, words) => {
    const azure = await startLogsIngestion();
    azure.answer = () => ({ status, body });

    const failing = azure.sink().deliver(envelopesOf(2), endless());

    await expect(failing).rejects.toMatchObject({ kind, status, message: expect.stringMatching(words) });
  });

  it("for what stands in its rows is rejected, and does not repeat them", async () => {
    const azure = await startLogsIngestion();
    azure.answer = () => ({
      status: 400,
      body: error("InvalidJson", "Cannot read 'hostile title' in the payload."),
    });

    const failing = azure.sink().deliver(envelopesOf(2), endless());

    await expect(failing).rejects.toMatchObject({
      kind: "rejected",
      code: "InvalidJson",
      message: expect.not.stringContaining("hostile"),
    });
  });

  it.each([
    ["with a time to wait", { "retry-after": "17" }, 17_000],
    ["without one", {}, undefined],
  ])("is throttled %s", async (_, headers, retryAfterMs) => {
    const azure = await startLogsIngestion();
    azure.answer = () => ({ status: 429, headers, body: error("TooManyRequests", "Slow down.") });

    const failing = azure.sink().deliver(envelopesOf(2), endless());

    await expect(failing).rejects.toMatchObject({ kind: "throttled", status: 429, retryAfterMs });
  });

  it("whose rows were stored all the same is not known to be", async () => {
    const azure = await startLogsIngestion();
    azure.answer = () => ({ status: 504, stores: true });

    await expect(azure.sink().deliver(envelopesOf(2), endless())).rejects.toMatchObject({
      kind: "transient",
    });
    azure.answer = undefined;
    await azure.sink().deliver(envelopesOf(2), endless());

    expect(azure.rows.map((row) => row["EventId"])).toEqual(
      [...envelopesOf(2), ...envelopesOf(2)].map(({ eventId }) => eventId),
    );
  });
});

describe("a call that does not come about", () => {
  it.each([
    ["a wrong secret", { clientSecret: "wrong" }, "unauthorized", /AADSTS7000215/],
    [
      "another directory",
      { tenantId: "00000000-0000-4000-8000-000000000000" },
      "misconfigured",
      /AADSTS90002/,
    ],
    ["no sign-in host", { authority: "https://127.0.0.1:1" }, "transient", /ECONNREFUSED/],
  ])("for %s says so", async (_, auth, kind, words) => {
    const azure = await startLogsIngestion();

    const failing = azure.sink({}, auth).deliver(envelopesOf(1), endless());

    await expect(failing).rejects.toMatchObject({
      name: "DeliveryError",
      kind,
      message: expect.stringMatching(words),
    });
    expect(azure.calls).toEqual([]);
  });

  it.each([
    ["the endpoint is down", { endpoint: "https://127.0.0.1:1" }, "transient", /^Sentinel: .*ECONNREFUSED/],
    ["nobody vouches for the endpoint", { tls: {} }, "misconfigured", /^Sentinel: /],
    [
      "the file of authorities is missing",
      { tls: { ca: "/nowhere/ca.pem" } },
      "misconfigured",
      /^Sentinel: the file \/nowhere\/ca\.pem cannot be read \(ENOENT\)\.$/,
    ],
  ])("since %s says so", async (_, settings, kind, words) => {
    const azure = await startLogsIngestion();

    const failing = azure.sink(settings).deliver(envelopesOf(1), endless());

    await expect(failing).rejects.toMatchObject({
      name: "DeliveryError",
      kind,
      message: expect.stringMatching(words),
    });
    expect(azure.calls).toEqual([]);
  });
});

describe("a probe", () => {
  it("sends an empty list, which passes every check and leaves no row", async () => {
    const azure = await startLogsIngestion();

    await azure.sink().probe(endless());

    expect(azure.calls).toMatchObject([{ status: 204, rows: 0, plainBytes: 2 }]);
    expect(azure.rows).toEqual([]);
  });

  it("tells what a delivery would meet", async () => {
    const azure = await startLogsIngestion();
    azure.publishers.clear();

    await expect(azure.sink().probe(endless())).rejects.toMatchObject({ kind: "unauthorized", status: 403 });
  });
});

describe("alerts that Sentinel raised", () => {
  const settingsWith = (more: object): SinkSettings => ({
    type: "sentinel",
    ...sentinel.Config.parse({
      endpoint: "https://dce.example",
      ruleId: RULE,
      auth: {
        type: "client-secret",
        tenantId: "33333333-aaaa-4bbb-8ccc-000000000009",
        clientId: "33333333-aaaa-4bbb-8ccc-000000000009",
        clientSecret: SECRET,
      },
      ...more,
    }),
  });
  const own = anAlert({ serviceSource: "microsoftSentinel" });

  it("are left out before they are numbered, since they would come round again", () => {
    const accepts = acceptanceOf(settingsWith({}));

    expect([accepts(own), accepts(anAlert())]).toEqual([false, true]);
  });

  it("are taken where that is asked for", () => {
    const accepts = acceptanceOf(settingsWith({ includeSentinel: true }));

    expect([accepts(own), accepts(anAlert())]).toEqual([true, true]);
  });

  it("are taken by every other sink", () => {
    const accepts = acceptanceOf({ ...settingsWith({}), type: "stdout" });

    expect(accepts(own)).toBe(true);
  });
});

describe("settings", () => {
  it.each([
    ["an endpoint without TLS", { endpoint: "http://dce.example" }, /https:/],
    ["the resource id of a rule", { ruleId: "/subscriptions/0/dataCollectionRules/x" }, /immutable id/],
    ["the name of a table", { stream: "DefenderAlerts_CL" }, /begins with Custom-/],
  ])("refuse %s", (_, wrong, words) => {
    const parsed = sentinel.Config.safeParse({ endpoint: "https://dce.example", ruleId: RULE, ...wrong });

    expect(parsed.error?.issues.map(({ message }) => message).join()).toMatch(words);
  });
});

import { describe, expect, it } from "vitest";
import { DeliveryError } from "../../src/model/failure.ts";
import { Breaker } from "../../src/pipeline/breaker.ts";
import { Deliverer } from "../../src/pipeline/deliverer.ts";
import { elastic, encodeBulk } from "../../src/sinks/elastic.ts";
import { API_KEY, DATA_STREAM, type Elasticsearch, startElastic } from "../support/elastic.ts";
import { anEnvelope, aRaw, CONTOSO, envelopesOf } from "../support/envelopes.ts";
import { inventedEnvelopes } from "../support/invented.ts";
import { describeSink, endless } from "../support/sink-contract.ts";

describeSink("elastic", async () => {
  const cluster = await startElastic();
  return {
    sink: cluster.sink({ maxDocument: "50MB" }),
    received: () =>
      [...cluster.documents.values()].map((document) => at(document, "event.original") as string),
    requests: () => cluster.visits.filter(({ documents }) => documents > 0).length,
    hold: cluster.hold,
    breakDown: () => {
      cluster.refuse = (document) => ({
        status: 400,
        type: "document_parsing_exception",
        reason: JSON.stringify(document),
      });
    },
    secrets: [API_KEY],
  };
});

function at(document: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], document);
}

describe("a document", () => {
  it("is in ECS, at the time of the update, under the alert version's own name", async () => {
    const cluster = await startElastic();
    const envelope = anEnvelope();

    await cluster.sink().deliver([envelope], endless());

    const [[id, document] = []] = cluster.documents;
    expect(id).toBe(envelope.eventId);
    expect(document).toMatchObject({
      "@timestamp": "2026-05-04T05:36:51.703Z",
      event: { kind: "alert", original: String(envelope.raw) },
      organization: { id: CONTOSO.tenantId },
      rule: { name: "Suspicious PowerShell download" },
    });
  });

  it("of an alert without a time has one all the same, which a data stream asks for", async () => {
    const cluster = await startElastic();

    await cluster.sink().deliver([anEnvelope({ updatedMs: undefined, raw: "{}" })], endless());

    expect(cluster.documents.size).toBe(1);
  });

  it("that would be too large is shortened and says so", async () => {
    const cluster = await startElastic();

    const large = anEnvelope({ raw: aRaw({ description: "x".repeat(300_000) }) });
    await cluster.sink({ maxDocument: "100KB" }).deliver([large], endless());

    const [document] = cluster.documents.values();
    expect(JSON.stringify(document).length).toBeLessThanOrEqual(100_000);
    expect(at(document, "alertferry.shortened")).toContain("event.original");
  });
});

describe("a request", () => {
  it("has two lines for each alert, and ends with the last", () => {
    const lines = encodeBulk(envelopesOf(2), 1_000_000).body.split("\n");

    expect(lines).toHaveLength(5);
    expect(lines[0]).toBe(`{"create":{"_id":"${anEnvelope().eventId}"}}`);
    expect(lines[2]).toBe(`{"create":{"_id":"${anEnvelope({ seq: 2 }).eventId}"}}`);
    expect(lines[4]).toBe("");
  });

  it("creates in the data stream, packed, and asks only for what became of each", async () => {
    const cluster = await startElastic();

    const { bytes } = await cluster.sink().deliver(envelopesOf(20), endless());

    expect(cluster.visits).toMatchObject([
      {
        path: expect.stringMatching(`^/${DATA_STREAM}/_bulk\\?filter_path=errors,items`),
        documents: 20,
        bytes,
        headers: {
          authorization: `ApiKey ${API_KEY}`,
          "content-type": "application/x-ndjson",
          "content-encoding": "gzip",
        },
      },
    ]);
  });

  it("is plain where that is asked for", async () => {
    const cluster = await startElastic();

    await cluster.sink({ gzip: false }).deliver(envelopesOf(20), endless());

    expect(cluster.visits[0]?.headers).not.toHaveProperty("content-encoding");
    expect(cluster.documents.size).toBe(20);
  });

  it("that is sent again is delivered, and stores nothing twice", async () => {
    const cluster = await startElastic();
    const sink = cluster.sink();
    await sink.deliver(envelopesOf(3), endless());

    await sink.deliver(envelopesOf(5), endless());

    expect(cluster.documents.size).toBe(5);
  });

  it.each([
    [
      401,
      '{"error":{"type":"security_exception","reason":"no such key"},"status":401}',
      {},
      "unauthorized",
      /401: security_exception: no such key/,
    ],
    [
      403,
      '{"error":{"type":"security_exception","reason":"is unauthorized"},"status":403}',
      {},
      "unauthorized",
      /403/,
    ],
    [
      404,
      '{"error":{"type":"index_not_found_exception","reason":"no such index [x]"},"status":404}',
      {},
      "misconfigured",
      /no such index \[x\]/,
    ],
    [413, "", {}, "rejected", /413/],
    [
      429,
      '{"error":{"type":"es_rejected_execution_exception"},"status":429}',
      { "retry-after": "3" },
      "throttled",
      /es_rejected/,
    ],
    [503, "<html>", {}, "transient", /503: no answer that Elasticsearch would give/],
    [503, "<html>", { "retry-after": "3" }, "throttled", /503/],
    [
      400,
      '{"error":{"type":"x_content_parse_exception","reason":"Malformed: a secret"},"status":400}',
      {},
      "misconfigured",
      /400: x_content_parse_exception$/,
    ],
    [200, "<html>Welcome</html>", {}, "misconfigured", /200: no answer/],
    [200, '{"errors":false,"items":[]}', {}, "misconfigured", /200: no answer/],
  ])("that is answered %i %s is %s", async (status, body, headers, kind, words) => {
    const cluster = await startElastic();
    cluster.answer = () => ({ status, body, headers });

    const failing = cluster.sink().deliver(envelopesOf(2), endless());

    await expect(failing).rejects.toBeInstanceOf(DeliveryError);
    await expect(failing).rejects.toMatchObject({ kind, status, message: expect.stringMatching(words) });
    if ("retry-after" in headers) await expect(failing).rejects.toMatchObject({ retryAfterMs: 3000 });
  });

  it("with a wrong key is told so", async () => {
    const cluster = await startElastic();

    const failing = cluster.sink({ apiKey: "wrong" }).deliver(envelopesOf(1), endless());

    await expect(failing).rejects.toMatchObject({ kind: "unauthorized", code: "security_exception" });
  });

  it("that is larger than Elasticsearch takes is refused whole, to be divided", async () => {
    const cluster = await startElastic();
    cluster.maxContentBytes = 20_000;

    const failing = cluster.sink().deliver(envelopesOf(100), endless());

    await expect(failing).rejects.toMatchObject({ kind: "rejected", status: 413, culprit: undefined });
    await cluster.sink().deliver(envelopesOf(5), endless());
  });

  it("to a host that is down is transient", async () => {
    const sink = (await startElastic()).sink({ url: "http://127.0.0.1:1" });

    await expect(sink.deliver(envelopesOf(1), endless())).rejects.toMatchObject({
      kind: "transient",
      code: "ECONNREFUSED",
      message: expect.stringMatching(/^Elasticsearch: 127\.0\.0\.1:1 could not be reached/),
    });
  });
});

describe("one alert of several that is not taken", () => {
  const isSeq = (seq: number) => (document: object) => at(document, "alertferry.seq") === seq;

  it.each([
    [400, "document_parsing_exception", "rejected", 1],
    [400, "illegal_argument_exception", "rejected", 1],
    [413, "too_large", "rejected", 1],
    [400, "index_closed_exception", "misconfigured", undefined],
    [404, "index_not_found_exception", "misconfigured", undefined],
    [403, "security_exception", "unauthorized", undefined],
    [403, "cluster_block_exception", "transient", undefined],
    [429, "es_rejected_execution_exception", "throttled", undefined],
    [503, "unavailable_shards_exception", "transient", undefined],
  ])("for %i %s makes the request %s", async (status, type, kind, culprit) => {
    const cluster = await startElastic();
    cluster.refuse = (document) => (isSeq(2)(document) ? { status, type, reason: "" } : undefined);

    const failing = cluster.sink().deliver(envelopesOf(3), endless());

    await expect(failing).rejects.toMatchObject({
      kind,
      culprit,
      code: type,
      message: expect.stringMatching(`took 2 of 3 alerts and answered ${status} to another: ${type}\\.$`),
    });
    expect(cluster.documents.size).toBe(2);
  });

  it("does not hide that others are to be waited for", async () => {
    const cluster = await startElastic();
    cluster.refuse = (_, position) =>
      position === 0
        ? { status: 400, type: "document_parsing_exception", reason: "" }
        : { status: 429, type: "es_rejected_execution_exception", reason: "" };

    const failing = cluster.sink().deliver(envelopesOf(3), endless());

    await expect(failing).rejects.toMatchObject({ kind: "throttled", culprit: undefined });
  });

  it("is told of by the name of the field and not by what stands in it", async () => {
    const cluster = await startElastic();
    const type = "document_parsing_exception";
    const reason =
      "[1:88] failed to parse field [source.ip] of type [ip] in document with id 'u2'. Preview of field's value: 'alice'";
    cluster.refuse = () => ({ status: 400, type, reason });

    const failing = cluster.sink().deliver(envelopesOf(1), endless());

    await expect(failing).rejects.toMatchObject({
      message: expect.stringMatching(
        /: document_parsing_exception, failed to parse field \[source\.ip\] of type \[ip\]\.$/,
      ),
    });
  });

  it("stands alone in the end, and all the others are stored once", async () => {
    const cluster = await startElastic();
    const bad = new Set([3, 7, 8, 250]);
    cluster.refuse = (document) =>
      bad.has(Number(at(document, "alertferry.seq")))
        ? { status: 400, type: "document_parsing_exception", reason: "" }
        : undefined;
    const all = inventedEnvelopes("graph_alerts", 300);

    const { refused } = await deliverAll(cluster, all);

    expect(refused.map(({ envelope }) => envelope.seq).sort((a, b) => a - b)).toEqual([...bad]);
    expect(refused.every(({ error }) => error.kind === "rejected")).toBe(true);
    expect([...cluster.documents.keys()].sort()).toEqual(
      all
        .filter(({ seq }) => !bad.has(seq))
        .map(({ eventId }) => eventId)
        .sort(),
    );
  });

  it("since the cluster was busy is sent again until it is taken", async () => {
    const cluster = await startElastic();
    cluster.refuse = (_, position) =>
      position % 3 === 0 && cluster.visits.length < 4
        ? { status: 429, type: "es_rejected_execution_exception", reason: "" }
        : undefined;
    const all = inventedEnvelopes("mde_alerts", 100);

    const { refused } = await deliverAll(cluster, all);

    expect(refused).toEqual([]);
    expect(cluster.documents.size).toBe(100);
  });
});

/** Through the real deliverer. */
async function deliverAll(cluster: Elasticsearch, all: ReturnType<typeof inventedEnvelopes>) {
  const quiet = { retrying: () => {}, opened: () => {}, closed: () => {} };
  const deliverer = new Deliverer(
    cluster.sink(),
    { maxAlerts: 500, maxBytes: 10_000_000, lingerMs: 0, concurrency: 1 },
    new Breaker({ minDelay: 1, maxDelay: 10 }, quiet),
    { completed: () => {}, halved: () => {} },
  );
  return await deliverer.deliver(all);
}

describe("a probe", () => {
  it("asks whether the key may create documents, and creates none", async () => {
    const cluster = await startElastic();

    await cluster.sink().probe(endless());

    expect(cluster.visits).toMatchObject([{ path: "/_security/user/_has_privileges", documents: 0 }]);
    expect(cluster.documents.size).toBe(0);
  });

  it.each([
    [
      "the key may not write",
      (cluster: Elasticsearch) => cluster.privileges.clear(),
      {},
      "unauthorized",
      /privilege create_doc/,
    ],
    ["the key is wrong", () => {}, { apiKey: "wrong" }, "unauthorized", /security_exception/],
    ["nobody listens", () => {}, { url: "http://127.0.0.1:1" }, "transient", /could not be reached/],
    [
      "another answers",
      (cluster: Elasticsearch) => {
        cluster.answer = () => ({ status: 200, body: "<html>" });
      },
      {},
      "misconfigured",
      /no answer that Elasticsearch would give/,
    ],
  ])("tells that %s", async (_, spoil, settings, kind, words) => {
    const cluster = await startElastic();
    spoil(cluster);

    const failing = cluster.sink(settings).probe(endless());

    await expect(failing).rejects.toMatchObject({ kind, message: expect.stringMatching(words) });
  });
});

describe("settings", () => {
  it.each(["Logs", "-logs", "logs,other", "logs*", "a/b"])("refuse the data stream %s", (dataStream) => {
    const parsed = elastic.Config.safeParse({ url: "https://elastic.example", apiKey: "x", dataStream });

    expect(parsed.error?.issues[0]?.message).toMatch(/name of a data stream/);
  });
});

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { isObject, type JsonObject } from "../model/alert.ts";
import { DeliveryError, type FailureKind } from "../model/failure.ts";
import { letGo } from "../model/memory.ts";
import { classifyStatus } from "../net/classify.ts";
import { bodyOf, pack, refusal, send as sendTo } from "../net/delivery.ts";
import { createHttpClient, type HttpAnswer, type HttpClient, type HttpRequest } from "../net/http.ts";
import { Duration, HttpUrl, ProxyUrl, Secret, Tls } from "../net/options.ts";
import { commonSettings, defineSink, mostRequests, type Sink } from "./sink.ts";
import { COMPATS, encodeEvents } from "./splunk-event.ts";

/** Splunk's answers are short; its HTML error pages need not be read whole. */
const MAX_ANSWER_BYTES = 256_000;
const ACKS = "/services/collector/ack";
const EVENTS = "/services/collector/event";
const HEALTH = "/services/collector/health";
/** The code of a healthy collector. */
const HEALTHY = 17;
/** Splunk writes indexer acknowledgements about every few seconds; asking faster only costs requests. */
const ACK_POLL_MS = { first: 100, most: 5000 };

const Config = z.strictObject({
  url: HttpUrl.describe("Base address of the HTTP Event Collector, for example https://splunk.example:8088."),
  token: Secret.describe("HEC token. Best given as a reference to the environment or a file."),
  index: z.string().min(1).optional().describe("Index to write to; without it the token's default index."),
  ack: z
    .boolean()
    .default(false)
    .describe(
      "Wait until the indexers have acknowledged (the token must have useACK; not offered by Splunk Cloud).",
    ),
  ackTimeout: Duration.prefault("5m").describe(
    "How long to wait for an acknowledgement before sending again.",
  ),
  gzip: z.boolean().default(true).describe("Compress requests."),
  compat: z
    .enum(COMPATS)
    .default("addon")
    .describe(
      "Shape of the event. addon: the source's object unchanged, with the sourcetype of Splunk's add-on; cim: the same with the fields of the Alerts data model, for sites without the add-on; raw: the object with a sourcetype of our own; ocsf: a Detection Finding.",
    ),
  tls: Tls.prefault({}).describe("TLS towards the collector."),
  proxy: ProxyUrl.optional(),
  ...commonSettings({ maxAlerts: 500, maxBytes: "800KB", linger: "50ms", concurrency: 4 }),
});
type Config = z.output<typeof Config>;

export const splunkHec = defineSink({
  type: "splunk_hec",
  summary: "Splunk HTTP Event Collector, with indexer acknowledgement where the token has it.",
  Config,
  create: createSplunkHec,
});

/**
 * What Splunk's answer codes ask for. Source: Splunk "Troubleshoot HTTP Event Collector", table of error codes.
 * 24 and 25 come with status 200 and mean *stored, slow down*; testing for 0 alone would send twice.
 */
const CODES: Readonly<Record<number, "delivered" | "delivered-slow" | FailureKind>> = {
  0: "delivered",
  24: "delivered-slow",
  25: "delivered-slow",
  1: "unauthorized",
  2: "unauthorized",
  3: "unauthorized",
  4: "unauthorized",
  21: "unauthorized",
  22: "unauthorized",
  5: "misconfigured",
  7: "misconfigured",
  10: "misconfigured",
  14: "misconfigured",
  16: "misconfigured",
  6: "rejected",
  12: "rejected",
  13: "rejected",
  15: "rejected",
  8: "transient",
  9: "transient",
  11: "transient",
  18: "transient",
  19: "transient",
  20: "transient",
  23: "transient",
  26: "throttled",
  27: "throttled",
};

function createSplunkHec(config: Config): Sink {
  const http = createHttpClient({
    timeoutMs: config.timeout,
    tls: config.tls,
    proxy: config.proxy,
    maxAnswerBytes: MAX_ANSWER_BYTES,
    connections: mostRequests(config) + 1,
  });
  const collector = collectorAt(config, http);
  // Numbers of acknowledgements count from 0 in each channel of each indexer. So each delivery under way has a channel
  // of its own, and one is used again only when all its numbers are settled: a question that a load balancer brings
  // to another indexer then finds no number there that stands for other events.
  const settledChannels: string[] = [];

  async function post(events: Buffer, channel: Headers, signal: AbortSignal): Promise<HttpAnswer> {
    const { body, headers } = await pack(events, config.gzip);
    if (body !== events) letGo(events);
    const type = { "content-type": "application/json" };
    return await collector.post(EVENTS, body, { ...type, ...channel, ...headers }, signal);
  }

  /** Lets go of `events` once they are packed. */
  async function send(events: Buffer, signal: AbortSignal): Promise<Delivered> {
    const channel = config.ack ? (settledChannels.pop() ?? randomUUID()) : undefined;
    const headers: Headers = channel === undefined ? {} : { "x-splunk-request-channel": channel };
    const answer = await post(events, headers, signal);
    const verdict = collector.read(answer);
    if (typeof verdict === "object") throw verdict;
    if (channel !== undefined) {
      const isSettled = await waitForAck(answer, headers, config, collector, signal);
      if (isSettled) settledChannels.push(channel);
    }
    return verdict;
  }

  return {
    async deliver(envelopes, signal) {
      const { body, shortened } = encodeEvents(envelopes, config);
      const bytes = body.length;
      const verdict = await send(body, signal);
      return {
        bytes,
        shortened,
        slowDown: verdict === "delivered-slow",
      };
    },

    async probe(signal) {
      const answer = await collector.get(HEALTH, signal);
      if (answer.status === 200 && bodyOf(answer)?.["code"] === HEALTHY) return;
      const verdict = collector.read(answer);
      if (typeof verdict === "object") throw verdict;
    },

    async close() {
      http.close();
    },
  };
}

type Delivered = "delivered" | "delivered-slow";
type Verdict = Delivered | DeliveryError;
type Headers = Readonly<Record<string, string>>;
type Collector = ReturnType<typeof collectorAt>;

/** The collector's requests and the reading of its answers. */
function collectorAt(config: Config, http: HttpClient) {
  const authorization = `Splunk ${config.token}`;
  const send = (request: Omit<HttpRequest, "url">, path: string) =>
    sendTo(http, "Splunk", { ...request, url: `${config.url}${path}` });
  return {
    post: (path: string, body: Buffer | string, headers: Headers, signal: AbortSignal) =>
      send({ method: "POST", headers: { authorization, ...headers }, body, signal }, path),
    get: (path: string, signal: AbortSignal) =>
      send({ method: "GET", headers: { authorization }, signal }, path),
    read: (answer: HttpAnswer) => readAnswer(answer, config.url),
  };
}

/** @returns the error instead of throwing it, since for an acknowledgement poll it means something else. */
function readAnswer(answer: HttpAnswer, url: string): Verdict {
  const { status } = answer;
  const body = bodyOf(answer);
  const code = typeof body?.["code"] === "number" ? body["code"] : undefined;
  const known = code === undefined ? undefined : CODES[code];
  const isDelivered = known === "delivered" || known === "delivered-slow";
  if (isDelivered && status >= 200 && status < 300) return known;
  // A 200 that is not Splunk's own is a portal or a wrong port; taking it for a delivery would lose the alerts.
  const kind = (isDelivered ? undefined : known) ?? classifyStatus(status) ?? "misconfigured";
  return refusal(
    kind,
    `Splunk at ${url} answered ${status}${code === undefined ? "" : `, code ${code}`}: ${wordsOf(body)}`,
    answer,
    { code: code?.toString(), culprit: kind === "rejected" ? culpritOf(body) : undefined },
  );
}

function culpritOf(body: JsonObject | undefined): number | undefined {
  const index = body?.["invalid-event-number"];
  return typeof index === "number" ? index : undefined;
}

function wordsOf(body: JsonObject | undefined): string {
  const text = body?.["text"];
  return typeof text === "string" ? text.slice(0, 300) : "no answer that Splunk would give";
}

/**
 * Polls until the indexers have written the request. Asks with the cookies of the answer, since behind a load
 * balancer only the indexer that took the request knows its number. Splunk "About HTTP Event Collector Indexer
 * Acknowledgment".
 *
 * @returns false when a new cookie says that another indexer answers by now: the channel must not be used again.
 * @throws DeliveryError (transient) when no acknowledgement came in time: the request is sent again.
 */
async function waitForAck(
  answer: HttpAnswer,
  channel: Headers,
  config: Config,
  collector: Collector,
  signal: AbortSignal,
): Promise<boolean> {
  const id = bodyOf(answer)?.["ackId"];
  if (typeof id !== "number") {
    throw new DeliveryError(
      "misconfigured",
      `Splunk at ${config.url} gave no ackId: this token has no indexer acknowledgement.`,
    );
  }
  const cookie = answer.cookies.map((text) => text.split(";")[0]).join("; ");
  const headers = {
    "content-type": "application/json",
    ...channel,
    ...(cookie === "" ? {} : { cookie }),
  };
  const deadline = performance.now() + config.ackTimeout;
  let isSameIndexer = true;
  for (
    let pause = ACK_POLL_MS.first;
    performance.now() < deadline;
    pause = Math.min(pause * 2, ACK_POLL_MS.most)
  ) {
    await sleep(pause, undefined, { signal });
    const told = await askForAck(id, headers, collector, signal);
    isSameIndexer &&= told.cookies.length === 0;
    if (told.isIndexed) return isSameIndexer;
  }
  throw new DeliveryError(
    "transient",
    `Splunk at ${config.url} did not acknowledge within ${config.ackTimeout} ms.`,
  );
}

/** An outage while asking is no verdict on the events: the asking goes on until its time is over. */
async function askForAck(
  id: number,
  headers: Headers,
  collector: Collector,
  signal: AbortSignal,
): Promise<{ readonly isIndexed: boolean; readonly cookies: readonly string[] }> {
  try {
    const answer = await collector.post(ACKS, JSON.stringify({ acks: [id] }), headers, signal);
    const acks = bodyOf(answer)?.["acks"];
    if (isObject(acks)) return { isIndexed: acks[String(id)] === true, cookies: answer.cookies };
    const verdict = collector.read(answer);
    if (typeof verdict === "object") throw verdict;
  } catch (cause) {
    const passes =
      cause instanceof DeliveryError && cause.kind !== "unauthorized" && cause.kind !== "misconfigured";
    if (!passes) throw cause;
  }
  return { isIndexed: false, cookies: [] };
}

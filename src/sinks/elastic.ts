import { z } from "zod";
import { render } from "../formats/index.ts";
import { isObject, type JsonObject } from "../model/alert.ts";
import type { Envelope, NonEmpty } from "../model/envelope.ts";
import type { DeliveryError, FailureKind } from "../model/failure.ts";
import { classifyStatus } from "../net/classify.ts";
import { bodyOf, pack, refusal, send } from "../net/delivery.ts";
import { createHttpClient, type HttpAnswer } from "../net/http.ts";
import { ByteSize, HttpUrl, ProxyUrl, Secret, Tls } from "../net/options.ts";
import { commonSettings, defineSink, mostRequests, type Sink, shortenedOf } from "./sink.ts";

/** An answer has a line for each alert, and refusals may be wordy. */
const MAX_ANSWER_BYTES = 16_000_000;
/** Of each alert only what became of it. */
const ANSWER_PARTS = "errors,items.create.status,items.create.error.type,items.create.error.reason";

const Config = z.strictObject({
  url: HttpUrl.describe("Base address of Elasticsearch, for example https://elastic.example:9200."),
  apiKey: Secret.regex(/^[\w+/-]+=*$/, "must be the key in its encoded form, which is base64").describe(
    "API key in its encoded form, with the privileges create_doc and auto_configure on the data stream.",
  ),
  dataStream: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]{0,254}$/, "must be the name of a data stream: a-z, 0-9, ., _ and -")
    .default("logs-defender.alert-default")
    .describe("Data stream to write to. One whose name begins with logs- is created by itself."),
  maxDocument: ByteSize.prefault("10MB").describe(
    "The most bytes of one alert; a larger one is shortened field by field, and says so.",
  ),
  gzip: z.boolean().default(true).describe("Compress requests."),
  tls: Tls.prefault({}).describe("TLS towards Elasticsearch."),
  proxy: ProxyUrl.optional(),
  ...commonSettings({ maxAlerts: 500, maxBytes: "1MB", linger: "500ms", concurrency: 4 }),
});
type Config = z.output<typeof Config>;

export const elastic = defineSink({
  type: "elastic",
  summary: "Elasticsearch: documents in ECS in a data stream, each alert version once under its `eventId`.",
  Config,
  create: createElastic,
});

/**
 * The body of a `_bulk` request. `create` refuses an id that is there already, so what is sent again is stored once;
 * a data stream takes nothing else. www.elastic.co/docs/api, Bulk index or delete documents
 */
export function encodeBulk(envelopes: NonEmpty<Envelope>, maxDocument: number) {
  const documents = envelopes.map((envelope) => render("ecs", envelope, maxDocument));
  const lines = documents.map(({ text }, index) => {
    const action = JSON.stringify({ create: { _id: envelopes[index]?.eventId } });
    return `${action}\n${text}\n`;
  });
  return { body: lines.join(""), shortened: shortenedOf(envelopes, documents) };
}

function createElastic(config: Config): Sink {
  const { host } = new URL(config.url);
  const http = createHttpClient({
    timeoutMs: config.timeout,
    tls: config.tls,
    proxy: config.proxy,
    maxAnswerBytes: MAX_ANSWER_BYTES,
    connections: mostRequests(config) + 1,
  });

  async function post(path: string, type: string, text: string, signal: AbortSignal): Promise<HttpAnswer> {
    const { body, headers } = await pack(text, config.gzip);
    const url = `${config.url}${path}`;
    const authorization = `ApiKey ${config.apiKey}`;
    return await send(http, "Elasticsearch", {
      method: "POST",
      url,
      headers: { authorization, "content-type": type, ...headers },
      body,
      signal,
    });
  }

  return {
    async deliver(envelopes, signal) {
      const { body, shortened } = encodeBulk(envelopes, config.maxDocument);
      const path = `/${config.dataStream}/_bulk?filter_path=${ANSWER_PARTS}`;
      const answer = await post(path, "application/x-ndjson", body, signal);
      const error =
        answer.status === 200 ? readFates(answer, envelopes.length, host) : readRefusal(answer, host);
      if (error !== undefined) throw error;
      return { bytes: Buffer.byteLength(body), shortened };
    },

    /** Asks whether the key may write, since there is no request that writes nothing. */
    async probe(signal) {
      const { dataStream } = config;
      const asked = JSON.stringify({ index: [{ names: [dataStream], privileges: ["create_doc"] }] });
      const answer = await post("/_security/user/_has_privileges", "application/json", asked, signal);
      const told = answer.status === 200 ? bodyOf(answer)?.["has_all_requested"] : undefined;
      if (told === true) return;
      if (told !== false) throw readRefusal(answer, host);
      throw refusal(
        "unauthorized",
        `Elasticsearch at ${host}: the API key may not write to ${dataStream}; give it the privilege create_doc.`,
        answer,
        { code: "create_doc" },
      );
    },

    async close() {
      http.close();
    },
  };
}

interface Fate {
  readonly status: number;
  readonly type: string;
  readonly reason: string;
}

/** What is told, when not all alerts share one fate. What needs a person comes first, and what others wait for. */
const GRAVEST_FIRST: readonly FailureKind[] = [
  "unauthorized",
  "misconfigured",
  "throttled",
  "transient",
  "rejected",
];

/**
 * Reads what became of each alert. What was stored stays stored: sent again, it comes back as 409, which is a
 * delivery. So one error stands for all, and of several refused alerts the first is named.
 */
function readFates(answer: HttpAnswer, sent: number, host: string): DeliveryError | undefined {
  const fates = fatesOf(bodyOf(answer));
  if (fates.length !== sent) return readRefusal(answer, host);
  const kinds = fates.map(kindOf);
  const kind = GRAVEST_FIRST.find((candidate) => kinds.includes(candidate));
  if (kind === undefined) return undefined;
  const index = kinds.indexOf(kind);
  const fate = fates[index];
  const taken = kinds.filter((each) => each === undefined).length;
  return refusal(
    kind,
    `Elasticsearch at ${host} took ${taken} of ${sent} alerts and answered ${fate?.status} to another: ${wordsOf(fate)}`,
    answer,
    { code: fate?.type, culprit: kind === "rejected" ? index : undefined },
  );
}

/** Kinds of 400 that speak of the index and not of the document. */
const INDEX_AT_FAULT = /^(index_closed|invalid_index_name)_exception$/;

/** undefined when the alert is stored, now or before. */
function kindOf({ status, type }: Fate): FailureKind | undefined {
  if (status === 409) return undefined;
  // 403, and yet nobody's credentials: an index that is read-only because its disk is full, for as long as that lasts.
  if (type === "cluster_block_exception") return "transient";
  if (status === 400) return INDEX_AT_FAULT.test(type) ? "misconfigured" : "rejected";
  return classifyStatus(status);
}

/** Only what is known to hold none of the alert: reasons quote the values that they complain of. */
function wordsOf(fate: Fate | undefined): string {
  const known = /failed to parse field \[[\w.@-]{1,200}\] of type \[\w+\]|Limit of total fields \[\d+\]/;
  const words = known.exec(fate?.reason ?? "")?.[0];
  return `${fate?.type ?? "unknown"}${words === undefined ? "" : `, ${words}`}.`;
}

function fatesOf(body: JsonObject | undefined): readonly Fate[] {
  const items: unknown = body?.["items"];
  return (Array.isArray(items) ? items : []).map((each: unknown) => {
    const done = isObject(each) && isObject(each["create"]) ? each["create"] : {};
    const { status } = done;
    return { status: typeof status === "number" ? status : 0, ...errorOf(done) };
  });
}

/** `{"error":{"type":"security_exception","reason":"…"}}` */
function errorOf(body: JsonObject): { readonly type: string; readonly reason: string } {
  const error = isObject(body["error"]) ? body["error"] : {};
  const { type, reason } = error;
  return { type: text(type), reason: text(reason) };
}

/** The whole request was refused, or nobody answered who is Elasticsearch. */
function readRefusal(answer: HttpAnswer, host: string): DeliveryError {
  const { status } = answer;
  const { type, reason } = errorOf(bodyOf(answer) ?? {});
  const kind = classifyStatus(status) ?? "misconfigured";
  // Those speak of the key, the address or the load; what is wrong in a body they would quote.
  const told = kind === "misconfigured" && status !== 404 ? "" : reason.slice(0, 300);
  const words = [type, told].filter((word) => word !== "").join(": ");
  return refusal(
    kind,
    `Elasticsearch at ${host} answered ${status}: ${words === "" ? "no answer that Elasticsearch would give." : words}`,
    answer,
    { code: type === "" ? String(status) : type },
  );
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

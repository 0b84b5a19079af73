import { createHash, createHmac } from "node:crypto";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { z } from "zod";
import { FORMAT_NAMES, type FormatName, render } from "../formats/index.ts";
import type { Envelope, NonEmpty } from "../model/envelope.ts";
import { DeliveryError, type FailureKind } from "../model/failure.ts";
import { classifyStatus } from "../net/classify.ts";
import { refusal, send } from "../net/delivery.ts";
import { createHttpClient, type HttpAnswer } from "../net/http.ts";
import { linkLocalAddress, lookupOutside } from "../net/link-local.ts";
import { ProxyUrl, Secret, Tls } from "../net/options.ts";
import { proxyFor } from "../net/proxy.ts";
import { withConnection } from "../net/syslog-connection.ts";
import { quoted, wordsOfJson } from "../net/words.ts";
import { commonSettings, defineSink, mostRequests, type Sink, shortenedOf } from "./sink.ts";

/** What we sign with: `whsec_` and the key in base64, 24 to 64 bytes (Standard Webhooks, "Signature scheme"). */
const SigningSecret = Secret.regex(
  /^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/,
  "must be whsec_ and 24 to 64 bytes in base64, for example whsec_ and the words of: openssl rand -base64 32",
).refine((text) => isKey(keyOf(text)), "must be whsec_ and 24 to 64 bytes in base64");

/** Headers that say what the request is; ours, not the user's. */
const RESERVED = /^(webhook-.*|content-.*|host|connection|transfer-encoding|expect|upgrade|te|trailer)$/i;

const Config = z.strictObject({
  url: z
    .url({ protocol: /^https?$/, error: "must be a URL that begins with https:// or http://" })
    .describe("Where to POST to. Errors name its host only, since a path may hold a secret."),
  secret: z
    .union([SigningSecret, z.array(SigningSecret).min(1)])
    .meta({ secret: true })
    .describe(
      "Key of the signature (Standard Webhooks, v1): `whsec_…`. A list signs with each, for changing it without a break.",
    ),
  headers: z
    .record(
      z
        .string()
        .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, "is no name of a header")
        .refine((name) => !RESERVED.test(name), "is a header that alertferry sets itself"),
      Secret.regex(/^[\t\x20-\x7e\x80-\xff]*$/, "must be in one line, without control characters"),
    )
    .default({})
    .describe("More headers of every request, for example an `Authorization` that the receiver asks for."),
  format: z
    .enum(FORMAT_NAMES)
    .default("raw")
    .describe(
      "Notation of the alerts. raw: the source's object under `event`. With `batch.maxAlerts` above 1 a request holds a list: a JSON array, or lines for cef and leef.",
    ),
  gzip: z
    .boolean()
    .default(false)
    .describe("Compress requests. The signature is that of the body before compression."),
  allowLinkLocal: z
    .boolean()
    .default(false)
    .describe("Allow link-local addresses (169.254.0.0/16, fe80::/10), where clouds keep their metadata."),
  tls: Tls.prefault({}).describe("TLS towards the receiver."),
  proxy: ProxyUrl.optional(),
  ...commonSettings({ maxAlerts: 1, maxBytes: "5MB", linger: "0ms", concurrency: 4 }),
});
type Config = z.output<typeof Config>;

export const webhook = defineSink({
  type: "webhook",
  summary:
    "HTTP POST of each alert with a Standard Webhooks signature. `webhook-id` names the alert's version, so a receiver can drop repetitions.",
  Config,
  create: createWebhook,
});

/** Receivers answer with a word or two. */
const MAX_ANSWER_BYTES = 256_000;
/** How long a probe waits after a TLS handshake for the receiver to refuse our certificate, which TLS 1.3 allows it. */
const PROBE_SETTLE_MS = 500;

/** What Standard Webhooks ("Delivery success and failure") and HTTP say of a status, where that is more than usual. */
const STATUSES: Readonly<Record<number, FailureKind>> = {
  400: "rejected",
  // Somebody is working on the very same id: an earlier try of ours whose answer was lost.
  409: "transient",
  422: "rejected",
};

export interface Payload {
  /** Stable however often the same alerts are sent; without `.`, which divides what is signed. */
  readonly id: string;
  readonly contentType: string;
  readonly body: string;
  readonly shortened: readonly Envelope[];
}

/**
 * The body of one request. A single alert's id is its `eventId`: what is signed for is one version of one alert, whatever
 * process sends it. A list's id is made from those of its alerts, which only holds while the list stays together; the
 * alerts in it carry their own.
 */
export function encodePayload(
  envelopes: NonEmpty<Envelope>,
  format: FormatName,
  shape: "alert" | "list",
): Payload {
  const rendered = envelopes.map((envelope) => render(format, envelope, Number.POSITIVE_INFINITY));
  const texts = rendered.map(({ text }) => text);
  const isText = format === "cef" || format === "leef";
  const list = isText ? texts.join("\n") : `[${texts.join(",")}]`;
  return {
    id: shape === "alert" ? `evt_${envelopes[0].eventId}` : `list_${idOfList(envelopes)}`,
    contentType: isText ? "text/plain; charset=utf-8" : "application/json",
    body: shape === "alert" ? (texts[0] ?? "") : list,
    shortened: shortenedOf(envelopes, rendered),
  };
}

function idOfList(envelopes: NonEmpty<Envelope>): string {
  const hash = createHash("sha256");
  for (const { eventId } of envelopes) hash.update(`${eventId}\n`);
  return hash.digest("hex");
}

/**
 * `webhook-signature` for all secrets: `v1,K5oZ… v1,hnO3…`
 *
 * @param seconds since the epoch, of this try.
 */
export function sign(
  { id, body }: Pick<Payload, "id" | "body">,
  secrets: readonly string[],
  seconds: number,
): string {
  const content = `${id}.${seconds}.${body}`;
  return secrets
    .map((secret) => `v1,${createHmac("sha256", keyOf(secret)).update(content).digest("base64")}`)
    .join(" ");
}

/** So long a part of an address is no word. */
const SHORTEST_TOKEN = 16;

/** What an address may hold in place of a password. */
function tokensIn({ pathname, searchParams }: URL): readonly string[] {
  const parts = [
    ...pathname.split("/").flatMap((part) => [part, safelyDecoded(part)]),
    ...searchParams.values(),
  ];
  return parts.filter((part) => part.length >= SHORTEST_TOKEN);
}

function safelyDecoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function keyOf(secret: string): Buffer {
  return Buffer.from(secret.slice("whsec_".length), "base64");
}

function isKey({ length }: Buffer): boolean {
  return length >= 24 && length <= 64;
}

function createWebhook(config: Config): Sink {
  const http = createHttpClient({
    timeoutMs: config.timeout,
    tls: config.tls,
    proxy: config.proxy,
    maxAnswerBytes: MAX_ANSWER_BYTES,
    connections: mostRequests(config),
    lookup: config.allowLinkLocal ? undefined : lookupOutside,
  });
  const target = new URL(config.url);
  const who = `The webhook at ${target.host}`;
  const secrets = [config.secret].flat();
  const shape = config.batch.maxAlerts === 1 ? "alert" : "list";
  let hasAccepted = false;

  async function refuseLinkLocal(): Promise<void> {
    if (config.allowLinkLocal) return;
    const address = await linkLocalAddress(target.hostname);
    if (address === undefined) return;
    throw new DeliveryError(
      "misconfigured",
      `${who} is at the link-local address ${address}, to which nothing is sent unless allowLinkLocal says so.`,
      { code: "link-local" },
    );
  }

  async function post(payload: Payload, signal: AbortSignal): Promise<void> {
    const seconds = Math.floor(Date.now() / 1000);
    const signature = sign(payload, secrets, seconds);
    const answer = await send(http, who, {
      method: "POST",
      url: config.url,
      headers: {
        ...config.headers,
        "content-type": payload.contentType,
        ...(config.gzip ? { "content-encoding": "gzip" } : {}),
        "webhook-id": payload.id,
        "webhook-timestamp": String(seconds),
        "webhook-signature": signature,
      },
      body: config.gzip ? await promisify(gzip)(payload.body) : payload.body,
      signal,
    });
    const known = [...secrets, ...Object.values(config.headers), ...tokensIn(target)];
    const sent = [payload.body, signature, ...known];
    const error = readAnswer(answer, who, hasAccepted, sent);
    if (error !== undefined) throw error;
    hasAccepted = true;
  }

  return {
    async deliver(envelopes, signal) {
      signal.throwIfAborted();
      await refuseLinkLocal();
      const requests: readonly NonEmpty<Envelope>[] =
        shape === "list" ? [envelopes] : envelopes.map((envelope) => [envelope]);
      let bytes = 0;
      const shortened: Envelope[] = [];
      for (const request of requests) {
        const payload = encodePayload(request, config.format, shape);
        await post(payload, signal);
        bytes += Buffer.byteLength(payload.body);
        shortened.push(...payload.shortened);
      }
      return { bytes, shortened };
    },

    /** Opens a connection and sends nothing: whatever is asked of a webhook, GET and OPTIONS included, may start work. */
    async probe(signal) {
      await refuseLinkLocal();
      const first = proxyFor(target, config.proxy) ?? target;
      const isTls = first.protocol === "https:";
      await withConnection(
        {
          host: first.hostname.replace(/^\[|\]$/g, ""),
          port: Number(first.port || (isTls ? 443 : 80)),
          tls: isTls ? config.tls : undefined,
          timeoutMs: config.timeout,
          settleMs: PROBE_SETTLE_MS,
        },
        signal,
        ({ accepted }) => accepted(),
      );
    },

    async close() {
      http.close();
    },
  };
}

/**
 * @param hasAccepted whether the receiver has taken anything yet. Until then a refusal of the content is taken for one of
 *   the signature or the address, which many receivers answer with the same 400: else a wrong secret would make a dead
 *   letter of every alert.
 * @returns undefined when the receiver took it: any 2xx.
 */
function readAnswer(
  answer: HttpAnswer,
  who: string,
  hasAccepted: boolean,
  sent: readonly string[],
): DeliveryError | undefined {
  const { status } = answer;
  const usual = classifyStatus(status);
  if (usual === undefined) return undefined;
  const kind = STATUSES[status] ?? usual;
  const isFirst = kind === "rejected" && status !== 413 && !hasAccepted;
  const hint = isFirst ? FIRST_REFUSAL : (HINTS[status] ?? (status < 400 ? REDIRECTED : ""));
  const message = `${who} answered ${status}${quoted(wordsOfJson(String(answer.body)), sent)}.${hint}`;
  return refusal(isFirst ? "misconfigured" : kind, message, answer, { code: String(status) });
}

const FIRST_REFUSAL = " It has taken no alert yet, so the secret, the address or the format may be wrong.";
const REDIRECTED = " Redirects are not followed; name the final address.";
const HINTS: Readonly<Record<number, string>> = {
  410: " It wants no more webhooks; take it out of the configuration or name another address.",
};

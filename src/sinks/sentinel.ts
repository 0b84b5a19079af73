import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { z } from "zod";
import { isObject } from "../model/alert.ts";
import type { Envelope, NonEmpty } from "../model/envelope.ts";
import { DeliveryError, type FailureKind, SourceError } from "../model/failure.ts";
import { AUTH_OPTIONS, clientIdOf } from "../net/auth.ts";
import { classifyStatus } from "../net/classify.ts";
import { CLOUD_NAMES, CLOUDS } from "../net/clouds.ts";
import { TokenCache } from "../net/credentials.ts";
import { bodyOf, pack, refusal, send, signInFailure } from "../net/delivery.ts";
import { createHttpClient, type HttpAnswer, type HttpClient } from "../net/http.ts";
import { Guid, HttpsUrl, ProxyUrl, Tls } from "../net/options.ts";
import { encodeRow } from "./sentinel-row.ts";
import { commonSettings, defineSink, mostRequests, type Sink, shortenedOf } from "./sink.ts";

/**
 * The largest call, before and after compression, is 1 MiB (learn.microsoft.com/azure/azure-monitor/fundamentals/
 * service-limits, Logs Ingestion API); the rest is room for a service that counts in another way.
 */
const MAX_CALL_BYTES = 1_000_000;
const MAX_ANSWER_BYTES = 256_000;
const API_VERSION = "2023-01-01";

/** Where the application lives that may write to the workspace. */
const whose = {
  tenantId: Guid.describe("Directory of the workspace, in which the application is registered."),
  cloud: z
    .enum(CLOUD_NAMES)
    .default("global")
    .describe("Cloud of the workspace: says where tokens come from and what they are asked for."),
  authority: HttpsUrl.optional().describe("Where tokens come from, instead of the cloud's own address."),
  audience: HttpsUrl.optional().describe("What tokens are asked for, instead of the cloud's own name."),
};
const Auth = z
  .discriminatedUnion("type", [
    AUTH_OPTIONS[0].extend(whose),
    AUTH_OPTIONS[1].extend(whose),
    AUTH_OPTIONS[2].extend(whose),
    AUTH_OPTIONS[3].extend(whose),
    AUTH_OPTIONS[4].extend(whose),
  ])
  .describe("How to sign in to the directory of the workspace. `tls.ca` holds for that as well.");

const Config = z.strictObject({
  endpoint: HttpsUrl.describe(
    "Logs ingestion address of the data collection endpoint, for example https://dce-1a2b.westeurope-1.ingest.monitor.azure.com.",
  ),
  ruleId: z
    .string()
    .regex(/^dcr-\w+$/, "must be the rule's immutable id, which begins with dcr-")
    .describe("Immutable id of the data collection rule: dcr- and 32 characters."),
  stream: z
    .string()
    .regex(/^Custom-[\w-]+$/, "must be the name of a stream, which begins with Custom-")
    .default("Custom-DefenderAlerts_CL")
    .describe("Stream that the rule declares."),
  auth: Auth,
  includeSentinel: z
    .boolean()
    .default(false)
    .describe("Take alerts that Sentinel itself raised as well; they may come round again."),
  gzip: z.boolean().default(true).describe("Compress requests."),
  tls: Tls.prefault({}).describe("TLS towards the endpoint."),
  proxy: ProxyUrl.optional(),
  ...commonSettings({ maxAlerts: 500, maxBytes: "900KB", linger: "1s", concurrency: 4 }),
});
type Config = z.output<typeof Config>;

export const sentinel = defineSink({
  type: "sentinel",
  summary:
    "Microsoft Sentinel: a table of Log Analytics, through the Logs Ingestion API. Set up by `config/sentinel`.",
  Config,
  accepts: (alert, config) => config.includeSentinel || alert.serviceSource !== "microsoftSentinel",
  create: createSentinel,
});

/**
 * Rows of one call, `[{"TimeGenerated":"2026-05-04T05:36:51.703Z", … }]`. One delivery is one call: were it several,
 * those before a refused one would have been stored, and would be stored again with the next try.
 *
 * @throws DeliveryError (rejected) where they are too many for one call; nothing has been sent, and halves will fit.
 */
export function encodeCall(envelopes: NonEmpty<Envelope>) {
  const rows = envelopes.map((envelope) => encodeRow(envelope));
  const body = `[${rows.map(({ text }) => text).join(",")}]`;
  const bytes = Buffer.byteLength(body);
  if (bytes <= MAX_CALL_BYTES) return { body, shortened: shortenedOf(envelopes, rows) };
  throw new DeliveryError(
    "rejected",
    `Sentinel: ${envelopes.length} alerts make a call of ${bytes} bytes; it takes ${MAX_CALL_BYTES}.`,
    { code: "too-large" },
  );
}

function createSentinel(config: Config): Sink {
  const { host } = new URL(config.endpoint);
  const http = createHttpClient({
    timeoutMs: config.timeout,
    tls: config.tls,
    proxy: config.proxy,
    maxAnswerBytes: MAX_ANSWER_BYTES,
    connections: mostRequests(config) + 1,
  });
  const caller = callerOf(config, http);

  async function post(rows: string, signal: AbortSignal): Promise<void> {
    const answer = await caller.post(rows, signal);
    // Any other 2xx is a portal's or a wrong address's; taking it for a delivery would lose the alerts.
    if (answer.status !== 204) throw readRefusal(answer, host, config);
  }

  return {
    async deliver(envelopes, signal) {
      const { body, shortened } = encodeCall(envelopes);
      await post(body, signal);
      return { bytes: Buffer.byteLength(body), shortened };
    },

    // Token, role, rule and stream are checked before the rows are looked at, and there are none.
    probe: (signal) => post("[]", signal),

    async close() {
      http.close();
    },
  };
}

/** Posts with a token, and once more with a new one where the first is refused. */
function callerOf(config: Config, http: HttpClient) {
  const { endpoint, ruleId, stream } = config;
  const url = `${endpoint}/dataCollectionRules/${ruleId}/streams/${stream}?api-version=${API_VERSION}`;
  const audience = audienceOf(config);
  let held: TokenCache | undefined;

  /** Made at the first call, since a file that cannot be read must not keep the daemon from starting. */
  function tokens(): TokenCache {
    const { auth, proxy, tls } = config;
    held ??= new TokenCache({
      tenantId: auth.tenantId,
      auth,
      authority: auth.authority ?? CLOUDS[auth.cloud].authority,
      ca: readCa(tls.ca),
      proxy,
    });
    return held;
  }

  async function attempt(rows: string, signal: AbortSignal) {
    const token = await tokens()
      .token(audience, signal)
      .catch((cause: unknown) => {
        throw cause instanceof SourceError ? signInFailure("Sentinel", cause) : cause;
      });
    const { body, headers } = await pack(rows, config.gzip);
    const request = {
      method: "POST",
      url,
      headers: {
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
        "x-ms-client-request-id": randomUUID(),
        ...headers,
      },
      body,
      signal,
    } as const;
    return { token, answer: await send(http, "Sentinel", request) };
  }

  return {
    async post(rows: string, signal: AbortSignal): Promise<HttpAnswer> {
      const { token, answer } = await attempt(rows, signal);
      if (answer.status !== 401) return answer;
      tokens().drop(audience, token);
      return (await attempt(rows, signal)).answer;
    },
  };
}

function audienceOf({ auth }: Config): string {
  return auth.audience ?? CLOUDS[auth.cloud].monitor;
}

function readCa(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown";
    throw new DeliveryError("misconfigured", `Sentinel: the file ${path} cannot be read (${code}).`, {
      code,
    });
  }
}

/**
 * What the service's statuses mean: learn.microsoft.com/azure/azure-monitor/logs/tutorial-logs-ingestion-code, error
 * codes. A 403 is a missing role and a 404 a wrong rule; a wrong stream is a 400 or a 404 that says so.
 */
function readRefusal(answer: HttpAnswer, host: string, config: Config): DeliveryError {
  const { status, headers } = answer;
  const { code, words } = readError(answer);
  const [kind, advice] = judge(status, `${code ?? ""} ${words}`, config);
  // Of refused rows the service may quote what it could not read.
  const spoken = kind === "rejected" || words === "" ? "" : `: ${words}`;
  const told = `${code === undefined ? "" : ` ${code}`}${spoken}`;
  return refusal(
    kind,
    `Sentinel at ${host} answered ${status}${told}${advice === "" ? "" : ` ${advice}`}`,
    answer,
    {
      code: code ?? String(status),
      requestId: headers["x-ms-request-id"],
    },
  );
}

function judge(status: number, told: string, config: Config): readonly [FailureKind, string] {
  const { ruleId, stream, auth } = config;
  const wrongStream = `Check \`stream\`: rule ${ruleId} must declare ${stream}.`;
  switch (status) {
    case 400:
      if (/stream/i.test(told)) return ["misconfigured", wrongStream];
      // Rows are well-formed JSON of our own making; what else is wrong in a request concerns every one of them.
      return /json|payload|record|body|content/i.test(told) ? ["rejected", ""] : ["misconfigured", ""];
    case 401:
      return [
        "unauthorized",
        `The token for ${audienceOf(config)} was not accepted: \`auth.cloud\` must be the cloud of the workspace.`,
      ];
    case 403:
      if (/DceBindingValid: False/i.test(told)) {
        return ["misconfigured", `Check \`endpoint\`: it is not the one that rule ${ruleId} belongs to.`];
      }
      return [
        "unauthorized",
        `Application ${clientIdOf(auth) ?? "that signs in"} needs the role Monitoring Metrics Publisher on rule ${ruleId}; a new assignment takes up to 30 minutes.`,
      ];
    case 404:
      return [
        "misconfigured",
        /stream/i.test(told)
          ? wrongStream
          : `There is no rule ${ruleId} here: check \`ruleId\` and \`endpoint\`.`,
      ];
    default:
      return [classifyStatus(status) ?? "misconfigured", ""];
  }
}

/** `{"error":{"code":"OperationFailed","message":"…"}}` */
function readError(answer: HttpAnswer): { readonly code: string | undefined; readonly words: string } {
  const error = bodyOf(answer)?.["error"];
  if (!isObject(error))
    return { code: undefined, words: "no answer that the Logs Ingestion API would give." };
  const { code, message } = error;
  return {
    code: typeof code === "string" && code !== "" ? code : undefined,
    words: typeof message === "string" ? message.slice(0, 300) : "",
  };
}

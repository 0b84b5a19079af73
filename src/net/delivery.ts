import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { isObject, type JsonObject } from "../model/alert.ts";
import { DeliveryError, type FailureKind, type SourceError } from "../model/failure.ts";
import { packedPiece } from "../model/pieces.ts";
import { hide } from "../model/secrets.ts";
import { classifyNoAnswer, retryAfterMs } from "./classify.ts";
import { type HttpAnswer, type HttpClient, type HttpRequest, NoAnswer } from "./http.ts";

/** What sinks over HTTP have in common: the packing of a body, and what they make of silence and of a refusal. */

/** Below this a gzip header and a compressor cost more than the bytes they save. */
const GZIP_FROM_BYTES = 1000;

const SHORT_ANSWER_BYTES = 4096;

interface Packed {
  readonly body: Buffer | string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The body compressed, where that is wanted and saves something, with the header that says so. */
export async function pack(body: Buffer | string, isWanted: boolean): Promise<Packed> {
  if (!isWanted || body.length < GZIP_FROM_BYTES) return { body, headers: {} };
  const chunkSize = packedPiece(body.length);
  return {
    body: await promisify(gzip)(body, { level: 1, chunkSize }),
    headers: { "content-encoding": "gzip" },
  };
}

/**
 * Any answer is given back, refusals too, without the credentials that a receiver may answer with.
 *
 * @throws DeliveryError when no answer came; `who` begins its sentence.
 */
export async function send(http: HttpClient, who: string, request: HttpRequest): Promise<HttpAnswer> {
  try {
    const answer = await http.send(request);
    // A long answer that is no refusal tells of each alert, and of nothing that was sent with them.
    if (answer.status < 400 && answer.body.length > SHORT_ANSWER_BYTES) return answer;
    return { ...answer, body: Buffer.from(hide(String(answer.body), credentialsIn(request))) };
  } catch (cause) {
    if (!(cause instanceof NoAnswer)) throw cause;
    throw new DeliveryError(classifyNoAnswer(cause), `${who}: ${cause.message}`, { cause, code: cause.code });
  }
}

/** `Splunk 5f3c…`, `ApiKey aWQ6a2V5`, `Bearer eyJ0…`: the word behind the scheme, and what base64 holds in it. */
function credentialsIn({ headers = {} }: HttpRequest): readonly string[] {
  const words = Object.entries(headers)
    .filter(([name]) => name.toLowerCase() === "authorization")
    .flatMap(([, value]) => value.split(" ").slice(1));
  return words.flatMap((word) => [
    word,
    Buffer.from(word, "base64").toString().split(":").slice(1).join(":"),
  ]);
}

/** The object that an answer is to hold; undefined for anything else, such as the page of a gateway. */
export function bodyOf({ body }: HttpAnswer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(String(body));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

interface RefusalDetails {
  readonly code?: string | undefined;
  readonly requestId?: string | undefined;
  readonly culprit?: number | undefined;
}

/** The answer's status and delay go with the error; whoever names a delay is to be waited for. */
export function refusal(
  kind: FailureKind,
  message: string,
  answer: HttpAnswer,
  details: RefusalDetails = {},
): DeliveryError {
  const delayMs = retryAfterMs(answer.headers, Date.now());
  const isAskedToWait = kind === "transient" && delayMs !== undefined;
  return new DeliveryError(isAskedToWait ? "throttled" : kind, message, {
    ...details,
    status: answer.status,
    retryAfterMs: delayMs,
  });
}

/** A sink that could not sign in fails for the reason that the sign-in failed. */
export function signInFailure(who: string, cause: SourceError): DeliveryError {
  const { kind, status, code, requestId } = cause;
  const details = { cause, status, code, requestId, retryAfterMs: cause.retryAfterMs };
  return new DeliveryError(kind, `${who}: ${cause.message}`, details);
}

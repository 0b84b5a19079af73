import { readFileSync } from "node:fs";
import { Agent as HttpAgent } from "node:http";
import { type AgentOptions, Agent as HttpsAgent } from "node:https";
import type { LookupFunction } from "node:net";
import type { Readable } from "node:stream";
import axios, {
  AxiosError,
  type AxiosInstance,
  type AxiosProxyConfig,
  type AxiosRequestConfig,
  type RawAxiosRequestHeaders,
} from "axios";
import type { Tls } from "./options.ts";
import { proxyCredentials, proxyFor, TunnelAgent } from "./proxy.ts";
import { receive, TooLarge } from "./receive.ts";
import type { Visit } from "./room.ts";

/** The only home of axios: one client a source tenant or sink, with limits on time and size, and no redirects. */

/** What `content-encoding` says of a body that is as it is (RFC 9110, 12.5.3). */
const NOT_PACKED = /^(identity)?$/i;

export interface HttpSettings {
  /** Milliseconds for one request, from the first byte sent to the last received. */
  readonly timeoutMs: number;
  readonly tls?: Tls | undefined;
  /** PEM text of the authorities to trust, instead of the system's. */
  readonly ca?: string | undefined;
  /** Without it those of the environment hold. */
  readonly proxy?: string | undefined;
  /** The largest answer that is read, in bytes after decompression. */
  readonly maxAnswerBytes: number;
  /** The most connections kept to one host. */
  readonly connections: number;
  /** Finds the addresses of a name, instead of the system alone; not asked for what a proxy looks up. */
  readonly lookup?: LookupFunction | undefined;
}

export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer | string | undefined;
  readonly signal: AbortSignal;
  /** For a large answer: it is received when there is room for it, and its body is the visit's to give back. */
  readonly visit?: Visit | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly cookies: readonly string[];
  readonly body: Buffer;
}

/** No answer came, or not all of it. `code` is Node's or axios's word for it: `ECONNREFUSED`, `ECONNABORTED` … */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export interface HttpClient {
  /** Resolves with every answer, whatever its status. Rejects with NoAnswer, or with the signal's reason. */
  send(request: HttpRequest): Promise<HttpAnswer>;
  close(): void;
}

export function createHttpClient(settings: HttpSettings): HttpClient {
  const connectionOptions = {
    keepAlive: true,
    maxSockets: settings.connections,
    ...(settings.lookup === undefined ? {} : { lookup: settings.lookup }),
    // A host that moved is noticed when its idle connections are given up.
    timeout: 60_000,
  };
  let agents: Agents | undefined;
  const client: AxiosInstance = axios.create({
    maxRedirects: 0,
    maxBodyLength: Number.POSITIVE_INFINITY,
    validateStatus: () => true,
    transformRequest: (data: unknown) => data,
    transformResponse: (data: unknown) => data,
  });
  return {
    async send(request) {
      agents ??= createAgents(settings, { ...connectionOptions, ...tlsOptions(settings) });
      const limit = limited(request.signal, settings.timeoutMs);
      const config: AxiosRequestConfig = {
        method: request.method,
        url: request.url,
        headers: request.headers as RawAxiosRequestHeaders,
        data: request.body,
        ...agents.wayTo(new URL(request.url)),
        signal: limit.signal,
      };
      try {
        return request.visit === undefined
          ? await sendWhole(client, config, settings)
          : await sendByTurns(client, config, settings, limit, request.visit);
      } catch (cause) {
        request.signal.throwIfAborted();
        throw noAnswer(cause, request.url, limit.isLate(), settings);
      } finally {
        limit.settle();
      }
    },
    close() {
      agents?.destroy();
      agents = undefined;
    },
  };
}

async function sendWhole(
  client: AxiosInstance,
  config: AxiosRequestConfig,
  { maxAnswerBytes }: HttpSettings,
): Promise<HttpAnswer> {
  const answer = await client.request<Buffer>({
    ...config,
    responseType: "arraybuffer",
    maxContentLength: maxAnswerBytes,
  });
  return { status: answer.status, ...readHeaders(answer.headers), body: answer.data };
}

async function sendByTurns(
  client: AxiosInstance,
  config: AxiosRequestConfig,
  { maxAnswerBytes }: HttpSettings,
  limit: Limit,
  visit: Visit,
): Promise<HttpAnswer> {
  const answer = await client.request<Readable>({ ...config, responseType: "stream", decompress: false });
  const head = readHeaders(answer.headers);
  const { "content-length": length, "content-encoding": encoding } = head.headers;
  const incoming = {
    stream: answer.data,
    length: length === undefined ? undefined : Number(length),
    isPacked: !NOT_PACKED.test(encoding ?? ""),
  };
  const body = await receive(incoming, { mostBytes: maxAnswerBytes, visit, limit });
  return { status: answer.status, ...head, body };
}

/** A timer this late tells that the process was stopped, or had no share of the processor. */
const STOOD_STILL_MS = 250;

/** A signal that also ends after a time. */
interface Limit {
  readonly signal: AbortSignal;
  isLate(): boolean;
  /** The time stands still during something that is not the other side's fault. */
  standStill(pause: Promise<void>): Promise<void>;
  settle(): void;
}

/**
 * Axios's own limit ends with the headers, and a body may trickle for ever. (`AbortSignal.any` would do, but on Node 20
 * each use of it stays with the daemon's own signal as long as that lives.)
 */
function limited(outer: AbortSignal, ms: number): Limit {
  outer.throwIfAborted();
  const inner = new AbortController();
  let late = false;
  let leftMs = ms;
  let runsSince = 0;
  let hasStoodStill = false;
  let timer: NodeJS.Timeout | undefined;
  const run = () => {
    runsSince = performance.now();
    timer = setTimeout(expire, leftMs);
  };
  /** While the process stood still it could not have heard of an answer: the other side has all of the time once more. */
  const expire = () => {
    if (!hasStoodStill && performance.now() - runsSince - leftMs > STOOD_STILL_MS) {
      hasStoodStill = true;
      return run();
    }
    late = true;
    inner.abort();
  };
  run();
  const onAbort = () => inner.abort(outer.reason);
  outer.addEventListener("abort", onAbort, { once: true });
  return {
    signal: inner.signal,
    isLate: () => late,
    async standStill(pause) {
      clearTimeout(timer);
      leftMs -= performance.now() - runsSince;
      await pause;
      run();
    },
    settle() {
      clearTimeout(timer);
      outer.removeEventListener("abort", onAbort);
    },
  };
}

/** The connections of one client. */
interface Agents {
  /** What axios has to be told to reach a host, directly or through a proxy. */
  wayTo(target: URL): { httpAgent: HttpAgent; httpsAgent: HttpsAgent; proxy: AxiosProxyConfig | false };
  destroy(): void;
}

function createAgents(settings: HttpSettings, options: AgentOptions): Agents {
  const httpAgent = new HttpAgent(options);
  const httpsAgent = new HttpsAgent(options);
  const tunnels = new Map<string, TunnelAgent>();

  function tunnelThrough(proxy: URL): TunnelAgent {
    // The request itself ends first, and tells how long it has waited.
    const patienceMs = settings.timeoutMs + 1000;
    const tunnel = tunnels.get(proxy.href) ?? new TunnelAgent(proxy, patienceMs, options);
    tunnels.set(proxy.href, tunnel);
    return tunnel;
  }

  return {
    wayTo(target) {
      const proxy = proxyFor(target, settings.proxy);
      if (proxy === undefined) return { httpAgent, httpsAgent, proxy: false };
      if (target.protocol === "https:") return { httpAgent, httpsAgent: tunnelThrough(proxy), proxy: false };
      return { httpAgent, httpsAgent, proxy: forwardingProxy(proxy) };
    },
    destroy() {
      for (const agent of [httpAgent, httpsAgent, ...tunnels.values()]) agent.destroy();
    },
  };
}

/** Plain http needs no tunnel: the proxy is asked for the whole address. */
function forwardingProxy(proxy: URL): AxiosProxyConfig {
  const auth = proxyCredentials(proxy);
  return {
    protocol: proxy.protocol,
    host: proxy.hostname,
    port: Number(proxy.port || (proxy.protocol === "https:" ? 443 : 80)),
    ...(auth === undefined ? {} : { auth }),
  };
}

function readHeaders(raw: Readonly<Record<string, unknown>>): Pick<HttpAnswer, "headers" | "cookies"> {
  const headers: Record<string, string | undefined> = {};
  let cookies: readonly string[] = [];
  for (const [name, value] of Object.entries(raw)) {
    if (name.toLowerCase() === "set-cookie" && Array.isArray(value)) cookies = value.map(String);
    else if (value !== undefined && value !== null) headers[name.toLowerCase()] = String(value);
  }
  return { headers, cookies };
}

/**
 * Reads the certificate files now, so that a renewed file is used by the next client.
 *
 * @throws NoAnswer with code `EFILE` when a file cannot be read; the message names it.
 */
export function tlsOptions(settings: Pick<HttpSettings, "tls" | "ca">): AgentOptions {
  const { tls } = settings;
  const file = (path: string | undefined) => {
    if (path === undefined) return undefined;
    try {
      return readFileSync(path);
    } catch (cause) {
      throw new NoAnswer("EFILE", `The file ${path} cannot be read (${codeOf(cause)}).`);
    }
  };
  const ca = file(tls?.ca) ?? settings.ca;
  const cert = file(tls?.cert);
  const key = file(tls?.key);
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(tls?.serverName === undefined ? {} : { servername: tls.serverName }),
    rejectUnauthorized: tls?.rejectUnauthorized ?? true,
  };
}

function noAnswer(cause: unknown, url: string, timedOut: boolean, settings: HttpSettings): NoAnswer {
  if (cause instanceof NoAnswer) return cause;
  const host = new URL(url).host;
  if (timedOut) return new NoAnswer("ETIMEDOUT", `${host} did not answer within ${settings.timeoutMs} ms.`);
  const code = codeOf(cause);
  if (
    cause instanceof TooLarge ||
    (cause instanceof AxiosError && cause.message.startsWith("maxContentLength"))
  ) {
    return new NoAnswer(
      "EANSWERTOOLARGE",
      `The answer of ${host} is larger than ${settings.maxAnswerBytes} bytes.`,
    );
  }
  // Only the code is passed on: axios hangs the request, and with it the credentials, on its errors.
  return new NoAnswer(code, `${host} could not be reached or broke off (${code}).`);
}

export function codeOf(cause: unknown): string {
  if (cause instanceof AggregateError) return codeOf(cause.errors[0]);
  if (cause instanceof AxiosError && cause.cause !== undefined && cause.code === undefined)
    return codeOf(cause.cause);
  if (cause instanceof Error && "code" in cause && typeof cause.code === "string") return cause.code;
  return cause instanceof Error ? cause.name : "unknown";
}

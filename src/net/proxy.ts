import { type ClientRequest, request as httpRequest, type RequestOptions } from "node:http";
import { type AgentOptions, Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { isIP, isIPv6 } from "node:net";
import type { Duplex } from "node:stream";
import { type ConnectionOptions, connect as connectTls } from "node:tls";

/** The way through an HTTP proxy: which one a request takes, and tunnels through it that are used more than once. */

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy for a request: the configured one, else what HTTPS_PROXY, HTTP_PROXY and NO_PROXY of the environment say
 * (in capitals or not, as curl and Go read them).
 */
export function proxyFor(
  target: URL,
  configured: string | undefined,
  environment: Environment = process.env,
): URL | undefined {
  if (configured !== undefined) return new URL(configured);
  const variable = (name: string) => environment[name.toLowerCase()] ?? environment[name];
  const proxy = variable(target.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY");
  if (proxy === undefined || proxy === "" || isExempt(target, variable("NO_PROXY") ?? "")) return undefined;
  return new URL(proxy.includes("://") ? proxy : `http://${proxy}`);
}

/** `example.com` and `.example.com` stand for the host and all below it, `*` for all, `example.com:8443` for one port. */
function isExempt(target: URL, list: string): boolean {
  const port = target.port === "" ? (target.protocol === "https:" ? "443" : "80") : target.port;
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => {
      if (entry === "*") return true;
      const [, name = "", onlyPort] = /^\*?\.?(.+?)(?::(\d+))?$/.exec(entry) ?? [];
      if (name === "" || (onlyPort !== undefined && onlyPort !== port)) return false;
      return target.hostname === name || target.hostname.endsWith(`.${name}`);
    });
}

export interface ProxyCredentials {
  readonly username: string;
  readonly password: string;
}

/** What a proxy URL says of who we are to the proxy. */
export function proxyCredentials(proxy: URL): ProxyCredentials | undefined {
  if (proxy.username === "") return undefined;
  return { username: decodeURIComponent(proxy.username), password: decodeURIComponent(proxy.password) };
}

/** The proxy did not open a tunnel. `code` has its status: `PROXY_407`. */
class ProxyRefusal extends Error {
  override readonly name = "ProxyRefusal";
  readonly code: string;
  constructor(status: number) {
    super(`The proxy answered ${status}.`);
    this.code = `PROXY_${status}`;
  }
}

/**
 * Reaches https hosts through a proxy by CONNECT (RFC 9110 section 9.3.6) and keeps the connections for later
 * requests. (The tunnel that axios brings opens one for each request and leaves it open.)
 */
export class TunnelAgent extends HttpsAgent {
  readonly #proxy: URL;
  readonly #timeoutMs: number;
  readonly #connecting = new Set<ClientRequest>();

  /** @param timeoutMs how long the proxy may take to open a tunnel. */
  constructor(proxy: URL, timeoutMs: number, options: AgentOptions) {
    super(options);
    this.#proxy = proxy;
    this.#timeoutMs = timeoutMs;
  }

  override createConnection(
    options: ConnectionOptions,
    done: (error: Error | null, stream: Duplex) => void = () => undefined,
  ): undefined {
    // The type wants a stream beside the error too; Node looks at the error first.
    const failed = done as (error: Error) => void;
    const connecting = this.#requestTunnel(options);
    this.#connecting.add(connecting);
    const patience = setTimeout(() => connecting.destroy(new ProxyRefusal(504)), this.#timeoutMs);
    const finish = () => {
      clearTimeout(patience);
      this.#connecting.delete(connecting);
    };
    connecting.once("connect", (answer, socket) => {
      finish();
      const status = answer.statusCode ?? 0;
      if (status >= 200 && status < 300) return done(null, connectTls({ ...options, socket }));
      socket.destroy();
      failed(new ProxyRefusal(status));
    });
    connecting.once("error", (cause) => {
      finish();
      failed(cause);
    });
    connecting.end();
  }

  /** Also gives up the tunnels that are being opened. */
  override destroy(): void {
    for (const connecting of this.#connecting) connecting.destroy();
    super.destroy();
  }

  #requestTunnel({ host, port }: ConnectionOptions): ClientRequest {
    const target = `${isIPv6(host ?? "") ? `[${host}]` : host}:${port}`;
    const credentials = proxyCredentials(this.#proxy);
    const proxyHost = this.#proxy.hostname.replace(/^\[|\]$/g, "");
    const options: RequestOptions = {
      method: "CONNECT",
      host: proxyHost,
      ...(this.#proxy.port === "" ? {} : { port: this.#proxy.port }),
      path: target,
      headers: {
        host: target,
        ...(credentials === undefined
          ? {}
          : {
              "proxy-authorization": `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString("base64")}`,
            }),
      },
      // The connection becomes the tunnel, so it belongs to no pool.
      agent: false,
    };
    if (this.#proxy.protocol !== "https:") return httpRequest(options);
    // A proxy that speaks TLS is checked like the hosts behind it, but by its own name.
    return httpsRequest({ ...this.options, ...options, servername: isIP(proxyHost) ? "" : proxyHost });
  }
}

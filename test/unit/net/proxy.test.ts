import { describe, expect, it, onTestFinished, vi } from "vitest";
import { proxyFor } from "../../../src/net/proxy.ts";
import { createAuthority } from "../../../src/simulate/certificates.ts";
import { until } from "../../support/until.ts";
import {
  AUTHORITY,
  aClient,
  aProxy,
  aSecureServer,
  aServer,
  everythingAbout,
  failureOf,
  get,
} from "./support.ts";

const CREDENTIALS = `Basic ${Buffer.from("ferry:p@ss:word").toString("base64")}`;

describe("proxyFor", () => {
  const ask = (target: string, environment: Record<string, string> = {}, configured?: string) =>
    proxyFor(new URL(target), configured, environment)?.href;

  it("takes the configured one before that of the environment", () => {
    const environment = { HTTPS_PROXY: "http://other:1", NO_PROXY: "*" };

    expect(ask("https://graph.microsoft.com/v1.0", environment, "http://proxy:3128")).toBe(
      "http://proxy:3128/",
    );
  });

  it("takes none where none is named", () => {
    expect(ask("https://graph.microsoft.com")).toBeUndefined();
    expect(ask("https://graph.microsoft.com", { HTTPS_PROXY: "" })).toBeUndefined();
  });

  it("takes the one for the scheme, in capitals or not", () => {
    const environment = { HTTP_PROXY: "http://plain:1", https_proxy: "http://secure:2" };

    expect(ask("http://splunk.example", environment)).toBe("http://plain:1/");
    expect(ask("https://splunk.example", environment)).toBe("http://secure:2/");
  });

  it("reads an address without a scheme", () => {
    expect(ask("https://splunk.example", { HTTPS_PROXY: "proxy:3128" })).toBe("http://proxy:3128/");
  });

  it.each([
    ["*", true],
    ["splunk.example", true],
    ["SPLUNK.example", true],
    [".splunk.example", true],
    ["example", true],
    [".example", true],
    ["*.example", true],
    ["other.example, splunk.example", true],
    ["other.example splunk.example:8088", true],
    ["splunk.example:443", false],
    ["plunk.example", false],
    ["other.example", false],
    ["splunk.example.com", false],
    ["", false],
    [" , ", false],
  ])("goes directly where NO_PROXY is %j: %s", (list, direct) => {
    const environment = { HTTPS_PROXY: "http://proxy:1", NO_PROXY: list };

    expect(ask("https://splunk.example:8088", environment)).toBe(direct ? undefined : "http://proxy:1/");
  });

  it("knows the port of a scheme", () => {
    const environment = {
      HTTPS_PROXY: "http://proxy:1",
      HTTP_PROXY: "http://proxy:1",
      NO_PROXY: "a.example:443",
    };

    expect(ask("https://a.example", environment)).toBeUndefined();
    expect(ask("http://a.example", environment)).toBe("http://proxy:1/");
  });
});

describe("a request through a proxy", () => {
  it("to a plain host asks the proxy for the whole address", async () => {
    const server = await aServer(({ url }, response) => response.end(`asked for ${url}`));
    const proxy = await aProxy();

    const answer = await get(aClient({ proxy: proxy.url }), `${server.origin}/path?a=b`);

    expect(String(answer.body)).toBe("asked for /path?a=b");
    expect(proxy.asked).toEqual([`GET ${server.origin}/path?a=b`]);
    expect(proxy.headers[0]?.["proxy-authorization"]).toBe(CREDENTIALS);
  });

  it("to a secure host goes through a tunnel, which sees nothing of it", async () => {
    const server = await aSecureServer(({ headers }, response) => {
      response.end(`${headers.authorization} ${headers["proxy-authorization"]}`);
    });
    const proxy = await aProxy();
    const client = aClient({ proxy: proxy.url, ca: AUTHORITY.ca });

    const answer = await get(client, `${server.origin}/path`, { authorization: "Bearer secret" });

    expect(String(answer.body)).toBe("Bearer secret undefined");
    expect(proxy.asked).toEqual([`CONNECT 127.0.0.1:${server.port}`]);
    expect(proxy.headers[0]).toMatchObject({ "proxy-authorization": CREDENTIALS });
    expect(proxy.headers[0]).not.toHaveProperty("authorization");
  });

  it("uses the tunnel of the one before it", async () => {
    const server = await aSecureServer((_, response) => response.end());
    const proxy = await aProxy();
    const client = aClient({ proxy: proxy.url, ca: AUTHORITY.ca });

    for (let round = 0; round < 5; round++) await get(client, server.origin);

    expect(proxy.asked).toHaveLength(1);
    expect(proxy.open.size).toBe(1);
  });

  it("leaves no tunnel open when its client is closed", async () => {
    const server = await aSecureServer((_, response) => response.end());
    const proxy = await aProxy();
    const client = aClient({ proxy: proxy.url, ca: AUTHORITY.ca });
    await Promise.all(Array.from({ length: 4 }, () => get(client, server.origin)));

    client.close();

    await until("the proxy has no connection left", () => proxy.open.size === 0, 10_000);
  });

  it("checks the certificate of the host behind the tunnel", async () => {
    const server = await aSecureServer((_, response) => response.end());
    const proxy = await aProxy();
    const { ca } = await createAuthority();

    const error = await failureOf(get(aClient({ proxy: proxy.url, ca }), server.origin));

    expect(error).toMatchObject({ code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" });
  });

  it("goes through a proxy that speaks TLS itself", async () => {
    const server = await aSecureServer((_, response) => response.end("twice secure"));
    const proxy = await aProxy(true);

    const answer = await get(aClient({ proxy: proxy.url, ca: AUTHORITY.ca }), server.origin);

    expect(String(answer.body)).toBe("twice secure");
    expect(proxy.asked).toEqual([`CONNECT 127.0.0.1:${server.port}`]);
  });

  it.each([403, 407, 502, 503])("says so when the proxy refuses the tunnel with %i", async (status) => {
    const server = await aSecureServer((_, response) => response.end());
    const proxy = await aProxy();
    proxy.tunnels = status;
    const client = aClient({ proxy: proxy.url, ca: AUTHORITY.ca });

    const error = await failureOf(get(client, server.origin, { authorization: "Bearer secret" }));

    expect(error).toMatchObject({ name: "NoAnswer", code: `PROXY_${status}` });
    expect(everythingAbout(error)).not.toMatch(/secret|p@ss|p%40ss/);
  });

  it("gives up a proxy that does not answer, and leaves nothing open", async () => {
    const server = await aSecureServer((_, response) => response.end());
    const proxy = await aProxy();
    proxy.tunnels = "ignored";

    const error = await failureOf(
      get(aClient({ proxy: proxy.url, ca: AUTHORITY.ca, timeoutMs: 150 }), server.origin),
    );

    expect(error).toMatchObject({ code: "ETIMEDOUT" });
    await until("the proxy has no connection left", () => proxy.open.size === 0, 10_000);
  });

  it("is cut off by its signal while the tunnel is being opened", async () => {
    const server = await aSecureServer((_, response) => response.end());
    const proxy = await aProxy();
    proxy.tunnels = "ignored";
    const stop = new AbortController();

    const attempt = failureOf(
      get(aClient({ proxy: proxy.url, ca: AUTHORITY.ca }), server.origin, {}, stop.signal),
    );
    await until("the proxy was asked", () => proxy.asked.length === 1, 10_000);
    stop.abort(new Error("the daemon is stopping"));

    expect((await attempt).message).toBe("the daemon is stopping");
  });

  it("fails like any other when the proxy is not there", async () => {
    const gone = await aServer(() => undefined);
    await gone.stop();
    const client = aClient({ proxy: gone.origin });

    for (const target of ["http://splunk.example", "https://splunk.example"]) {
      expect(await failureOf(get(client, target))).toMatchObject({ name: "NoAnswer", code: "ECONNREFUSED" });
    }
  });

  it("goes by the environment where no proxy is configured", async () => {
    const server = await aSecureServer((_, response) => response.end());
    const proxy = await aProxy();
    vi.stubEnv("HTTPS_PROXY", proxy.url);
    vi.stubEnv("NO_PROXY", "");
    onTestFinished(() => void vi.unstubAllEnvs());

    await get(aClient({ ca: AUTHORITY.ca }), server.origin);
    vi.stubEnv("NO_PROXY", "127.0.0.1");
    await get(aClient({ ca: AUTHORITY.ca }), server.origin);

    expect(proxy.asked).toEqual([`CONNECT 127.0.0.1:${server.port}`]);
  });
});

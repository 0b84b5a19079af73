import { writeFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type Authority, createAuthority } from "../../src/simulate/certificates.ts";
import { envelopesOf } from "../support/envelopes.ts";
import { temporaryFolder } from "../support/processes.ts";
import { endless } from "../support/sink-contract.ts";
import { aReceiver, aSink } from "./collector.ts";

describe("TLS", () => {
  let authority: Authority;
  let stranger: Authority;
  beforeAll(async () => {
    [authority, stranger] = await Promise.all([createAuthority(), createAuthority()]);
  });

  it("is spoken to a receiver whose authority is named", async () => {
    const hec = await aTlsReceiver(authority);
    const ca = await aFile(authority.ca);

    await aSink(hec.url, { tls: { ca } }).deliver(envelopesOf(2), endless());

    expect([hec.url.slice(0, 8), hec.counts.events]).toEqual(["https://", 2]);
  });

  it("needs a person where the authority is another, or not named at all", async () => {
    const hec = await aTlsReceiver(authority);
    const ca = await aFile(stranger.ca);

    for (const tls of [{ ca }, {}]) {
      const failing = aSink(hec.url, { tls }).deliver(envelopesOf(1), endless());
      await expect(failing).rejects.toMatchObject({ name: "DeliveryError", kind: "misconfigured" });
      await expect(aSink(hec.url, { tls }).probe(endless())).rejects.toMatchObject({ kind: "misconfigured" });
    }
    expect(hec.counts.requests).toBe(0);
  });

  it("needs a person where the certificate is for another name, unless that name is expected", async () => {
    const hec = await aTlsReceiver(authority, { hosts: ["splunk.example"] });
    const ca = await aFile(authority.ca);

    const failing = aSink(hec.url, { tls: { ca } }).deliver(envelopesOf(1), endless());
    await expect(failing).rejects.toMatchObject({
      kind: "misconfigured",
      code: "ERR_TLS_CERT_ALTNAME_INVALID",
    });
    await aSink(hec.url, { tls: { ca, serverName: "splunk.example" } }).deliver(envelopesOf(1), endless());

    expect(hec.counts.events).toBe(1);
  });

  it("needs a person where the certificate has ended", async () => {
    const hec = await aTlsReceiver(authority, { notAfter: new Date(Date.now() - 60_000) });
    const ca = await aFile(authority.ca);

    const failing = aSink(hec.url, { tls: { ca } }).deliver(envelopesOf(1), endless());

    await expect(failing).rejects.toMatchObject({ kind: "misconfigured", code: "CERT_HAS_EXPIRED" });
  });

  it("may be spoken to anybody where that is asked for", async () => {
    const hec = await aTlsReceiver(authority);

    await aSink(hec.url, { tls: { rejectUnauthorized: false } }).deliver(envelopesOf(1), endless());

    expect(hec.counts.events).toBe(1);
  });

  it("shows our own certificate where one is asked for", async () => {
    const { cert, key } = await authority.issue({ name: "splunk", usage: "server" });
    const hec = await aReceiver({ tls: { cert, key, ca: authority.ca } });
    const own = await authority.issue({ name: "alertferry", usage: "client" });
    const ca = await aFile(authority.ca);
    const tls = { ca, cert: await aFile(own.cert), key: await aFile(own.key) };

    await aSink(hec.url, { tls }).deliver(envelopesOf(1), endless());
    const failing = aSink(hec.url, { tls: { ca } }).deliver(envelopesOf(1), endless());

    await expect(failing).rejects.toMatchObject({ name: "DeliveryError" });
    expect(hec.counts.events).toBe(1);
  });

  it("needs a person where a file of its set-up is not there", async () => {
    const hec = await aTlsReceiver(authority);
    const sink = aSink(hec.url, { tls: { ca: "/nowhere/ca.pem" } });

    await expect(sink.deliver(envelopesOf(1), endless())).rejects.toMatchObject({
      kind: "misconfigured",
      message: expect.stringContaining("/nowhere/ca.pem"),
    });
  });
});

describe("a proxy", () => {
  it("passes plain requests on", async () => {
    const hec = await aReceiver();
    const proxy = await aProxy();
    const sink = aSink(hec.url, { proxy: proxy.url });

    await sink.deliver(envelopesOf(2), endless());

    expect(hec.counts.events).toBe(2);
    expect(proxy.asked).toEqual([`POST ${hec.url}/services/collector/event`]);
  });

  it("is a tunnel for TLS, whose inside it cannot see", async () => {
    const authority = await createAuthority();
    const hec = await aTlsReceiver(authority);
    const proxy = await aProxy();
    const tls = { ca: await aFile(authority.ca) };

    await aSink(hec.url, { proxy: proxy.url, tls }).deliver(envelopesOf(2), endless());

    expect(hec.counts.events).toBe(2);
    expect(proxy.asked).toEqual([`CONNECT 127.0.0.1:${hec.listener.port}`]);
  });

  it("is told its own user and password", async () => {
    const authority = await createAuthority();
    const [plain, secure] = [await aReceiver(), await aTlsReceiver(authority)];
    const proxy = await aProxy("Basic dXNlcjpwQHNz");
    const address = proxy.url.replace("//", "//user:p%40ss@");
    const tls = { ca: await aFile(authority.ca) };

    await aSink(plain.url, { proxy: address }).deliver(envelopesOf(1), endless());
    await aSink(secure.url, { proxy: address, tls }).deliver(envelopesOf(1), endless());

    expect([plain.counts.events, secure.counts.events]).toEqual([1, 1]);
  });

  it.each(["http", "https"])("that refuses us needs a person, for %s", async (protocol) => {
    const authority = await createAuthority();
    const hec = protocol === "http" ? await aReceiver() : await aTlsReceiver(authority);
    const proxy = await aProxy("Basic c29tZWJvZHk6ZWxzZQ==");
    const tls = { ca: await aFile(authority.ca) };
    const sink = aSink(hec.url, { proxy: proxy.url.replace("//", "//user:p%40ss@"), tls });

    const error = await sink.deliver(envelopesOf(1), endless()).catch((cause: Error) => cause);

    expect(error).toMatchObject({
      name: "DeliveryError",
      kind: expect.stringMatching(/^(unauthorized|misconfigured)$/),
    });
    expect(JSON.stringify([error, String(error)])).not.toContain("p@ss");
    expect(hec.counts.events).toBe(0);
  });

  it("that is not there is transient", async () => {
    const hec = await aReceiver();
    const proxy = await aProxy();
    await proxy.close();

    const failing = aSink(hec.url, { proxy: proxy.url }).deliver(envelopesOf(1), endless());

    await expect(failing).rejects.toMatchObject({ kind: "transient", code: "ECONNREFUSED" });
  });
});

async function aTlsReceiver(
  authority: Authority,
  more: { readonly hosts?: readonly string[]; readonly notAfter?: Date } = {},
) {
  const { cert, key } = await authority.issue({ name: "splunk", usage: "server", ...more });
  return await aReceiver({ tls: { cert, key } });
}

async function aFile(content: string): Promise<string> {
  const path = join(await temporaryFolder(), "file.pem");
  await writeFile(path, content);
  return path;
}

/** A proxy as small as can be: it forwards what names a whole address, and tunnels what asks to connect. */
async function aProxy(password?: string) {
  const asked: string[] = [];
  const isKnown = (given: string | undefined) => password === undefined || given === password;
  const server = createServer((incoming, response) => {
    asked.push(`${incoming.method} ${incoming.url}`);
    const { "proxy-authorization": given, ...headers } = incoming.headers;
    if (!isKnown(given)) return response.writeHead(407).end();
    const { method } = incoming;
    const outgoing = request(incoming.url ?? "", { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    return incoming.pipe(outgoing);
  });
  server.on("connect", (incoming, socket) => {
    asked.push(`CONNECT ${incoming.url}`);
    if (!isKnown(incoming.headers["proxy-authorization"])) {
      return socket.end("HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n");
    }
    const [host, port] = (incoming.url ?? "").split(":");
    const onward = connect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      onward.pipe(socket).pipe(onward);
    });
    for (const end of [onward, socket]) end.on("error", () => onward.destroy());
    socket.on("close", () => onward.destroy());
    return onward;
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((closed) => {
      server.close(() => closed());
      server.closeAllConnections();
    });
  onTestFinished(close);
  return { url: `http://127.0.0.1:${port}`, asked, close };
}

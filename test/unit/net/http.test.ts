import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn, setTimeout } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { deflateSync, gzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import type { HttpSettings } from "../../../src/net/http.ts";
import { createAuthority } from "../../../src/simulate/certificates.ts";
import { type Listener, readBody } from "../../../src/simulate/listener.ts";
import { AUTHORITY, aClient, aSecureServer, aServer, everythingAbout, failureOf, get } from "./support.ts";

interface Failing {
  readonly what: string;
  readonly address: () => Promise<string>;
  readonly settings?: Partial<HttpSettings>;
}

const WORD = "only-for-the-other-side";
const SECRET = `Bearer ${WORD}`;

describe("an answer", () => {
  it.each([
    ["plain", (text: string) => Buffer.from(text), {}],
    ["gzip", (text: string) => gzipSync(text), { "content-encoding": "gzip" }],
    ["deflate", (text: string) => deflateSync(text), { "content-encoding": "deflate" }],
  ] as const)("that is %s is read as text", async (_, encode, headers) => {
    const text = JSON.stringify({ title: "Öst \u{1f6a8}", filler: "x".repeat(50_000) });
    const server = await aServer((_request, response) => response.writeHead(200, headers).end(encode(text)));

    const answer = await get(aClient(), server.origin, { "accept-encoding": "gzip, deflate" });

    expect(String(answer.body)).toBe(text);
  });

  it.each([200, 204, 304, 400, 401, 404, 413, 429, 500, 503])("of status %i is an answer", async (status) => {
    const server = await aServer((_, response) => response.writeHead(status).end());

    expect((await get(aClient(), server.origin)).status).toBe(status);
  });

  it("has its headers in lower case, and its cookies apart", async () => {
    const server = await aServer((_, response) => {
      response.writeHead(200, { "X-Request-ID": "r-1", "Set-Cookie": ["a=1; Path=/", "b=2"] }).end();
    });

    const { headers, cookies } = await get(aClient(), server.origin);

    expect(headers["x-request-id"]).toBe("r-1");
    expect(headers).not.toHaveProperty("set-cookie");
    expect(cookies).toEqual(["a=1; Path=/", "b=2"]);
  });

  it.each([301, 302, 303, 307, 308])("that redirects by %i is not followed", async (status) => {
    const asked: (string | undefined)[] = [];
    const server = await aServer(({ url }, response) => {
      asked.push(url);
      response.writeHead(status, { location: "/elsewhere" }).end();
    });

    const answer = await get(aClient(), `${server.origin}/here`, { authorization: SECRET });

    expect([answer.status, answer.headers["location"]]).toEqual([status, "/elsewhere"]);
    expect(asked).toEqual(["/here"]);
  });

  it.each([
    ["plain", () => Buffer.alloc(20_000, "x"), {}],
    [
      "small on the wire and large when it is unpacked",
      () => gzipSync(Buffer.alloc(20_000, "x")),
      { "content-encoding": "gzip" },
    ],
  ] as const)("larger than its limit is not read: %s", async (_, body, headers) => {
    const server = await aServer((_request, response) => response.writeHead(200, headers).end(body()));

    const error = await failureOf(get(aClient({ maxAnswerBytes: 10_000 }), server.origin));

    expect(error).toMatchObject({ name: "NoAnswer", code: "EANSWERTOOLARGE" });
    expect(error.message).toMatch(/^The answer of 127\.0\.0\.1:\d+ is larger than 10000 bytes\.$/);
  });

  it("as large as its limit is read", async () => {
    const server = await aServer((_, response) => response.end("x".repeat(10_000)));

    expect(String((await get(aClient({ maxAnswerBytes: 10_000 }), server.origin)).body)).toHaveLength(10_000);
  });

  it("that breaks off is none", async () => {
    const server = await aServer((_, response) => {
      response.writeHead(200, { "content-length": "100" }).write("x".repeat(10), () => response.destroy());
    });

    expect(await failureOf(get(aClient(), server.origin))).toMatchObject({ name: "NoAnswer" });
  });

  it("whose packing is broken is none", async () => {
    const server = await aServer((_, response) =>
      response.writeHead(200, { "content-encoding": "gzip" }).end("no gzip"),
    );

    expect(await failureOf(get(aClient(), server.origin))).toMatchObject({ name: "NoAnswer" });
  });

  it.each([
    ["never begins", () => undefined],
    ["never comes to its end", trickle],
  ] as const)("that %s is given up after the time limit", async (_, handle) => {
    const server = await aServer(handle);

    const error = await failureOf(get(aClient({ timeoutMs: 150 }), server.origin));

    expect(error).toMatchObject({ name: "NoAnswer", code: "ETIMEDOUT" });
    expect(error.message).toMatch(/^127\.0\.0\.1:\d+ did not answer within 150 ms\.$/);
  });

  it("that came while the process stood still is not late", async () => {
    const origin = await aServerElsewhere();
    const client = aClient({ timeoutMs: 400 });
    await get(client, origin);

    const asked = get(client, origin);
    await setTimeout(20);
    // What is due comes before what has arrived, in the turn after this one.
    await nextTurn();
    const stillUntilMs = performance.now() + 1000;
    while (performance.now() < stillUntilMs);

    expect(String((await asked).body)).toBe("there in time");
  });
});

/** In a thread of its own, so that it answers while this one does nothing. */
async function aServerElsewhere(): Promise<string> {
  const worker = new Worker(
    `const { createServer } = require("node:http");
     const { parentPort } = require("node:worker_threads");
     const server = createServer((_, response) => setTimeout(() => response.end("there in time"), 100));
     server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));`,
    { eval: true },
  );
  onTestFinished(async () => void (await worker.terminate()));
  const [port] = await once(worker, "message");
  return `http://127.0.0.1:${port}`;
}

describe("a request", () => {
  it.each([
    ["text", '{"a": 1,\n "b":"Ö"}'],
    ["bytes", Buffer.from([0, 255, 1, 254, 31, 139])],
  ])("carries its %s untouched", async (_, body) => {
    const received: Buffer[] = [];
    const server = await aServer((request, response) => {
      void readBody(request, 1000).then((bytes) => {
        received.push(bytes ?? Buffer.alloc(0));
        response.end();
      });
    });

    await aClient().send({
      method: "POST",
      url: server.origin,
      headers: { "content-type": "application/json" },
      body,
      signal: new AbortController().signal,
    });

    expect(Buffer.concat(received)).toEqual(Buffer.from(body));
  });

  it("uses the connection of the one before it", async () => {
    const sockets = new Set<Socket>();
    const server = await aServer(({ socket }, response) => {
      sockets.add(socket);
      response.end("x");
    });
    const client = aClient();

    for (let round = 0; round < 5; round++) await get(client, server.origin);

    expect(sockets.size).toBe(1);
  });

  it("opens no more connections than it may", async () => {
    const sockets = new Set<Socket>();
    const server = await aServer(({ socket }, response) => {
      sockets.add(socket);
      setImmediate(() => response.end());
    });
    const client = aClient({ connections: 3 });

    await Promise.all(Array.from({ length: 30 }, () => get(client, server.origin)));

    expect(sockets.size).toBe(3);
  });

  it("is cut off by its signal, with the signal's own reason", async () => {
    const { server, request } = await aServerThatHangs();
    const stop = new AbortController();

    const attempt = failureOf(get(aClient(), server.origin, {}, stop.signal));
    const { socket } = await request;
    stop.abort(new Error("the daemon is stopping"));

    expect((await attempt).message).toBe("the daemon is stopping");
    await closed(socket);
  });

  it("is not sent when its signal was aborted before", async () => {
    const asked: unknown[] = [];
    const server = await aServer(({ url }, response) => {
      asked.push(url);
      response.end();
    });
    const client = aClient();

    const error = await failureOf(
      get(client, `${server.origin}/no`, {}, AbortSignal.abort(new Error("too late"))),
    );
    await get(client, `${server.origin}/yes`);

    expect(error.message).toBe("too late");
    expect(asked).toEqual(["/yes"]);
  });

  it("is cut off when its client is closed", async () => {
    const { server, request } = await aServerThatHangs();
    const client = aClient();

    const attempt = failureOf(get(client, server.origin));
    await request;
    client.close();

    expect(await attempt).toMatchObject({ name: "NoAnswer" });
  });
});

describe("a client", () => {
  it("lets go of its idle connections when it is closed", async () => {
    const sockets: Socket[] = [];
    const server = await aServer(({ socket }, response) => {
      sockets.push(socket);
      response.end();
    });
    const client = aClient();
    await get(client, server.origin);

    client.close();

    await Promise.all(sockets.map(closed));
  });

  it("says with which code a host cannot be reached", async () => {
    const gone = await aServer(() => undefined);
    await gone.stop();

    const error = await failureOf(get(aClient(), gone.origin));

    expect(error).toMatchObject({ name: "NoAnswer", code: "ECONNREFUSED" });
    expect(error.message).toBe(`127.0.0.1:${gone.port} could not be reached or broke off (ECONNREFUSED).`);
  });
});

describe("over TLS a client", () => {
  it("trusts its own authority", async () => {
    const server = await aSecureServer((_, response) => response.end("secure"));

    expect(String((await get(aClient({ ca: AUTHORITY.ca }), server.origin)).body)).toBe("secure");
  });

  it("reads the authority from a file", async () => {
    const server = await aSecureServer((_, response) => response.end("secure"));
    const ca = await aFile(AUTHORITY.ca);

    expect(String((await get(aClient({ tls: { ca, rejectUnauthorized: true } }), server.origin)).body)).toBe(
      "secure",
    );
  });

  it("refuses an authority that it does not know, and sends nothing", async () => {
    let asked = 0;
    const server = await aSecureServer((_, response) => {
      asked += 1;
      response.end();
    });
    const { ca } = await createAuthority();

    const codes = await Promise.all(
      [aClient(), aClient({ ca })].map(
        async (client) => (await failureOf(get(client, server.origin))) as Error & { code: string },
      ),
    );

    for (const { code } of codes) expect(code).toBe("UNABLE_TO_VERIFY_LEAF_SIGNATURE");
    expect(asked).toBe(0);
  });

  it("refuses a certificate for another host, unless it is told that name", async () => {
    const other = await AUTHORITY.issue({ name: "other", usage: "server", hosts: ["splunk.example"] });
    const server = await aSecureServer((_, response) => response.end("secure"), other);

    const error = await failureOf(get(aClient({ ca: AUTHORITY.ca }), server.origin));
    const tls = { serverName: "splunk.example", rejectUnauthorized: true };
    const answer = await get(aClient({ ca: AUTHORITY.ca, tls }), server.origin);

    expect(error).toMatchObject({ code: "ERR_TLS_CERT_ALTNAME_INVALID" });
    expect(String(answer.body)).toBe("secure");
  });

  it("refuses a certificate that has ended", async () => {
    const notAfter = new Date(Date.now() - 3_600_000);
    const old = await AUTHORITY.issue({ name: "old", usage: "server", notAfter });
    const server = await aSecureServer((_, response) => response.end(), old);

    expect(await failureOf(get(aClient({ ca: AUTHORITY.ca }), server.origin))).toMatchObject({
      code: "CERT_HAS_EXPIRED",
    });
  });

  it("takes any certificate when it is told not to look", async () => {
    const server = await aSecureServer((_, response) => response.end("secure"));

    expect(String((await get(aClient({ tls: { rejectUnauthorized: false } }), server.origin)).body)).toBe(
      "secure",
    );
  });

  it("shows its own certificate where one is asked for", async () => {
    const server = await aSecureServer((_, response) => response.end("welcome"), { ca: AUTHORITY.ca });
    const own = await AUTHORITY.issue({ name: "us", usage: "client" });
    const [cert, key] = await Promise.all([aFile(own.cert), aFile(own.key)]);

    const without = await failureOf(get(aClient({ ca: AUTHORITY.ca }), server.origin));
    const tls = { cert, key, rejectUnauthorized: true };
    const answer = await get(aClient({ ca: AUTHORITY.ca, tls }), server.origin);

    expect(without).toMatchObject({ name: "NoAnswer" });
    expect(String(answer.body)).toBe("welcome");
  });

  it("names the file that cannot be read", async () => {
    const tls = { ca: "/nowhere/ca.pem", rejectUnauthorized: true };

    const error = await failureOf(get(aClient({ tls }), "https://127.0.0.1:1"));

    expect(error).toMatchObject({ name: "NoAnswer", code: "EFILE" });
    expect(error.message).toBe("The file /nowhere/ca.pem cannot be read (ENOENT).");
  });

  it("says that a host speaks no TLS", async () => {
    const server = await aServer((_, response) => response.end());

    expect(await failureOf(get(aClient(), server.origin.replace("http:", "https:")))).toMatchObject({
      code: "EPROTO",
    });
  });
});

describe("the error of a failed request", () => {
  const failing: readonly Failing[] = [
    { what: "a host that is not there", address: async () => "http://127.0.0.1:1" },
    {
      what: "a host that hangs up",
      address: async () => (await aServer(({ socket }) => socket.destroy())).origin,
    },
    {
      what: "a host that is silent",
      address: async () => (await aServer(() => undefined)).origin,
      settings: { timeoutMs: 100 },
    },
    {
      what: "an answer that is too large",
      address: async () => (await aServer((_, response) => response.end("x".repeat(5000)))).origin,
      settings: { maxAnswerBytes: 100 },
    },
    {
      what: "a certificate that nobody knows",
      address: async () => (await aSecureServer(() => undefined)).origin,
    },
    {
      what: "a file that is not there",
      address: async () => "https://127.0.0.1:1",
      settings: { tls: { ca: "/nowhere", rejectUnauthorized: true } },
    },
    { what: "a name that does not exist", address: async () => "http://nowhere.invalid" },
    { what: "credentials in the address", address: async () => `http://me:${WORD}@127.0.0.1:1` },
  ];

  it.each(failing)("never holds the secret: $what", async ({ address, settings }) => {
    const attempt = aClient(settings).send({
      method: "POST",
      url: `${await address()}/path?token=${WORD}`,
      headers: { authorization: SECRET, cookie: SECRET },
      body: WORD,
      signal: new AbortController().signal,
    });

    expect(everythingAbout(await failureOf(attempt))).not.toContain(WORD);
  });
});

/** Answers with a byte every few milliseconds, for ever. */
function trickle(_: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200);
  const timer = setInterval(() => response.write("x"), 10);
  response.once("close", () => clearInterval(timer));
}

/** Takes requests and answers none; `request` is the first. */
async function aServerThatHangs(): Promise<{ server: Listener; request: Promise<IncomingMessage> }> {
  let met: (request: IncomingMessage) => void = () => undefined;
  const request = new Promise<IncomingMessage>((resolve) => {
    met = resolve;
  });
  return { server: await aServer(met), request };
}

async function closed(socket: Socket): Promise<void> {
  if (!socket.destroyed) await once(socket, "close");
}

async function aFile(content: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "alertferry-test-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, "file.pem");
  await writeFile(file, content);
  return file;
}

import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { type RawAnswer, readAnswer, readAnswers, sendRaw } from "../../support/raw-http.ts";
import { until } from "../../support/until.ts";
import { BEARER, JSON_BODY, PAGES, serve } from "./support.ts";

const raw = async (port: number, bytes: string): Promise<RawAnswer> =>
  readAnswer(await sendRaw({ port, bytes }));

describe("what every answer carries", () => {
  const ways: Readonly<Record<string, string>> = {
    "a page": "GET /open HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
    "no page": "GET /nothing HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
    "a page that cannot be made": "GET /broken HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
    "another method": "DELETE /open HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
    "no host": "GET /open HTTP/1.1\r\nconnection: close\r\n\r\n",
    "a broken escape": "GET /%zz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
    "no request at all": "Good morning.\r\n\r\n",
    "headers without end": `GET /open HTTP/1.1\r\nhost: localhost\r\na: ${"a".repeat(20_000)}\r\n\r\n`,
    "a wish for a tunnel": "CONNECT other:443 HTTP/1.1\r\nhost: other\r\n\r\n",
    "an expectation": "GET /open HTTP/1.1\r\nhost: localhost\r\nexpect: more\r\nconnection: close\r\n\r\n",
    "another protocol":
      "GET /open HTTP/1.1\r\nhost: a\r\nconnection: upgrade, close\r\nupgrade: websocket\r\n\r\n",
  };

  it.each(Object.keys(ways))("%s: headers that let nothing in, and an id", async (way) => {
    const { port } = await serve();

    const answer = await raw(port, ways[way] ?? "");

    expect(answer.headers).toMatchObject({
      "cache-control": "no-store",
      "content-security-policy": expect.stringMatching(/^default-src 'none'; .*frame-ancestors 'none'$/),
      "cross-origin-embedder-policy": "require-corp",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
      "referrer-policy": "same-origin",
      "x-content-type-options": "nosniff",
      "x-request-id": expect.stringMatching(/^[\w-]{36}$/),
    });
    expect(answer.headers["content-security-policy"]).not.toContain("unsafe");
    expect(answer.body).not.toMatch(/secret|at .*\.[jt]s:\d/);
  });

  it("gives an id of its own behind the one that came, and ignores one that is none", async () => {
    const { get } = await serve();
    const idOf = async (given: string) =>
      (await get("/open", { "x-request-id": given })).headers.get("x-request-id");

    expect(await idOf("proxy-17")).toMatch(/^proxy-17\/[0-9a-f-]{36}$/);
    expect(await idOf("a b<script>")).toMatch(/^[0-9a-f-]{36}$/);
    expect(await idOf("a".repeat(65))).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe("requests", () => {
  it.each([
    ["GET /closed%2e HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", 401],
    ["GET /below/../closed HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", 400],
    ["GET /below/%2e%2e/closed HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", 400],
    ["GET /below/a%2fb HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", 400],
    ["GET /below/a%00 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", 400],
    ["GET /below/%ff HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", 400],
    ["GET /open?a=%f HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", 400],
    ["GET http://a/open HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", 400],
    ["OPTIONS * HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", 400],
    [`GET /open?${"a".repeat(8000)} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`, 414],
    ["GET /open HTTP/1.0\r\n\r\n", 200],
    ["GET /open HTTP/1.1\r\nconnection: close\r\n\r\n", 400],
    [`GET /open HTTP/1.1\r\nhost: a\r\na: ${"a".repeat(20_000)}\r\n\r\n`, 431],
    ["GET /open HTTP/1.1\r\nhost: a\r\nexpect: more\r\nconnection: close\r\n\r\n", 417],
    ["NONSENSE /open HTTP/1.1\r\nhost: a\r\n\r\n", 400],
    ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400],
    ["GET /open HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", 400],
  ])("%j is answered with %i", async (bytes, status) => {
    const { port } = await serve();

    expect((await raw(port, bytes)).status).toBe(status);
  });

  it("answers what is broken in a body, and first what was whole before what is broken", async () => {
    const { port } = await serve();
    const post = `POST /do HTTP/1.1\r\nhost: a\r\nauthorization: ${BEARER.authorization}\r\ncontent-type: application/json\r\n`;

    const chunk = await sendRaw({ port, bytes: `${post}transfer-encoding: chunked\r\n\r\nzz\r\n` });
    const behind = await sendRaw({ port, bytes: "GET /open HTTP/1.1\r\nhost: a\r\n\r\nnonsense\r\n\r\n" });

    expect(readAnswers(chunk).map(({ status }) => status)).toEqual([400]);
    expect(readAnswers(behind)[0]?.status).toBe(200);
  });

  it("names the methods that a page knows", async () => {
    const { url } = await serve();
    const allowed = async (path: string) => {
      const { status, headers } = await fetch(`${url}${path}`, { method: "PUT" });
      return [status, headers.get("allow")];
    };

    expect(await allowed("/open")).toEqual([405, "GET, HEAD"]);
    expect(await allowed("/do")).toEqual([405, "POST"]);
  });

  it("answers HEAD as GET, without the body", async () => {
    const { url, get } = await serve();
    const whole = await get("/open");

    const head = await fetch(`${url}/open`, { method: "HEAD" });

    expect(head.status).toBe(200);
    expect(head.headers.get("content-length")).toBe(String((await whole.text()).length));
    expect(await head.text()).toBe("");
  });

  it("tells the log under the id of the answer why a page could not be made, and the asker nothing", async () => {
    const told: unknown[] = [];
    const trouble = {
      failed: (request: object, cause: unknown) => told.push({ ...request, cause: String(cause) }),
      guessing: () => undefined,
    };
    const { get } = await serve({ trouble });

    const answer = await get("/broken?state=of-a-consent");

    expect(answer.status).toBe(500);
    const requestId = answer.headers.get("x-request-id");
    expect(told).toEqual([{ requestId, path: "/broken", cause: "Error: A secret reason." }]);
    expect(await answer.text()).not.toContain("secret");
  });
});

describe("bodies", () => {
  it("takes what fits, and answers what does not", async () => {
    const { post } = await serve();
    const sent = async (body: string, headers: Record<string, string> = JSON_BODY) => {
      const answer = await post("/do", body, { ...BEARER, ...headers });
      return [answer.status, await answer.text()];
    };

    expect(await sent('{"ids":["a"]}')).toEqual([200, '{"ids":["a"]}\n']);
    expect((await sent("{"))[0]).toBe(400);
    expect((await sent("a=b", { "content-type": "text/plain" }))[0]).toBe(415);
    expect((await sent(JSON.stringify("a".repeat(70_000))))[0]).toBe(413);
  });

  it("stops reading a body that tells no length once it is too long", async () => {
    const { port } = await serve();
    const head = `POST /do HTTP/1.1\r\nhost: a\r\nauthorization: ${BEARER.authorization}\r\n`;
    const chunk = `8000\r\n${"a".repeat(0x8000)}\r\n`;

    const answer = await raw(
      port,
      `${head}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n${chunk.repeat(3)}`,
    );

    expect([answer.status, answer.headers["connection"]]).toEqual([413, "close"]);
  });

  it("says that it goes on before it reads a body whose sender asks first, and not when it does not want it", async () => {
    const { port } = await serve();
    const ask = (more: string) =>
      sendRaw({
        port,
        bytes: `POST /do HTTP/1.1\r\nhost: a\r\n${more}expect: 100-continue\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}`,
      });

    expect(await ask(`authorization: ${BEARER.authorization}\r\n`)).toMatch(
      /^HTTP\/1\.1 100 .*\r\n\r\nHTTP\/1\.1 200 /,
    );
    expect(await ask("")).toMatch(/^HTTP\/1\.1 401 /);
  });
});

describe("limits", () => {
  it("makes a client wait that asks too much, and no other one, and never keeps its health from anybody", async () => {
    const { port } = await serve();
    const many = (path: string, count: number, from: string) =>
      sendRaw({
        port,
        from,
        bytes: `${`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`.repeat(count)}GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`,
      });
    const statuses = (text: string) => [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);

    const flood = statuses(await many("/open", 4000, "127.0.0.2"));

    expect(flood.filter((status) => status === "200").length).toBeGreaterThanOrEqual(1000);
    expect(flood.at(-1)).toBe("429");
    expect(statuses(await many("/open", 2, "127.0.0.3"))).toEqual(["200", "200", "200"]);
    expect(statuses(await many("/livez", 1200, "127.0.0.2"))).toEqual(Array(1201).fill("200"));
  });

  it("lets go of who begins a request and does not end it", async () => {
    const { port } = await serve();

    const [silent, slow] = await Promise.all([raw(port, ""), raw(port, "GET /open HTTP/1.1\r\nhost:")]);

    expect([silent.status, slow.status]).toEqual([408, 408]);
  });

  it("outlives who breaks off, at whatever point", async () => {
    const { port, get } = await serve();
    const begun = [
      "GET",
      "GET /open HTTP/1.1\r\nhost: a\r\n\r\n",
      "CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n",
      "nonsense\r\n\r\n",
    ];

    await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        sendRaw({
          port,
          bytes: begun[index % begun.length] ?? "",
          from: `127.0.1.${index + 1}`,
          reset: true,
        }),
      ),
    );

    expect((await get("/livez")).status).toBe(200);
  });

  it("does not let one client hold all connections", async () => {
    const { port, get } = await serve();

    const held = Array.from({ length: 300 }, () =>
      sendRaw({ port, bytes: "GET", from: "127.0.0.2", patienceMs: 1000 }),
    );
    // What is beyond the limit is closed at once, without a word.
    const first = await Promise.race(held);

    expect(first).toBe("");
    expect((await get("/livez")).status).toBe(200);
    await Promise.all(held);
  });
});

describe("answers that come piece by piece", () => {
  async function* ticks(signal: AbortSignal, seen: string[]): AsyncGenerator<string> {
    try {
      for (let count = 1; !signal.aborted; count += 1) {
        yield `data: ${count}\n\n`;
        await sleep(5, undefined, { signal }).catch(() => undefined);
      }
    } finally {
      seen.push("ended");
    }
  }
  const streaming = (seen: string[]) => ({
    routes: [
      ...PAGES,
      {
        method: "GET",
        path: "/events",
        access: "token",
        answer: async ({ signal }: { readonly signal: AbortSignal }) => ({
          status: 200,
          headers: { "content-type": "text/event-stream" },
          body: ticks(signal, seen),
        }),
      } as const,
    ],
  });

  /** Listens until the third piece has come. */
  async function listen(url: string, signal?: AbortSignal) {
    const { headers, body } = await fetch(`${url}/events`, { headers: BEARER, ...(signal && { signal }) });
    const reader = body?.getReader();
    let text = "";
    while (!text.includes("data: 3")) text += Buffer.from((await reader?.read())?.value ?? []).toString();
    return { type: headers.get("content-type"), text };
  }

  it("come as they are made, and end when the asker goes", async () => {
    const seen: string[] = [];
    const { url } = await serve(streaming(seen));
    const leaving = new AbortController();
    const { type, text } = await listen(url, leaving.signal);
    expect(seen).toEqual([]);

    leaving.abort();

    await until("the stream has ended", () => seen.length === 1);
    expect(type).toBe("text/event-stream");
    expect(text).toMatch(/^data: 1\n\ndata: 2\n\ndata: 3/);
  });

  it("end when the server stops", async () => {
    const seen: string[] = [];
    const { url, close } = await serve(streaming(seen));
    await Promise.all([listen(url), listen(url)]);
    expect(seen).toEqual([]);

    await close();

    await until("both streams have ended", () => seen.length === 2);
  });

  it("are not begun for who asks for the head alone", async () => {
    const seen: string[] = [];
    const { url } = await serve(streaming(seen));

    const { status } = await fetch(`${url}/events`, { method: "HEAD", headers: BEARER });

    expect([status, seen]).toEqual([200, []]);
  });
});

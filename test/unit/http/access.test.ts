import { describe, expect, it } from "vitest";
import { createAccess } from "../../../src/http/access.ts";
import { readAnswer, sendRaw } from "../../support/raw-http.ts";
import { BEARER, JSON_BODY, serve, TOKEN } from "./support.ts";

const FORM = { "content-type": "application/x-www-form-urlencoded" };
const OWN_PAGE = { "sec-fetch-site": "same-origin" };
const PAGE = { accept: "text/html,application/xhtml+xml" };

type Server = Awaited<ReturnType<typeof serve>>;

const login = (server: Server, token: string, headers: Record<string, string> = OWN_PAGE) =>
  server.post("/login", new URLSearchParams({ token }).toString(), { ...FORM, ...headers });

/** What the browser sends from then on. */
async function signIn(server: Server): Promise<{ readonly cookie: string }> {
  const set = (await login(server, TOKEN)).headers.get("set-cookie") ?? "";
  return { cookie: set.split(";")[0] ?? "" };
}

describe("the token", () => {
  it("opens what is closed, and nothing like it does", async () => {
    const { get } = await serve();
    const status = async (authorization: string) => (await get("/closed", { authorization })).status;

    expect(await status(`Bearer ${TOKEN}`)).toBe(200);
    expect(await status(`bearer ${TOKEN}`)).toBe(200);
    for (const wrong of [`Bearer ${TOKEN}x`, `Bearer ${TOKEN.slice(1)}`, "Bearer", "Bearer ", TOKEN])
      expect(await status(wrong), wrong).toBe(401);
    expect(await status(`Basic ${btoa(`admin:${TOKEN}`)}`)).toBe(401);
  });

  it("is asked for before anybody learns which pages there are", async () => {
    const { get } = await serve();

    const answer = await get("/nothing");

    expect([answer.status, answer.headers.get("www-authenticate")]).toEqual([
      401,
      'Bearer realm="alertferry"',
    ]);
    expect((await get("/nothing", BEARER)).status).toBe(404);
  });

  it("is not looked at any more after ten wrong ones, from there only, and the log is told once", async () => {
    const guessing: string[] = [];
    const trouble = { failed: () => undefined, guessing: (client: string) => guessing.push(client) };
    const { port } = await serve({ trouble });
    const ask = async (token: string, from: string) => {
      const bytes = `GET /closed HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${token}\r\nconnection: close\r\n\r\n`;
      const { status, headers } = readAnswer(await sendRaw({ port, from, bytes }));
      return [status, headers["retry-after"]];
    };
    for (let guess = 0; guess < 10; guess += 1)
      expect(await ask(`guess-${guess}`, "127.0.0.2")).toEqual([401, undefined]);

    expect(await ask("another", "127.0.0.2")).toEqual([429, "6"]);
    expect(await ask(TOKEN, "127.0.0.2")).toEqual([429, "6"]);
    expect(await ask(TOKEN, "127.0.0.3")).toEqual([200, undefined]);
    expect(guessing).toEqual(["127.0.0.2"]);
  });
});

describe("a session", () => {
  it("is begun by the token in a form, and opens what the token opens", async () => {
    const server = await serve();
    const shown = await server.get("/closed", PAGE);
    expect([shown.status, shown.headers.get("location")]).toEqual([303, "login"]);
    expect((await server.get("/below/of/it", PAGE)).headers.get("location")).toBe("../../login");
    expect(await (await server.get("/login")).text()).toContain('<form method="post" action="login">');

    const answer = await login(server, TOKEN);

    const set = answer.headers.get("set-cookie") ?? "";
    expect([answer.status, answer.headers.get("location")]).toEqual([303, "./"]);
    expect(set).toMatch(/; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/);
    expect(set).not.toContain(TOKEN);
    const cookie = set.split(";")[0] ?? "";
    expect((await server.get("/closed", { cookie: `other=1; ${cookie}; more=2` })).status).toBe(200);
  });

  it("is not begun by another token, however often", async () => {
    const server = await serve();
    for (let guess = 0; guess < 10; guess += 1) {
      const answer = await login(server, `guess-${guess}`);
      expect([answer.status, answer.headers.get("set-cookie")]).toEqual([401, null]);
      expect(await answer.text()).toContain('<p role="alert">This is not the token');
    }

    expect((await login(server, TOKEN)).status).toBe(429);
  });

  it("holds at every replica and over a restart, until the token is another one", async () => {
    const server = await serve();
    const cookie = await signIn(server);

    expect((await (await serve()).get("/closed", cookie)).status).toBe(200);
    expect((await (await serve({ token: "another-token" })).get("/closed", cookie)).status).toBe(401);
  });

  it("ends after twelve hours, and cannot be made longer", async () => {
    let nowMs = Date.parse("2026-05-04T08:00:00Z");
    const access = createAccess(
      TOKEN,
      () => undefined,
      () => nowMs,
    );
    const cookie = (await access.openSession({})).split(";")[0] ?? "";
    const judge = (text: string) => access.judge({ cookie: text }, "127.0.0.1");
    const [start = "", expires = "", ...rest] = cookie.split(/[=.]/);

    nowMs += 12 * 3_600_000 - 1;
    expect(await judge(cookie)).toBe("session");
    expect(await judge(`${start}=${Number(expires) + 1}.${rest.join(".")}`)).toBe("unknown");
    nowMs += 1;
    expect(await judge(cookie)).toBe("unknown");
  });

  it("is kept to TLS where the browser came by it", async () => {
    const server = await serve();
    const cookieBy = async (headers: Record<string, string>) =>
      (await login(server, TOKEN, { ...OWN_PAGE, ...headers })).headers.get("set-cookie");

    expect(await cookieBy({ "x-forwarded-proto": "https" })).toMatch(/; Secure$/);
    expect(await cookieBy({ origin: "https://alerts.example" })).toMatch(/; Secure$/);
    expect(await cookieBy({})).not.toContain("Secure");
  });

  it("is ended by the browser that has it", async () => {
    const server = await serve();
    const cookie = await signIn(server);

    const answer = await server.post("/logout", "", { ...cookie, ...OWN_PAGE });

    expect([answer.status, answer.headers.get("location")]).toEqual([303, "login"]);
    expect(answer.headers.get("set-cookie")).toMatch(/^alertferry_session=; Path=\/; Max-Age=0;/);
  });

  it("changes something only from a page of ours; the token as Bearer does from anywhere", async () => {
    const server = await serve();
    const cookie = await signIn(server);
    const host = `127.0.0.1:${server.port}`;
    const send = async (headers: Record<string, string>) =>
      (await server.post("/do", "{}", { ...JSON_BODY, ...headers })).status;

    expect(await send({ ...cookie, "sec-fetch-site": "same-origin" })).toBe(200);
    expect(await send({ ...cookie, origin: `http://${host}` })).toBe(200);
    expect(await send({ ...cookie, "sec-fetch-site": "cross-site", origin: `http://${host}` })).toBe(403);
    expect(await send({ ...cookie, "sec-fetch-site": "same-site" })).toBe(403);
    expect(await send({ ...cookie, origin: "http://elsewhere.example" })).toBe(403);
    expect(await send({ ...cookie, origin: "null" })).toBe(403);
    expect(await send(cookie)).toBe(403);
    expect(await send(BEARER)).toBe(200);
    expect(await send(OWN_PAGE)).toBe(401);
  });
});

describe("without a token", () => {
  it("all is shown at addresses of this machine, and under no other name that leads here", async () => {
    const { port } = await serve({ token: undefined });
    const ask = async (host: string, path = "/closed") => {
      const bytes = `GET ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`;
      return readAnswer(await sendRaw({ port, bytes })).status;
    };

    for (const host of ["localhost", `localhost:${port}`, "127.0.0.1", "[::1]:80"])
      expect(await ask(host), host).toBe(200);
    for (const host of ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example"])
      expect(await ask(host), host).toBe(403);
    expect(await ask("evil.example", "/livez")).toBe(200);
    expect(await ask("evil.example", "/open")).toBe(200);
  });

  it("nothing is done that asks for a proof, and there is nothing to sign in to", async () => {
    const { get, post } = await serve({ token: undefined });

    expect((await post("/do", "{}", { ...JSON_BODY, ...OWN_PAGE })).status).toBe(403);
    expect((await post("/do", "{}", { ...JSON_BODY, ...BEARER })).status).toBe(403);
    expect((await get("/login")).status).toBe(404);
  });
});

import { json, type Route } from "../../../src/http/route.ts";
import { type ServerParts, startServer } from "../../../src/http/server.ts";
import { afterTest } from "../../support/processes.ts";

/** A page of each kind, none of which needs anything. */
export const PAGES: readonly Route[] = [
  { method: "GET", path: "/livez", access: "health", answer: async () => json(200, "alive") },
  { method: "GET", path: "/open", access: "open", answer: async ({ isTrusted }) => json(200, { isTrusted }) },
  { method: "GET", path: "/closed", access: "token", answer: async ({ query }) => json(200, [...query]) },
  { method: "GET", path: "/below/*", access: "token", answer: async ({ path }) => json(200, path) },
  {
    method: "POST",
    path: "/do",
    access: "proof",
    takes: "json",
    answer: async ({ body }) => json(200, body),
  },
  {
    method: "GET",
    path: "/broken",
    access: "open",
    answer: () => Promise.reject(new Error("A secret reason.")),
  },
];

export const TOKEN = "the-token-of-this-test";

/** A server that is closed after the test. */
export async function serve(more: Partial<ServerParts> = {}) {
  const server = await startServer({ host: "127.0.0.1", port: 0, token: TOKEN, routes: PAGES, ...more });
  afterTest(server.close);
  const { port } = new URL(server.url);
  return {
    ...server,
    port: Number(port),
    get: (path: string, headers: Record<string, string> = {}) =>
      fetch(`${server.url}${path}`, { headers, redirect: "manual" }),
    post: (path: string, body: string, headers: Record<string, string> = {}) =>
      fetch(`${server.url}${path}`, { method: "POST", body, headers, redirect: "manual" }),
  };
}

export const BEARER = { authorization: `Bearer ${TOKEN}` };
export const JSON_BODY = { "content-type": "application/json" };

import type { PageReply } from "../model/page-reply.ts";

/** What a handler is told of a request. */
interface Ask {
  /** Decoded. None of its steps is `..` or holds a slash. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Whether the asker has shown the token, or none is set. */
  readonly isTrusted: boolean;
  /** Aborted when the asker has gone, and when the server stops. Who answers piece by piece must end with it. */
  readonly signal: AbortSignal;
}

/** `untrusted`: only for who has the token. Undefined: there is no such page. */
type Answer = PageReply | "untrusted" | undefined;

/** One page. A table of them is all that a server is given to serve. */
export interface Route {
  readonly method: "GET" | "POST";
  /** `/livez`; with `/*` at its end it stands for everything below. */
  readonly path: string;
  /** `token`: only for who has shown the token, where one is set. `open`: for everyone; the handler decides what is shown. */
  readonly access: "open" | "token";
  readonly answer: (ask: Ask) => Promise<Answer>;
}

/** The routes of a path, by method; empty where there is no such page. The exact path goes before one with a star. */
export function routesAt(routes: readonly Route[], path: string): ReadonlyMap<string, Route> {
  const exact = routes.filter((route) => route.path === path);
  const found =
    exact.length > 0
      ? exact
      : routes.filter((route) => route.path.endsWith("/*") && path.startsWith(route.path.slice(0, -1)));
  return new Map(found.map((route) => [route.method, route]));
}

export function json(status: number, value: unknown): PageReply {
  return {
    status,
    headers: { "content-type": "application/json; charset=utf-8" },
    body: `${JSON.stringify(value)}\n`,
  };
}

/** `error`: a sentence that says what is wrong. */
export function refusal(status: number, error: string, headers: PageReply["headers"] = {}): PageReply {
  const reply = json(status, { error });
  return { ...reply, headers: { ...reply.headers, ...headers } };
}

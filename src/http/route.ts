import type { IncomingHttpHeaders } from "node:http";
import type { PageReply } from "../model/page-reply.ts";

/** What a handler is told of a request. */
interface Ask {
  /** Decoded. None of its steps is `..` or holds a slash. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** What was sent along, as the route's `takes` says. */
  readonly body: unknown;
  /** Who asks, for limits: an address, or the network of one. */
  readonly client: string;
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
  /**
   * `health`: for everyone, however often. `open`: for everyone; the handler decides what is shown. `token`: for who has
   * shown the token, and for everyone where none is set. `proof`: for who has shown the token; for nobody where none is set.
   */
  readonly access: "health" | "open" | "token" | "proof";
  /** What is sent along with POST. */
  readonly takes?: "json" | "form";
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

type TextReply = PageReply & { readonly body: string };

export function json(status: number, value: unknown): TextReply {
  return {
    status,
    headers: { "content-type": "application/json; charset=utf-8" },
    body: `${JSON.stringify(value)}\n`,
  };
}

/** `error`: a sentence that says what is wrong. */
export function refusal(status: number, error: string, headers: PageReply["headers"] = {}): TextReply {
  const reply = json(status, { error });
  return { ...reply, headers: { ...reply.headers, ...headers } };
}

import type { Random } from "../../src/simulate/random.ts";

/** Requests as nobody who means well sends them, and among them some who do, so that no door stays shut. */

const PATHS: readonly string[] = `
  / /livez /readyz /metrics /login /login.css /logout /nothing /assets/a.js /api/status /api/tenants
  /api/sinks /api/history /api/events /api/dead-letters /api/dead-letters/d-1 /api/dead-letters/retry
  /api/dead-letters?limit=5 /api/dead-letters?sink=a /onboard/contoso /onboard/contoso?view=a.b
  /onboard/callback /onboard/callback?state=a.b&error=c
`
  .trim()
  .split(/\s+/);
const METHODS: readonly string[] = "GET HEAD POST PUT DELETE OPTIONS PATCH TRACE".split(" ");
const STEPS: readonly string[] = [
  "..",
  ".",
  "",
  "%2e%2e",
  "%2E%2e%2F",
  "..%5c",
  "%00",
  "%",
  "%zz",
  "%ff",
  "%c0%ae%c0%ae",
  "%u002e",
  "\\",
  "etc/passwd",
  "api",
  "assets",
  "onboard",
  "a".repeat(300),
  "%0d%0aset-cookie:a=b",
  "<script>",
  "'",
  ";",
  "#",
  "__proto__",
  "constructor",
  "toString",
  "*",
  "\u00fc",
  "?a=b",
  "?state=%",
  "//evil.example",
  "@",
  "${env:HOME}",
];
const TYPES: readonly string[] =
  "application/json application/x-www-form-urlencoded text/plain multipart/form-data".split(" ");
const BODIES: readonly string[] = [
  "{}",
  "[]",
  "null",
  "1e999",
  '"',
  "{",
  '{"ids":[]}',
  '{"ids":["d-1"]}',
  '{"ids":"all"}',
  '{"sink":"splunk"}',
  '{"sink":"*"}',
  '{"__proto__":{"ids":["a"]}}',
  '{"ids":[{"toString":1}]}',
  '{"ids":["\\u0000"]}',
  "[".repeat(30_000),
  `{"ids":["${"a".repeat(2000)}"]}`,
  "token=guess",
  "token=",
  "token[]=a&token=b",
  "%%%",
  "\u0000",
];
const HEADERS: readonly string[] = [
  "accept: text/html",
  "accept: */*",
  "cookie: alertferry_session=",
  "cookie: ;;;=;alertferry_session",
  "origin: null",
  "cookie: alertferry_session=9999999999999.aaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
  "authorization: Bearer wrong",
  "authorization: Bearer",
  "authorization: Basic Og==",
  "authorization: \u00ff",
  "x-request-id: fine-1",
  "x-request-id: <script>",
  `x-request-id: ${"a".repeat(500)}`,
  "expect: 100-continue",
  "sec-fetch-site: same-origin",
  "sec-fetch-site: cross-site",
  "origin: http://evil.example",
  "expect: nothing",
  "upgrade: websocket",
  "connection: upgrade",
  "transfer-encoding: identity",
  "te: trailers",
  "range: bytes=0-1",
  "host: evil.example",
  "x-forwarded-proto: https",
  "x-forwarded-for: 1.2.3.4",
  "if-none-match: *",
  "content-length: 5",
  "accept-encoding: gzip, br",
  `a: ${"b".repeat(9000)}`,
  `a: ${"b".repeat(20_000)}`,
  "a b: c",
  ": none",
  "a:\tb",
];
const CHUNKED: readonly string[] = [
  "0\r\n\r\n",
  "5\r\n{}   \r\n0\r\n\r\n",
  "zz\r\nabc\r\n",
  "-1\r\n\r\n",
  "ffffffffffffffff\r\na",
  "5\r\nab",
  "2;a=b\r\n{}\r\n0\r\ntrailer: x\r\n\r\n",
  `2;${"a".repeat(20_000)}\r\n{}\r\n0\r\n\r\n`,
  "2\r\n{}0\r\n\r\n",
  "\r\n\r\n",
];
const LINES: readonly string[] = [
  "GET",
  "GET /",
  "GET / HTTP/9.9",
  "GET  / HTTP/1.1",
  "/ HTTP/1.1",
  "GET / HTTP/1.1 more",
  "get / HTTP/1.1",
  "PRI * HTTP/2.0",
  "CONNECT evil.example:443 HTTP/1.1",
  "GET http://evil.example/ HTTP/1.1",
  "GET * HTTP/1.1",
  "\u0016\u0003\u0001\u0002\u0000\u0001",
  "\u0000\u0000\u0000",
  "",
  "HELO mail",
  "GET / HTTP/1.0",
  "M-SEARCH * HTTP/1.1",
];

const KINDS: readonly ((random: Random, token: string) => string)[] = [
  fitting,
  fitting,
  fitting,
  (random) => request(random, oneOf(random, METHODS), wildPath(random)),
  (random) => request(random, oneOf(random, METHODS), wildPath(random)),
  (random) => `${oneOf(random, LINES)}\r\nhost: a\r\nconnection: close\r\n\r\n`,
  (random) => request(random, oneOf(random, METHODS), oneOf(random, PATHS), wildHeaders(random)),
  (random, token) => posted(random, token),
  (random, token) => posted(random, token),
  (random, token) => mutated(random, fitting(random, token)),
  (random, token) => mutated(random, posted(random, token)),
  (random, token) => fitting(random, token).slice(0, random.whole(0, 60)),
  (random, token) => fitting(random, token).repeat(random.whole(2, 5)),
  (random) =>
    Array.from({ length: random.whole(1, 400) }, () => String.fromCharCode(random.whole(0, 255))).join(""),
];

/** The bytes of one, as latin1. Some show the token. */
export function wildRequest(random: Random, token: string): string {
  return oneOf(random, KINDS)(random, token);
}

function oneOf<T>(random: Random, list: readonly T[]): T {
  const found = list[random.whole(0, list.length - 1)];
  if (found === undefined) throw new Error("There is nothing to choose from.");
  return found;
}

function request(
  random: Random,
  method: string,
  target: string,
  headers: readonly string[] = [],
  body = "",
): string {
  const version = random.chance(0.9) ? "1.1" : "1.0";
  const lines = ["host: localhost", "connection: close", ...headers];
  return `${method} ${target} HTTP/${version}\r\n${lines.join("\r\n")}\r\n\r\n${body}`;
}

/** Nothing about it is wrong but what it asks for, perhaps. */
function fitting(random: Random, token: string): string {
  const shows = random.chance(0.5) ? [`authorization: Bearer ${token}`] : [];
  const method = random.chance(0.6) ? "GET" : oneOf(random, METHODS);
  return request(random, method, oneOf(random, PATHS), [
    ...shows,
    ...(random.chance(0.3) ? ["accept: text/html"] : []),
  ]);
}

function wildPath(random: Random): string {
  const start = random.chance(0.5) ? oneOf(random, PATHS) : "";
  if (random.chance(0.05)) return `/login?${"a".repeat(random.whole(1, 20_000))}`;
  const steps = Array.from({ length: random.whole(1, 5) }, () => oneOf(random, STEPS));
  return [start, ...steps].join(random.chance(0.9) ? "/" : "");
}

function wildHeaders(random: Random): string[] {
  const count = random.chance(0.02) ? 500 : random.whole(1, 6);
  return Array.from({ length: count }, () => oneOf(random, HEADERS));
}

function posted(random: Random, token: string): string {
  const path = oneOf(random, [
    "/login",
    "/logout",
    "/api/dead-letters/retry",
    "/api/dead-letters/retry",
    "/api/status",
  ]);
  const body = oneOf(random, BODIES).repeat(random.chance(0.03) ? 100 : 1);
  const isChunked = random.chance(0.3);
  const length = random.chance(0.8) ? body.length : random.whole(-5, 100_000);
  const headers = [
    `content-type: ${random.chance(0.5) ? "application/json" : oneOf(random, TYPES)}`,
    isChunked ? "transfer-encoding: chunked" : `content-length: ${length}`,
    ...(random.chance(0.7) ? [`authorization: Bearer ${token}`] : ["sec-fetch-site: same-origin"]),
    ...(random.chance(0.2) ? wildHeaders(random) : []),
  ];
  return request(random, "POST", path, headers, isChunked ? oneOf(random, CHUNKED) : body);
}

function mutated(random: Random, text: string): string {
  let bytes = text;
  for (let turns = random.whole(1, 4); turns > 0; turns -= 1) {
    const at = random.whole(0, bytes.length);
    const until = at + random.whole(1, 20);
    bytes = oneOf(random, [
      `${bytes.slice(0, at)}${String.fromCharCode(random.whole(0, 255))}${bytes.slice(at + 1)}`,
      `${bytes.slice(0, at)}${bytes.slice(until)}`,
      `${bytes.slice(0, until)}${bytes.slice(at)}`,
      `${bytes.slice(0, at)}\r\n${bytes.slice(at)}`,
    ]);
  }
  return bytes;
}

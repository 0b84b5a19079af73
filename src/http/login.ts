import type { PageReply } from "../model/page-reply.ts";
import { type Access, GUESS_EVERY_S } from "./access.ts";
import type { Route } from "./route.ts";

const STYLE = `:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 24rem; margin: 15vh auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; }
label { display: block; }
input, button { font: inherit; box-sizing: border-box; width: 100%; padding: 0.5rem; margin: 0.25rem 0 1rem; }
[role="alert"] { border-left: 0.25rem solid #cf222e; padding-left: 0.75rem; }
`;

const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="M1 9h14l-3 5H4zM7 2h2v6H7z" fill="#0969da"/></svg>`;

/**
 * Where a person gives the token, once, to a browser that cannot send it by itself. All addresses are relative, so that
 * they hold behind a proxy that serves us under a path of its own.
 */
export function loginRoutes(access: Access): Route[] {
  return [
    { method: "GET", path: "/login", access: "open", answer: async () => loginPage(200) },
    beside("/login.css", "text/css; charset=utf-8", STYLE),
    beside("/login.svg", "image/svg+xml", ICON),
    {
      method: "POST",
      path: "/login",
      access: "open",
      takes: "form",
      async answer({ body, headers, client }) {
        const verdict = access.tryToken(tokenIn(body), client);
        if (verdict === "held-back") {
          const says = `Too many wrong tokens came from your address. Wait ${GUESS_EVERY_S} seconds.`;
          return loginPage(429, says, { "retry-after": String(GUESS_EVERY_S) });
        }
        if (verdict === "wrong") return loginPage(401, "This is not the token of http.token.");
        return leadTo("./", await access.openSession(headers));
      },
    },
    {
      method: "POST",
      path: "/logout",
      access: "open",
      answer: async () => leadTo("login", access.endSession()),
    },
  ];
}

/** What the page needs besides itself. */
function beside(path: string, type: string, body: string): Route {
  const headers = { "content-type": type, "cache-control": "max-age=3600" };
  return { method: "GET", path, access: "open", answer: async () => ({ status: 200, headers, body }) };
}

function tokenIn(body: unknown): string {
  const [, token] = Object.entries(body ?? {}).find(([name]) => name === "token") ?? [];
  return typeof token === "string" ? token.trim() : "";
}

function leadTo(location: string, cookie: string): PageReply {
  return { status: 303, headers: { location, "set-cookie": cookie }, body: "" };
}

function loginPage(status: number, says?: string, headers: PageReply["headers"] = {}): PageReply {
  const body = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Sign in: alertferry</title>
<link rel="stylesheet" href="login.css">
<link rel="icon" href="login.svg">
</head>
<body>
<h1>alertferry</h1>
${says === undefined ? "" : `<p role="alert">${says}</p>`}
<form method="post" action="login">
<input name="username" value="alertferry" autocomplete="username" hidden>
<label for="token">Token (<code>http.token</code> of the configuration)</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button>Sign in</button>
</form>
</body>
</html>
`;
  return { status, headers: { "content-type": "text/html; charset=utf-8", ...headers }, body };
}

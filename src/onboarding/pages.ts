import { createHash } from "node:crypto";
import { escapeHtml } from "../model/html.ts";
import type { Onboarding } from "../model/onboarding.ts";
import type { Refusal } from "./refusals.ts";

/** What the customer's administrator sees: plain pages that need nothing from elsewhere. */

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
h1{font-size:1.4rem}ul{padding:0;list-style:none}
li{display:grid;grid-template-columns:6rem 1fr;padding:.5rem 0;border-top:1px solid #d8dee4}
.ok{color:#116329}.warning{color:#7d4e00}.waiting{color:#57606a}.failed{color:#a40e26}
p.next{color:#57606a}@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}li{border-color:#30363d}
.ok{color:#3fb950}.warning{color:#d29922}.waiting,p.next{color:#8d96a0}.failed{color:#ff7b72}}`;

/** By which a browser knows the style of these pages from any other (Content Security Policy 3, section 6.7.3.3). */
export const STYLE_DIGEST = `sha256-${createHash("sha256").update(STYLE).digest("base64")}`;

/** The page asks for itself again after so many seconds while something is under way. */
const LOOK_AGAIN_S = 3;

const TITLES: Readonly<Record<Onboarding["state"], string>> = {
  refused: "Not connected",
  verifying: "One moment: the consent is being verified",
  verified: "Connected",
  failed: "Not connected",
};

/** How the verification goes, as far as it is the customer's matter. */
export function progressPage({ state, name, says, steps }: Onboarding): string {
  const shown = steps.filter(({ concerns }) => concerns === "customer");
  const list = shown.map(
    ({ what, verdict, says: said }) =>
      `<li><b class="${verdict}">${verdict}</b><span>${escapeHtml(what)}: ${escapeHtml(said)}</span></li>`,
  );
  const refresh = state === "verifying" ? `<meta http-equiv="refresh" content="${LOOK_AGAIN_S}">` : "";
  // What is to be done about it, and what our own receivers said, is no matter of the customer's.
  const sentence = state === "verified" ? "The consent is verified; your alerts are read." : says;
  return page(
    `${TITLES[state]}: ${name}`,
    `<p id="says">${escapeHtml(sentence)}</p>\n<ul>\n${list.join("\n")}\n</ul>`,
    refresh,
  );
}

/** For our own people, who asked for what cannot be done. */
export function noticePage(says: string): string {
  return page("No consent link", `<p id="says">${escapeHtml(says)}</p>`);
}

export function refusalPage({ says, next }: Refusal): string {
  return page(
    "Not connected",
    `<p id="says">${escapeHtml(says)}</p>\n<p class="next">${escapeHtml(next)}</p>`,
  );
}

function page(title: string, body: string, head = ""): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width">${head}
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
${body}
</body>
</html>
`;
}

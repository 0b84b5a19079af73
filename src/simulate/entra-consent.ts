import type { IncomingMessage, ServerResponse } from "node:http";
import { type Directory, type Entra, grantConsent, type Resource } from "./entra-directory.ts";
import { sendHtml } from "./entra-pages.ts";
import { readBody } from "./listener.ts";

/** What stands in the link, and in the hidden fields of the page. */
interface Wish {
  readonly clientId: string;
  readonly scope: string;
  readonly redirect: URL;
  readonly state: string | null;
  readonly resources: readonly Resource[];
}

const RESOURCES: readonly Resource[] = ["graph", "defender", "monitor"];

/**
 * The consent page of both versions of the endpoint
 * (learn.microsoft.com/entra/identity-platform/v2-admin-consent). Success and refusal both say `admin_consent=True`.
 */
export async function answerConsent(
  entra: Entra,
  tenant: string,
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const form = new URLSearchParams((await readBody(request, 100_000))?.toString() ?? "");
  const directory = entra.directories.get(tenant.toLowerCase());
  const wish = readWish(entra, url);
  if (typeof wish === "string" || directory === undefined) {
    const why = typeof wish === "string" ? wish : "AADSTS90002: Tenant not found.";
    response.writeHead(400, { "content-type": "text/html" }).end(`<html><body><p>${why}</p></body></html>`);
    return;
  }
  const pressed = form.get("decision");
  if (directory.administrator === "reads" && pressed === null) {
    if (request.method !== "GET") sendHtml(response, 405);
    else response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(page(wish));
    return;
  }
  const isAccepted = pressed === null ? directory.administrator === "accepts" : pressed === "accept";
  const location = isAccepted ? accept(directory, wish, url) : decline(wish);
  response.writeHead(302, { location: location.href }).end();
}

/** The sentence of the refusal when the link itself is wrong: the administrator is sent nowhere then. */
function readWish(entra: Entra, { searchParams: query, pathname }: URL): Wish | string {
  const clientId = query.get("client_id") ?? "";
  const app = entra.apps.get(clientId);
  if (app === undefined) return "AADSTS700016: Application was not found in the directory.";
  const redirect = query.get("redirect_uri") ?? "";
  const isRegistered = app.redirectUris?.includes(redirect) ?? true;
  if (!URL.canParse(redirect) || !isRegistered)
    return "AADSTS50011: The redirect URI does not match the ones configured.";
  const scope = query.get("scope") ?? "";
  const more = { clientId, scope, redirect: new URL(redirect), state: query.get("state") };
  if (!pathname.includes("/v2.0/")) return { ...more, resources: RESOURCES };
  const resource = entra.audiences.get(scope.replace(/\/\.default$/, "").replace(/\/$/, ""));
  if (resource === undefined || !scope.endsWith("/.default"))
    return "AADSTS70011: The provided value for the input parameter 'scope' is not valid.";
  return { ...more, resources: [resource] };
}

function accept(directory: Directory, wish: Wish, { pathname }: URL): URL {
  for (const resource of wish.resources) grantConsent(directory, wish.clientId, resource, Date.now());
  const scope = pathname.includes("/v2.0/") ? { scope: wish.scope } : {};
  return back(wish, { tenant: directory.tenantId, ...scope });
}

function decline(wish: Wish): URL {
  return back(wish, {
    error: "consent_required",
    error_description: "AADSTS65004: User declined to consent to access the app.",
  });
}

function back({ redirect, state }: Wish, more: Readonly<Record<string, string>>): URL {
  const target = new URL(redirect);
  const query = { admin_consent: "True", ...more, ...(state === null ? {} : { state }) };
  for (const [key, value] of Object.entries(query)) target.searchParams.set(key, value);
  return target;
}

function page({ resources }: Wish): string {
  return `<!doctype html>
<html lang="en">
  <head><title>Permissions requested</title></head>
  <body>
    <h1>Permissions requested</h1>
    <p>Review for your organization: ${resources.join(", ")}</p>
    <form method="post">
      <button name="decision" value="cancel">Cancel</button>
      <button name="decision" value="accept">Accept</button>
    </form>
  </body>
</html>
`;
}

import type { PageReply } from "../model/page-reply.ts";
import { OnboardingError } from "./consent-link.ts";
import type { Flow } from "./flow.ts";
import { noticePage, progressPage, refusalPage, STYLE_DIGEST } from "./pages.ts";

/** The path that the redirect URI of the app registration leads to. */
export const CALLBACK = "/onboard/callback";

/** The pages show states and names of tenants, and their addresses hold what must not travel on. */
const HEADERS = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": `default-src 'none'; style-src '${STYLE_DIGEST}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`,
  "referrer-policy": "no-referrer",
};

/**
 * Answers the pages under `/onboard/`: `/onboard/<tenant>` leads to the consent page, `/onboard/callback` takes what
 * comes back from there, `/onboard/<tenant>?view=…` shows how it goes.
 *
 * @param isTrusted whether the asker may begin an onboarding; the other two prove themselves by what they were given.
 * @returns undefined when there is no such page, `untrusted` when the asker must say who it is.
 */
export async function replyOnboarding(
  flow: Flow,
  path: string,
  query: URLSearchParams,
  isTrusted: boolean,
): Promise<PageReply | "untrusted" | undefined> {
  if (path === CALLBACK) return await receive(flow, query);
  const id = /^\/onboard\/([a-z0-9-]{1,63})$/.exec(path)?.[1];
  if (id === undefined) return undefined;
  const view = query.get("view");
  if (view !== null) {
    const onboarding = await flow.look(id, view);
    return onboarding === undefined ? undefined : html(200, progressPage(onboarding));
  }
  if (!isTrusted) return "untrusted";
  try {
    return redirect((await flow.begin(id)).link);
  } catch (cause) {
    if (!(cause instanceof OnboardingError)) throw cause;
    return html(cause.status, noticePage(cause.message));
  }
}

async function receive(flow: Flow, query: URLSearchParams): Promise<PageReply> {
  const reception = await flow.receive(query);
  switch (reception.is) {
    case "next":
      return redirect(reception.link);
    case "received":
      // Relative, so that it holds behind a proxy that serves us under a path of its own.
      return redirect(`${reception.tenant}?view=${encodeURIComponent(reception.view)}`);
    default:
      return html(reception.refusal.status, refusalPage(reception.refusal));
  }
}

function redirect(location: string): PageReply {
  return { status: 303, headers: { location, "referrer-policy": "no-referrer" }, body: "" };
}

function html(status: number, body: string): PageReply {
  return { status, headers: HEADERS, body };
}

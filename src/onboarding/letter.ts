import { API_NAMES } from "../sources/source.ts";
import { rolesFor } from "./consent-link.ts";
import type { Invitation } from "./flow.ts";

/** What to send to the customer's administrator: what is asked for, why no more, and how to take it back. */
export function letterFor({ tenant, link, apis, expiresMs }: Invitation): readonly string[] {
  const permissions = apis.flatMap((api) =>
    rolesFor(tenant, api).map((role) => `  - ${role} (${API_NAMES[api]})`),
  );
  const pages = apis.length === 1 ? "One page asks" : `${apis.length} pages, one after the other, ask`;
  return [
    `To let us watch the Microsoft Defender alerts of ${tenant.name}, please open this link:`,
    "",
    link,
    "",
    `It takes a Privileged Role Administrator or a Global Administrator of directory ${tenant.tenantId},`,
    `can be used once, and expires on ${new Date(expiresMs).toISOString().slice(0, 16).replace("T", " ")} UTC.`,
    `${pages} for the application ${apis.length === 1 ? "permission" : "permissions"}`,
    ...permissions,
    "They let us read alerts, and change nothing: no user signs in, no password is stored.",
    "",
    "To take it back at any time: Entra admin center, Enterprise applications, our application, Properties, Delete.",
    "Nothing is read any more once the tokens that were given have ended, after 90 minutes at most as a rule.",
  ];
}

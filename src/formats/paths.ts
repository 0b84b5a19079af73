import { isIP } from "node:net";
import { clean } from "./text.ts";

/** Characters of a URL (RFC 3986, appendix A); a link with others is not the portal's own. */
const HTTPS_LINK = /^https:\/\/[\w\-.~:/?#[\]@!$&'()*+,;=%]{1,1000}$/i;

const PORTAL = "https://security.microsoft.com";

/** Longer ones are no ids of Defender, and would make a link that no browser opens. */
const LONGEST_ID = 200;

/**
 * The link into the Defender portal, always with the tenant: without `tid` the portal opens the analyst's own tenant.
 * (learn.microsoft.com/defender-endpoint/grant-mssp-access) Defender for Endpoint gives no link, and a link that
 * leads elsewhere than to a web page is not passed on; then it is built from the id, for the global cloud.
 */
export function portalLink(
  given: unknown,
  page: "alerts" | "incidents",
  id: string,
  tenantId: string,
): string {
  const link = typeof given === "string" ? clean(given) : "";
  if (HTTPS_LINK.test(link)) return /[?&]tid=/i.test(link) ? link : withTenant(link, tenantId);
  const path = id.length > LONGEST_ID ? page : `${page}/${encodeURIComponent(id)}`;
  return withTenant(`${PORTAL}/${path}`, tenantId);
}

function withTenant(link: string, tenantId: string): string {
  const [address = "", fragment] = link.split("#", 2);
  const sign = address.includes("?") ? "&" : "?";
  return `${address}${sign}tid=${encodeURIComponent(clean(tenantId))}${fragment === undefined ? "" : `#${fragment}`}`;
}

/** Folder and file name in one, in the notation of the folder; sources sometimes repeat the name in the folder. */
export function fullPath(folder: string | undefined, name: string | undefined): string | undefined {
  if (folder === undefined || name === undefined) return folder;
  const sign = folder.includes("\\") || !folder.includes("/") ? "\\" : "/";
  if (folder === name || folder.endsWith(`${sign}${name}`)) return folder;
  return folder.endsWith(sign) ? `${folder}${name}` : `${folder}${sign}${name}`;
}

/** A valid IPv4 or IPv6 address without its zone (`%eth0`), which only means something on the device. */
export function ipAddress(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  const address = value.trim().replace(/%.*$/s, "");
  return isIP(address) === 0 ? undefined : address;
}

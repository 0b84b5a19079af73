import { createHash } from "node:crypto";
import { formatTicks, TICKS_PER_MS, type Ticks } from "../model/ticks.ts";
import type { PageFault } from "./api-faults.ts";
import type { Collection } from "./collections.ts";
import { hideNewerMembers } from "./graph-alerts.ts";
import type { Version } from "./version.ts";

/** One answer of a list, before it is written. */
export interface ListPage {
  readonly collection: Collection;
  readonly versions: readonly Version[];
  readonly count: number | undefined;
  readonly nextLink: string | undefined;
  /** The link of the page itself. */
  readonly ownLink: string;
  /** The lower bound that was asked for: what a fault adds shall lie in the span. */
  readonly from: Ticks | undefined;
  readonly withEvidence: boolean;
  readonly withNewerMembers: boolean;
}

const COMMA = Buffer.from(",");
const FOREIGN_TENANT = "f0000000-0000-4000-8000-00000000beef";

/** The JSON of a page, piece by piece; each alert in it is the very bytes that the store holds. */
export function writePage(page: ListPage, fault: PageFault | undefined): readonly Buffer[] {
  const { collection } = page;
  const elements = versionsIn(page, fault).map((version) => element(version, page));
  const nextLink = spoiledLink(page, fault) ?? page.nextLink;
  const added = spoiledElements(page, fault);
  const head = [
    `"@odata.context":${JSON.stringify(collection.context)}`,
    ...(page.count === undefined ? [] : [`"@odata.count":${page.count}`]),
    ...(nextLink === undefined ? [] : [`"@odata.nextLink":${JSON.stringify(nextLink)}`]),
    '"value":[',
  ].join();
  const parts: Buffer[] = [Buffer.from(`{${head}`)];
  for (const [index, bytes] of [...added.map((text) => Buffer.from(text)), ...elements].entries()) {
    if (index > 0) parts.push(COMMA);
    parts.push(bytes);
  }
  parts.push(Buffer.from("]}"));
  if (fault?.kind !== "truncated") return parts;
  const body = Buffer.concat(parts);
  return [body.subarray(0, Math.ceil(body.length * 0.7))];
}

function versionsIn({ versions }: ListPage, fault: PageFault | undefined): readonly Version[] {
  if (fault?.kind === "empty-page-with-next") return [];
  // By the digest of the id, so that the same page is in the same disorder each time.
  return fault?.kind === "shuffled" ? versions.toSorted((a, b) => compare(scatter(a), scatter(b))) : versions;
}

function scatter({ alertId }: Version): string {
  return createHash("sha256").update(alertId).digest("hex");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function element(version: Version, page: ListPage): Buffer {
  if (!page.withEvidence && version.evidence !== undefined) {
    const { start, end } = version.evidence;
    return Buffer.concat([version.bytes.subarray(0, start), Buffer.from("[]"), version.bytes.subarray(end)]);
  }
  return page.withNewerMembers ? version.bytes : Buffer.from(hideNewerMembers(version.raw));
}

function spoiledLink(page: ListPage, fault: PageFault | undefined): string | undefined {
  switch (fault?.kind) {
    case "empty-page-with-next":
      return page.nextLink ?? page.ownLink;
    case "foreign-next-link":
      return fault.link ?? `https://attacker.example${page.collection.paths[0]}?$skip=2`;
    case "repeating-next-link":
      return page.ownLink;
    default:
      return undefined;
  }
}

function spoiledElements(page: ListPage, fault: PageFault | undefined): readonly string[] {
  const { created, updated, tenantId, typeName } = page.collection;
  const inSpan = formatTicks((page.from ?? BigInt(Date.now()) * TICKS_PER_MS) + 1n);
  switch (fault?.kind) {
    case "foreign-tenant":
      return [
        JSON.stringify({
          id: "da00000000-foreign_1",
          [tenantId]: FOREIGN_TENANT,
          [created]: inSpan,
          [updated]: inSpan,
          title: "Alert of somebody else",
        }),
      ];
    case "malformed-elements":
      return [
        JSON.stringify(typeName),
        JSON.stringify({ title: "An alert without an id", [updated]: "2026-05-04T05:36:50Z" }),
        JSON.stringify({ id: "da00000000-timeless_1", title: "An alert without a time" }),
        "null",
      ];
    default:
      return [];
  }
}

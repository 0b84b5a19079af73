import { type JsonObject, text } from "../model/alert.ts";
import { formatTicks, parseTicks, type Ticks } from "../model/ticks.ts";
import type { SourceName } from "./collections.ts";
import { COLLECTIONS, type Collection } from "./collections.ts";
import { writeJson } from "./invention.ts";
import type { Facts } from "./odata.ts";

/** One version of one alert that a source has held: a line of the ledger of truth. */
export interface Version {
  readonly tenantId: string;
  readonly source: SourceName;
  readonly alertId: string;
  /** 1 for the first version. */
  readonly revision: number;
  /** The last update as the alert itself says it. */
  readonly updatedText: string;
  /** Where the service's clock puts the update: lists are cut and ordered by it. */
  readonly updated: Ticks;
  readonly created: Ticks;
  /** When the service began to show this version, milliseconds; later than the update where it arrived late. */
  readonly visibleAt: number;
  /** When a newer version took its place; undefined while it stands. */
  supersededAt: number | undefined;
  /** The JSON in UTF-8, exactly as it is served. */
  readonly bytes: Buffer;
  /** The same as text. */
  readonly raw: string;
  /** What filters see. */
  readonly facts: Facts;
  /** Where in `bytes` the evidence begins and ends, for lists that leave it out. */
  readonly evidence: { readonly start: number; readonly end: number } | undefined;
  /** False for what no poller can or may deliver: no alert, without id or time, of another tenant. */
  readonly genuine: boolean;
}

/** What a version is made of. */
export interface VersionDraft {
  readonly tenantId: string;
  readonly source: SourceName;
  readonly revision: number;
  readonly updated: Ticks;
  readonly created: Ticks;
  readonly visibleAt: number;
}

/** A version whose content is an invented alert. `fallbackId` names it when the alert has no id of its own. */
export function versionOf(alert: JsonObject, draft: VersionDraft, fallbackId: string): Version {
  const collection = collectionOf(draft.source);
  // The evidence stands last, so that a list without it can be cut from the same bytes.
  const { evidence, ...head } = alert;
  const bytes = Buffer.from(writeJson(evidence === undefined ? head : { ...head, evidence }));
  const updatedText = text(alert[collection.updated]) ?? text(alert[collection.created]);
  const updated = parseTicks(updatedText) ?? draft.updated;
  const isOwn = alert[collection.tenantId] === draft.tenantId;
  return create(
    bytes,
    { ...draft, updated },
    {
      alertId: text(alert["id"]) ?? fallbackId,
      updatedText: updatedText ?? formatTicks(updated),
      facts: {
        ...factsOf(alert, collection),
        [collection.updated]: updated,
        [collection.created]: draft.created,
      },
      evidence: draft.source === "mde_alerts" && evidence !== undefined ? evidenceSpan(bytes) : undefined,
      genuine: text(alert["id"]) !== undefined && updatedText !== undefined && isOwn,
    },
  );
}

/** A version whose content is any text at all. */
export function plantedVersion(raw: string, draft: VersionDraft, alertId: string): Version {
  const { updated } = collectionOf(draft.source);
  return create(Buffer.from(raw), draft, {
    alertId,
    updatedText: formatTicks(draft.updated),
    facts: { [updated]: draft.updated },
    evidence: undefined,
    genuine: false,
  });
}

type Reading = Pick<Version, "alertId" | "updatedText" | "facts" | "evidence" | "genuine">;

function create(bytes: Buffer, draft: VersionDraft, reading: Reading): Version {
  return {
    ...draft,
    ...reading,
    bytes,
    supersededAt: undefined,
    get raw() {
      return bytes.toString("utf8");
    },
  };
}

function collectionOf(source: SourceName): Collection {
  const collection = COLLECTIONS.find((candidate) => candidate.source === source);
  if (collection === undefined) throw new Error(`There is no list of ${source}.`);
  return collection;
}

function factsOf(alert: JsonObject, { schema }: Collection): Facts {
  const facts: Record<string, Facts[string]> = {};
  for (const [property, type] of Object.entries(schema)) {
    const value = alert[property];
    if (type === "instant") facts[property] = parseTicks(value) ?? null;
    else facts[property] = typeof value === "string" || typeof value === "number" ? value : null;
  }
  return facts;
}

function evidenceSpan(bytes: Buffer): Version["evidence"] {
  const key = '"evidence":';
  return { start: bytes.lastIndexOf(key) + key.length, end: bytes.length - 1 };
}

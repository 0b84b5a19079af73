import { isObject } from "../model/alert.ts";
import type { HecReceiver, ReceivedEvent } from "./hec-receiver.ts";
import { sameJsonValue } from "./json-text.ts";
import type { Ledger } from "./ledger.ts";
import type { Version } from "./version.ts";

/** The truth of the sources against what one receiver has got. */
export interface Balance {
  /** Versions that the sources have held; what was held only to be refused does not count. */
  readonly held: number;
  /** Those of them that no source shows yet, because they arrive late. */
  readonly awaited: number;
  /** Those of them that a poller can have seen, and so has to deliver. */
  readonly owed: number;
  /** Owed versions that arrived at least once. */
  readonly delivered: number;
  readonly missing: readonly Version[];
  /** Arrivals beyond the first of a version, replays not counted. */
  readonly duplicates: number;
  /** Arrivals that say of themselves that they are replays. */
  readonly replayed: number;
  /** Arrivals that are no version of any alert held, or one that may not be delivered. */
  readonly alien: number;
  /** Arrivals whose event differs from the source's JSON by value. */
  readonly altered: number;
  /** Arrivals whose fields name another tenant than the alert's own. */
  readonly crossed: number;
}

export interface BalanceOptions {
  /** Whose alerts count; default all. */
  readonly of?: (version: Version) => boolean;
  /** Versions that became visible within this time are not owed yet. */
  readonly graceMs?: number;
}

/** Watches one receiver and knows which version each arrival is. */
export interface Tally {
  balance(options?: BalanceOptions): Balance;
  /** How often a version has arrived. */
  arrivals(version: Version): number;
  /** The first of the arrivals that no version stands for. */
  readonly aliens: readonly ReceivedEvent[];
  /** The first of the arrivals that differ from their version. */
  readonly alterations: readonly { readonly version: Version; readonly event: ReceivedEvent }[];
  stop(): void;
}

const KEPT_EXAMPLES = 100;

export function createTally(receiver: HecReceiver, ledger: Ledger): Tally {
  const arrived = new Map<Version, number>();
  const repeated = new Map<Version, number>();
  const strangers: ReceivedEvent[] = [];
  const alterations: { version: Version; event: ReceivedEvent }[] = [];
  const totals = { replayed: 0, alien: 0, altered: 0, crossed: 0 };

  const countAlien = (event: ReceivedEvent): void => {
    totals.alien++;
    if (strangers.length < KEPT_EXAMPLES) strangers.push(event);
  };
  const countAltered = (version: Version, event: ReceivedEvent): void => {
    totals.altered++;
    if (alterations.length < KEPT_EXAMPLES) alterations.push({ version, event });
  };
  const countArrival = (version: Version, event: ReceivedEvent): void => {
    const before = arrived.get(version) ?? 0;
    arrived.set(version, before + 1);
    if (String(event.fields["replay"]) === "true") totals.replayed++;
    else if (before > 0) repeated.set(version, (repeated.get(version) ?? 0) + 1);
  };
  const stop = receiver.onEvent((event) => {
    const version = identify(event, ledger);
    if (version?.genuine !== true) return countAlien(event);
    if (!sameJsonValue(event.bytes, version.bytes)) countAltered(version, event);
    if (namesOtherTenant(event, version)) totals.crossed++;
    countArrival(version, event);
  });

  return {
    balance: ({ of = () => true, graceMs = 0 } = {}) => {
      const held = ledger.versions.filter((version) => version.genuine && of(version));
      const owed = held.filter((version) => ledger.isOwed(version, graceMs));
      const missing = owed.filter((version) => !arrived.has(version));
      let duplicates = 0;
      for (const [version, times] of repeated) if (of(version)) duplicates += times;
      return {
        held: held.length,
        awaited: held.filter(ledger.isAwaited).length,
        owed: owed.length,
        delivered: owed.length - missing.length,
        missing,
        duplicates,
        ...totals,
      };
    },
    arrivals: (version) => arrived.get(version) ?? 0,
    aliens: strangers,
    alterations,
    stop,
  };
}

function namesOtherTenant({ fields }: ReceivedEvent, { tenantId }: Version): boolean {
  const named = fields["tenant_id"];
  return typeof named === "string" && named.toLowerCase() !== tenantId.toLowerCase();
}

/** The version an event is. Most are found by their bytes alone; only what was changed on the way is parsed. */
function identify(event: ReceivedEvent, ledger: Ledger): Version | undefined {
  const id = /"id":"([^"\\]+)"/.exec(event.bytes.toString("latin1", 0, 400))?.[1];
  const same =
    id === undefined ? undefined : ledger.byAlert(id).find((version) => version.bytes.equals(event.bytes));
  if (same !== undefined) return same;
  const alert = parse(event.bytes.toString());
  if (!isObject(alert)) return undefined;
  const tenantId = alert["tenantId"] ?? alert["aadTenantId"];
  const updatedText = alert["lastUpdateDateTime"] ?? alert["lastUpdateTime"];
  return ledger
    .byAlert(String(alert["id"]))
    .find((version) => version.tenantId === tenantId && version.updatedText === updatedText);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

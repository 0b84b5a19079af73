import type { LedgerRow } from "../../src/queue/ledger.ts";
import type { Version } from "../../src/simulate/version.ts";
import type { Outcome } from "./cell.ts";
import type { Stage } from "./stage.ts";

/** What a cell promises beyond what every cell does. */
export interface Promises {
  readonly mayRepeat: boolean;
  /** Redis forgot what it had said, so a version may get another number when it is queued again. */
  readonly mayRenumber?: boolean;
  readonly ledger: readonly LedgerRow[];
}

/** One arrival at the receiver, with what its envelope says of it. */
interface Arrival {
  readonly tenant: string;
  /** Names the version of the alert. */
  readonly version: string;
  readonly eventId: string;
  readonly seq: number;
  readonly atMs: number;
}

/** Holds what arrived against what the simulated source has shown. */
export function judge(stage: Stage, promises: Promises): Omit<Outcome, "log"> {
  const balance = stage.world.balance({ of: (version) => !stage.refused.has(version) });
  const arrivals = readArrivals(stage);
  const { mayRepeat } = promises;
  const allowed = mayRepeat ? stage.inFlight : 0;
  const { altered, alien, crossed, duplicates, missing } = balance;
  const broken = [
    ...(missing.length > 0
      ? [`${missing.length} of ${balance.held} alerts were lost: ${named(missing)}`]
      : []),
    ...(altered > 0 ? [`${altered} alerts were altered`] : []),
    ...(alien > 0 ? [`${alien} arrivals are no alert of the source`] : []),
    ...(crossed > 0 ? [`${crossed} alerts came under another tenant`] : []),
    ...(duplicates > allowed
      ? [`${duplicates} duplicates, where ${mayRepeat ? `${allowed} were in flight` : "none may be"}`]
      : []),
    ...flawsOfIds(arrivals),
    ...(promises.mayRenumber === true ? [] : flawsOfRepeatedNumbers(arrivals)),
    ...stage.world.tenants.flatMap(({ id }) => flawsOfNumbers(id, arrivals, promises)),
    ...flawsOfDeadLetters(stage, promises),
  ];
  return {
    held: balance.held,
    lost: missing.length,
    duplicates,
    inFlight: allowed,
    recoveryMs: recoveryMs(stage),
    broken,
  };
}

function readArrivals(stage: Stage): readonly Arrival[] {
  return stage.world.hec.events.map(({ fields, bytes, receivedAt }) => {
    const alert = JSON.parse(bytes.toString()) as {
      readonly id: string;
      readonly lastUpdateDateTime: string;
    };
    return {
      tenant: String(fields["tenant"]),
      version: `${fields["tenant"]} ${alert.id} ${alert.lastUpdateDateTime}`,
      eventId: String(fields["event_id"]),
      seq: Number(fields["seq"]),
      atMs: receivedAt,
    };
  });
}

/** An equal version has an equal id, and no other version has it. */
function flawsOfIds(arrivals: readonly Arrival[]): readonly string[] {
  const ids = collect(
    arrivals,
    ({ version }) => version,
    ({ eventId }) => eventId,
  );
  const versions = collect(
    arrivals,
    ({ eventId }) => eventId,
    ({ version }) => version,
  );
  return [
    ...(several(ids) > 0 ? [`${several(ids)} versions came under more than one event id`] : []),
    ...(several(versions) > 0 ? [`${several(versions)} event ids stand for more than one version`] : []),
  ];
}

/** A version that comes again has its number still, and no other version of the tenant has that. */
function flawsOfRepeatedNumbers(arrivals: readonly Arrival[]): readonly string[] {
  const numbers = collect(
    arrivals,
    ({ version }) => version,
    ({ seq }) => String(seq),
  );
  const owners = collect(
    arrivals,
    ({ tenant, seq }) => `${tenant} ${seq}`,
    ({ version }) => version,
  );
  return [
    ...(several(numbers) > 0 ? [`${several(numbers)} versions came under more than one number`] : []),
    ...(several(owners) > 0 ? [`${several(owners)} numbers were given to more than one version`] : []),
  ];
}

/** The numbers of a tenant are 1 to as many as were queued, without a hole but for what was refused. */
function flawsOfNumbers(
  tenant: string,
  arrivals: readonly Arrival[],
  { ledger }: Promises,
): readonly string[] {
  const row = ledger.find((each) => each.tenant === tenant && each.sink === "splunk");
  if (row === undefined) return [`the ledger does not know ${tenant}`];
  const dead = deadIn(row);
  const numbers = new Set(arrivals.filter((arrival) => arrival.tenant === tenant).map(({ seq }) => seq));
  const highest = Math.max(0, ...numbers);
  const isWhole = numbers.size === row.delivered && highest <= row.enqueued && row.waiting === 0;
  return isWhole && row.enqueued === row.delivered + dead
    ? []
    : [
        `${tenant} has ${numbers.size} numbers up to ${highest}, and a ledger of ${row.enqueued} queued = ` +
          `${row.delivered} delivered + ${dead} dead letters + ${row.waiting} waiting`,
      ];
}

/** Only what the receiver refused for good, alone, is a dead letter. */
function flawsOfDeadLetters({ refused }: Stage, { ledger }: Promises): readonly string[] {
  const dead = ledger.reduce((sum, row) => sum + deadIn(row), 0);
  return dead === refused.size ? [] : [`${dead} dead letters, where ${refused.size} alerts were refused`];
}

function deadIn({ dead }: LedgerRow): number {
  return Object.values(dead).reduce((sum, count) => sum + count, 0);
}

/** The longest wait, over all marks, for the last of what waited then. */
function recoveryMs({ marks, world }: Stage): number | undefined {
  const first = new Map<string, number>();
  for (const { fields, receivedAt, bytes } of world.hec.events) {
    const { lastUpdateDateTime } = JSON.parse(bytes.toString()) as { readonly lastUpdateDateTime: string };
    const key = `${fields["alert_id"]} ${lastUpdateDateTime}`;
    if (!first.has(key)) first.set(key, receivedAt);
  }
  const waits = marks.flatMap(({ atMs, waiting }) =>
    waiting.map(({ alertId, updatedText }) => (first.get(`${alertId} ${updatedText}`) ?? Date.now()) - atMs),
  );
  return waits.length === 0 ? undefined : Math.max(...waits);
}

function collect(
  arrivals: readonly Arrival[],
  keyOf: (arrival: Arrival) => string,
  nameOf: (arrival: Arrival) => string,
): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  for (const arrival of arrivals) {
    const known = found.get(keyOf(arrival));
    if (known === undefined) found.set(keyOf(arrival), new Set([nameOf(arrival)]));
    else known.add(nameOf(arrival));
  }
  return found;
}

function several(found: ReadonlyMap<string, ReadonlySet<string>>): number {
  return [...found.values()].filter((values) => values.size > 1).length;
}

function named(versions: readonly Version[]): string {
  const first = versions.slice(0, 3).map(({ alertId, updatedText }) => `${alertId} ${updatedText}`);
  return `${first.join(", ")}${versions.length > first.length ? " …" : ""}`;
}

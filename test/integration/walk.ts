import type { Batch, Numbers } from "../../src/model/batch.ts";
import { envelopes } from "../../src/model/batch.ts";
import type { DeadLetter } from "../../src/model/dead-letter.ts";
import { readingLetter } from "../../src/model/dead-letter.ts";
import type { LedgerRow } from "../../src/queue/ledger.ts";
import { randomFrom } from "../../src/simulate/random.ts";
import { aBatch, anAlert, CONTOSO } from "../support/alerts.ts";
import { AGAIN, FENCE, isSealed, KEYS, NEW, PLACE, type StoreBench } from "./bench.ts";

const SINKS = ["splunk", "archive"] as const;
const TENANTS = [CONTOSO, { ...CONTOSO, id: "fabrikam" }] as const;
/** Small enough to be reached. */
const BOUND_BYTES = 12_000;

/** What waits, and how far the numbers go, for one tenant and sink. */
interface Sums {
  readonly waiting: number;
  readonly bytes: number;
  readonly seq: number;
}

/** Random steps of everything that moves the ledger. */
export interface Walk {
  /** Takes one step. @returns what it was. */
  step(): Promise<string>;
  /** How often each step was taken. */
  steps(): Readonly<Record<string, number>>;
  rows(): Promise<readonly LedgerRow[]>;
  /** As the ledger says. */
  told(): Promise<Readonly<Record<string, Sums>>>;
  /** As the batches themselves say, and the numbers that were ever given. */
  counted(): Promise<Readonly<Record<string, Sums>>>;
}

/** Begins a walk in an empty store. The same seed takes the same steps. */
export function startWalk({ store, server }: StoreBench, seed: string): Walk {
  const random = randomFrom("walk", seed);
  const taken: Record<string, number> = {};
  const waiting = new Map<string, Batch>();
  /** Every number that was given for the first time, per tenant and sink. */
  const given = new Map<string, Set<number>>();
  let names = 0;
  let nowMs = 1000;

  const someAlerts = () =>
    Array.from({ length: random.whole(1, 5) }, (_, index) =>
      anAlert({ id: `da${random.whole(0, 30)}_${index}`, version: String(random.whole(1, 4)) }),
    );

  async function seal(again: boolean): Promise<void> {
    const of = someAlerts();
    const [tenant, sink] = [random.pick(TENANTS), random.pick(SINKS)];
    const batch = { ...aBatch(of, sink, tenant), id: `b-${names++}` };
    const how = { ...(again ? AGAIN : NEW), maxBacklogBytes: BOUND_BYTES };
    const before = await store.backlogBytes(sink);
    if (!isSealed(await store.seal(FENCE, batch, of, how))) return;
    const after = await store.backlogBytes(sink);
    if (before > 0 && after > BOUND_BYTES)
      throw new Error(`${after} bytes wait for ${sink}, above the bound.`);
    waiting.set(batch.id, batch);
    await note(batch.id);
  }

  async function note(id: string): Promise<void> {
    const loaded = await store.loadBatch(id);
    if (loaded === undefined) throw new Error("What was sealed is not there.");
    const name = `${loaded.batch.tenant.id} ${loaded.batch.sink}`;
    const known = given.get(name) ?? new Set();
    for (const seq of loaded.numbers.seqs) known.add(seq);
    given.set(name, known);
  }

  async function settle(): Promise<void> {
    const ids = [...waiting.keys()];
    const batch = waiting.get(ids[random.whole(0, ids.length - 1)] ?? "");
    if (batch === undefined) return;
    const loaded = await store.loadBatch(batch.id);
    if (loaded === undefined) throw new Error("What waits is not there.");
    const dead = lettersOf(loaded, nowMs).filter(() => random.chance(0.2));
    await store.settle(batch, { delivered: batch.alerts.length - dead.length, dead, attempts: 1 }, nowMs);
    waiting.delete(batch.id);
  }

  async function retry(): Promise<void> {
    const letters = (await store.deadLetters()).filter(() => random.chance(0.5));
    const { batches } = await store.retryDeadLetters(
      letters.map(({ id }) => id),
      nowMs,
    );
    for (const { id } of batches) {
      const loaded = await store.loadBatch(id);
      if (loaded === undefined) throw new Error("What was retried is not there.");
      waiting.set(id, loaded.batch);
      await note(id);
    }
  }

  async function discard(): Promise<void> {
    const letters = (await store.deadLetters()).filter(() => random.chance(0.2));
    await store.discardDeadLetters(letters.map(({ id }) => id));
  }

  async function setAside(): Promise<void> {
    const record = { reason: "missing-id", id: `r${random.whole(0, 20)}`, raw: "{}" } as const;
    await store.setAside(FENCE, "contoso", [readingLetter(PLACE, record, record.reason, "words", nowMs)]);
  }

  const STEPS = {
    seal: () => seal(false),
    sealAgain: () => seal(true),
    settle,
    settleTwice: async () => {
      for (const batch of waiting.values()) {
        await store.settle(batch, { delivered: batch.alerts.length, dead: [], attempts: 1 }, nowMs);
        await store.settle(batch, { delivered: batch.alerts.length, dead: [], attempts: 1 }, nowMs);
        waiting.delete(batch.id);
        return;
      }
    },
    retry,
    discard,
    trim: async () => void (await store.trimDeadLetters(10, nowMs - 40)),
    setAside,
    recount: async () => void (await store.recount(random.pick(SINKS))),
  };
  const DICE = [
    ...["seal", "seal", "seal", "seal", "sealAgain", "settle", "settle", "settle"],
    ...["settleTwice", "retry", "discard", "trim", "setAside", "recount"],
  ] as [keyof typeof STEPS, ...(keyof typeof STEPS)[]];

  return {
    async step() {
      const what = random.pick(DICE);
      nowMs += 1;
      await STEPS[what]();
      taken[what] = (taken[what] ?? 0) + 1;
      return what;
    },
    steps: () => taken,
    rows: async () => (await Promise.all([...SINKS, "none"].map((sink) => store.ledger(sink)))).flat(),
    async told() {
      const rows = (await Promise.all(SINKS.map((sink) => store.ledger(sink)))).flat();
      const perRow = rows.map(
        ({ tenant, sink, ...row }) =>
          [`${tenant} ${sink}`, { waiting: row.waiting, bytes: row.bytes, seq: row.seq }] as const,
      );
      return Object.fromEntries(perRow);
    },
    async counted() {
      const sums: Record<string, { waiting: number; bytes: number; seq: number }> = {};
      for (const [name, seqs] of given) sums[name] = { waiting: 0, bytes: 0, seq: lastWithoutHole(seqs) };
      for (const sink of SINKS) {
        let all = 0;
        for (const id of await server.client.zrange(KEYS.waiting(sink), 0, "-1")) {
          const { head = "{}", bytes = "0" } = await server.client.hgetall(KEYS.batch(id));
          const { tenant, count } = JSON.parse(head) as Batch & { readonly count: number };
          const sum = sums[`${tenant.id} ${sink}`];
          if (sum === undefined) throw new Error(`Batch ${id} waits, and nobody sealed it.`);
          sum.waiting += count;
          sum.bytes += Number(bytes);
          all += Number(bytes);
        }
        if (all !== (await store.backlogBytes(sink)))
          throw new Error(`The backlog of ${sink} is not ${all}.`);
      }
      return sums;
    },
  };
}

/** The last of the numbers from 1 on; -1 where one is missing. */
function lastWithoutHole(seqs: ReadonlySet<number>): number {
  return Math.max(...seqs) === seqs.size ? seqs.size : -1;
}

function lettersOf({ batch, numbers }: { batch: Batch; numbers: Numbers }, nowMs: number): DeadLetter[] {
  return envelopes(batch, numbers).map((envelope, index) => ({
    ...readingLetter(PLACE, anAlert(), "rejected", "words", nowMs),
    id: `d-${batch.sink}-${envelope.eventId}`,
    tenant: batch.tenant.id,
    sink: batch.sink,
    alertId: envelope.alertId,
    eventId: envelope.eventId,
    sent: {
      tenant: batch.tenant,
      window: batch.window,
      version: batch.alerts[index]?.version ?? "",
      seq: envelope.seq,
      revision: envelope.revision,
      updatedMs: envelope.updatedMs,
      device: envelope.device,
    },
  }));
}

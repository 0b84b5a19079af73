import type { Alert } from "../../../src/model/alert.ts";
import { SourceError } from "../../../src/model/failure.ts";
import { type Ticks, ticksFromMs } from "../../../src/model/ticks.ts";
import type { PollSettings, Span } from "../../../src/model/window.ts";
import type { ReaderParts } from "../../../src/pipeline/forward.ts";
import { readLive, readLong } from "../../../src/pipeline/reader.ts";
import type { Place, Route } from "../../../src/pipeline/routes.ts";
import type { SealedBatch, Store } from "../../../src/queue/ports.ts";
import { type Random, randomFrom } from "../../../src/simulate/random.ts";
import { readSlices } from "../../../src/sources/slices.ts";
import type { Source } from "../../../src/sources/source.ts";
import { CONTOSO } from "../../support/alerts.ts";
import { createMemorySource, type MemorySource, type Version } from "../../support/memory-source.ts";
import { createMemoryStore } from "../../support/memory-store.ts";

const SOURCE = "graph_alerts";
const FENCE = { lockKey: "lock", token: "mine" };
const BEGIN_MS = Date.UTC(2026, 4, 4, 5, 36, 51);
const TICKS_PER_MS = 10_000n;
/** What a batch takes in these stores. */
const BATCH_BYTES = 100;
const ALERT_BYTES = 10;
/** A clock of a source may be ahead of ours. */
const AHEAD_MS = 1500;
/** By then every history is at rest. */
const MOST_QUIET_ROUNDS = 300;
/** Changes at the source while a step lasts. */
const MOST_STIRS = 4;
const SIGNAL = new AbortController().signal;

/** The process that reads has died. */
class Crash extends Error {
  override readonly name = "Crash";
}

/** A live round as its own clock and the source's history tell it, and as far as it came. */
export interface Attempt {
  /** What it owes by the settings alone; `to` is where its last committed slice ended. */
  readonly from: Ticks;
  to: Ticks;
  readonly begin: number;
  end: number;
  /** The step of the history that it was. */
  readonly step: number;
  /** Where the initial lookback began, for the first round that committed something. */
  lookback: Ticks | undefined;
  /** Sinks for which too much waited. */
  readonly refused: Set<string>;
  lastSlice: Ticks | undefined;
}

/** At the end of a step no window was open for a sink. */
interface Quiet {
  readonly step: number;
  readonly moment: number;
}

/** An alert that a sink was given, in the order in which it was. */
export interface Given {
  readonly id: string;
  readonly version: string;
  readonly batch: string;
  readonly seq: number;
  readonly revision: number;
}

/** All that happened, for the verdict. */
export interface History {
  readonly poll: PollSettings;
  readonly routes: readonly Route[];
  readonly source: MemorySource;
  readonly attempts: readonly Attempt[];
  /** When the first round began, whether or not it came to anything. */
  readonly firstMoment: number;
  /** Per sink, when no window was open for it. */
  readonly quiet: ReadonlyMap<string, readonly Quiet[]>;
  readonly given: ReadonlyMap<string, readonly Given[]>;
  /** What was done, in words and ticks, for whoever looks for a mistake. */
  readonly steps: readonly (readonly (string | Ticks)[])[];
  readonly isAtRest: boolean;
}

interface Lane {
  readonly route: Route;
  readonly queue: Set<string>;
  readonly given: Given[];
  readonly quiet: Quiet[];
  isDown: boolean;
}

/** Lives one history through; the same seed gives the same one. */
export async function live(seed: string | number): Promise<History> {
  const life = new Life(randomFrom("history", seed));
  return await life.through();
}

/**
 * A tenant's source, the store, the sinks and the process that reads, for as long as one history lasts: *busy* while
 * alerts come, sinks fill and processes die, then *quiet* until nothing is left to do.
 */
class Life {
  readonly #random: Random;
  readonly #poll: PollSettings;
  readonly #isConcurrent: boolean;
  readonly #lanes: readonly Lane[];
  readonly #source: MemorySource;
  readonly #store: Store;
  readonly #parts: ReaderParts;
  readonly #attempts: Attempt[] = [];
  readonly #windowJobs = new Set<string>();
  readonly #steps: (readonly (string | Ticks)[])[] = [];
  #worldMs = BEGIN_MS;
  #clockMs = BEGIN_MS;
  #names = 0;
  #step = 0;
  #stirs = 0;
  #cursor: Ticks | undefined;
  #since: Ticks | undefined;
  /** What the first round chose that came so far. */
  #begun: { readonly since: Ticks; readonly from: Ticks } | undefined;
  #attempt: Attempt | undefined;
  #firstMoment: number | undefined;
  /** Steps of the process until it dies, and requests until one fails. */
  #diesIn = Number.POSITIVE_INFINITY;
  #failsIn = Number.POSITIVE_INFINITY;
  #isDead = false;
  #isQuiet = false;

  constructor(random: Random) {
    this.#random = random;
    this.#source = createMemorySource(random);
    this.#isConcurrent = random.chance(0.3);
    this.#poll = {
      interval: 1000,
      pageSize: random.pick([1, 2, 3, 5, 8, 13, 20]),
      overlap: random.pick([0, 1, 500, 3000, 10_000]),
      settle: random.pick([0, 0, 200, 1000]),
      initialLookback: random.pick([0, 1, 1000, 8000, 30_000]),
    };
    this.#lanes = Array.from({ length: random.pick([1, 1, 2, 2, 3]) }, (_, index) => ({
      route: aRoute(`sink-${index}`, random),
      queue: new Set(),
      given: [],
      quiet: [],
      isDown: false,
    }));
    this.#store = this.#watched(
      createMemoryStore({
        sizeOf: ({ alerts }) => BATCH_BYTES + alerts.length * ALERT_BYTES,
        onStep: (name, when) => this.#onStep(name, when),
      }),
    );
    this.#parts = {
      store: this.#store,
      outbox: { enqueue: (batches) => this.#enqueue(batches) },
      windows: {
        addWindows: async (windows) => {
          await this.#onStep("addWindows", "before");
          for (const { id } of windows) this.#windowJobs.add(id);
        },
      },
      nowMs: () => this.#clockMs,
      onFresh: () => undefined,
    };
  }

  async through(): Promise<History> {
    for (let count = this.#random.whole(0, 8); count > 0; count--) this.#appear(this.#longAgo());
    for (let count = this.#random.whole(2, 6); count > 0; count--) await this.#busyStep();
    const isAtRest = await this.#comeToRest();
    return {
      poll: this.#poll,
      routes: this.#lanes.map(({ route }) => route),
      source: this.#source,
      attempts: this.#attempts,
      firstMoment: this.#firstMoment ?? 0,
      quiet: new Map(this.#lanes.map(({ route, quiet }) => [route.sink, quiet])),
      given: new Map(this.#lanes.map(({ route, given }) => [route.sink, given])),
      steps: this.#steps,
      isAtRest,
    };
  }

  async #busyStep(): Promise<void> {
    const random = this.#random;
    this.#stirs = MOST_STIRS;
    this.#pass(random.pick([1, 100, 1000, 1000, 3000]));
    for (let count = random.whole(0, 3); count > 0; count--) this.#stir();
    for (const lane of this.#lanes) if (random.chance(0.25)) lane.isDown = !lane.isDown;
    this.#clockMs = this.#worldMs - (random.chance(0.15) ? random.whole(0, 1200) : 0);
    if (random.chance(0.2)) this.#failsIn = random.whole(1, 6);
    if (random.chance(0.25)) this.#diesIn = random.whole(1, 30);
    if (this.#isConcurrent) {
      await Promise.all([this.#round(), this.#turns(0.8), this.#deliver(0.5)]);
    } else {
      await this.#round();
      await this.#turns(0.6);
      await this.#deliver(0.7);
    }
    this.#revive();
    await this.#noteQuiet();
  }

  /** Everything works from now on, and only time goes by. */
  async #comeToRest(): Promise<boolean> {
    this.#say("quiet");
    this.#isQuiet = true;
    for (const lane of this.#lanes) lane.isDown = false;
    for (let round = 0; round < MOST_QUIET_ROUNDS; round++) {
      this.#pass(1000 + AHEAD_MS);
      this.#clockMs = this.#worldMs;
      await this.#round();
      await this.#deliver(1);
      for (const { id } of await this.#store.openWindows()) this.#windowJobs.add(id);
      await this.#turns(1);
      await this.#deliver(1);
      await this.#noteQuiet();
      if (round >= 1 && (await this.#store.openWindows()).length === 0) return true;
    }
    return false;
  }

  async #round(): Promise<void> {
    const attempt = this.#newAttempt();
    this.#attempt = attempt;
    this.#firstMoment ??= attempt.begin;
    this.#say("round at", ticksFromMs(this.#clockMs), "owes from", attempt.from);
    const place = this.#placeFor((to) => {
      attempt.lastSlice = to;
    });
    await this.#run("round", () => readLive(place, this.#parts, FENCE, SIGNAL));
    attempt.end = this.#source.moment();
    if (attempt.to > attempt.from) this.#attempts.push(attempt);
    this.#attempt = undefined;
  }

  #newAttempt(): Attempt {
    const { overlap, settle, initialLookback } = this.#poll;
    const now = ticksFromMs(this.#clockMs) - BigInt(settle) * TICKS_PER_MS;
    const begin = this.#source.moment();
    const rest = {
      begin,
      end: begin,
      step: this.#step,
      lookback: undefined,
      refused: new Set<string>(),
      lastSlice: undefined,
    };
    if (this.#cursor !== undefined && this.#since !== undefined) {
      const from = later(this.#since, this.#cursor - BigInt(overlap) * TICKS_PER_MS);
      return { ...rest, from, to: from };
    }
    const since = now - BigInt(Math.max(1, initialLookback)) * TICKS_PER_MS;
    const from = later(since, now - BigInt(Math.max(1, overlap)) * TICKS_PER_MS);
    const begun = this.#begun ?? { since, from };
    return { ...rest, lookback: begun.since, from: begun.from, to: begun.from };
  }

  /** @param share of the windows that get a turn. */
  async #turns(share: number): Promise<void> {
    if (this.#random.chance(0.3)) {
      for (const { id } of await this.#store.openWindows()) this.#windowJobs.add(id);
    }
    for (const id of [...this.#windowJobs]) {
      if (!this.#random.chance(share)) continue;
      const state = await this.#run(id, async () => {
        const turn = await readLong(id, this.#placeFor(), this.#parts, FENCE, SIGNAL);
        return turn.state;
      });
      if (state === "done" || state === "gone") this.#windowJobs.delete(id);
    }
  }

  /** Runs work of the process that reads, which may die or fail in the middle of it. */
  async #run<T>(name: string, work: () => Promise<T>): Promise<T | undefined> {
    if (this.#isDead) return undefined;
    try {
      const result = await work();
      this.#say(name, typeof result === "string" ? result : "completed");
      return result;
    } catch (cause) {
      if (!(cause instanceof Crash || cause instanceof SourceError)) throw cause;
      this.#say(name, cause.message);
      return undefined;
    }
  }

  /** @param share of what waits for the sinks that work. */
  async #deliver(share: number): Promise<void> {
    for (const { queue, given, isDown } of this.#lanes) {
      for (const id of [...queue]) {
        if (isDown || !this.#random.chance(share)) continue;
        queue.delete(id);
        const loaded = await this.#store.loadBatch(id);
        if (loaded === undefined) continue;
        const { alerts } = loaded.batch;
        for (const [index, { alertId, version }] of alerts.entries()) {
          const [seq = 0, revision = 0] = [loaded.numbers.seqs[index], loaded.numbers.revisions[index]];
          given.push({ id: alertId, version, batch: id, seq, revision });
        }
        await this.#store.settle(
          loaded.batch,
          { delivered: alerts.length, dead: [], attempts: 1 },
          this.#clockMs,
        );
      }
    }
  }

  async #enqueue(batches: readonly SealedBatch[]): Promise<void> {
    await this.#onStep("enqueue", "before");
    for (const { id, sink } of batches) {
      this.#lanes.find(({ route }) => route.sink === sink)?.queue.add(id);
    }
    await this.#onStep("enqueue", "after");
  }

  /** The store as the process that reads sees it; lanes go on while it is dead. */
  #watched(store: Store): Store {
    return {
      ...store,
      seal: async (fence, batch, alerts, how) => {
        const reply = await store.seal(fence, batch, alerts, how);
        if (reply === "full" && batch.window.kind === "live") this.#attempt?.refused.add(batch.sink);
        return reply;
      },
    };
  }

  async #onStep(name: string, when: "before" | "after"): Promise<void> {
    await this.#hop();
    if (name === "settle" || this.#isQuiet) return this.#note(name, when);
    if (this.#isDead) throw new Crash("dead");
    this.#note(name, when);
    this.#diesIn -= 1;
    if (this.#diesIn > 0) return;
    this.#isDead = true;
    throw new Crash(`dies ${when} ${name}`);
  }

  /** What has happened stands, whatever comes next: a beginning, and a slice that is behind us. */
  #note(name: string, when: "before" | "after"): void {
    const attempt = this.#attempt;
    if (when === "before" || attempt === undefined) return;
    if (name === "begin") this.#begun ??= { since: attempt.lookback ?? attempt.from, from: attempt.from };
    if (name !== "commit" || attempt.lastSlice === undefined) return;
    attempt.to = attempt.lastSlice;
    if (this.#cursor === undefined || attempt.to > this.#cursor) this.#cursor = attempt.to;
    this.#since ??= attempt.lookback;
  }

  #revive(): void {
    this.#isDead = false;
    this.#diesIn = Number.POSITIVE_INFINITY;
    this.#failsIn = Number.POSITIVE_INFINITY;
  }

  async #onRequest(isFirst: boolean): Promise<void> {
    await this.#hop();
    if (this.#isQuiet) return;
    this.#failsIn -= 1;
    if (this.#failsIn === 0)
      throw new SourceError("transient", "fails", { status: isFirst ? this.#random.pick([500, 503]) : 503 });
    if (this.#stirs === 0 || !this.#random.chance(0.1)) return;
    this.#stirs -= 1;
    this.#stir();
  }

  /** Lets others go on in between, where several work at the same time. */
  async #hop(): Promise<void> {
    if (!this.#isConcurrent) return;
    for (let count = this.#random.whole(0, 6); count > 0; count--) await undefined;
  }

  async #noteQuiet(): Promise<void> {
    const open = await this.#store.openWindows();
    const now = { step: this.#step, moment: this.#source.moment() };
    for (const { route, quiet } of this.#lanes) {
      if (!open.some(({ sinks }) => sinks.includes(route.sink))) quiet.push(now);
    }
    this.#step += 1;
  }

  #placeFor(onSlice: (to: Ticks) => void = () => undefined): Place {
    const list = this.#source.list(this.#poll.pageSize, (isFirst) => this.#onRequest(isFirst));
    async function* read(span: Span, signal: AbortSignal) {
      for await (const slice of readSlices(list, span, signal)) {
        onSlice(slice.to);
        yield slice;
      }
    }
    const reader: Source = { read, probe: async () => 0 };
    const routes = this.#lanes.map(({ route }) => route);
    return { tenant: CONTOSO, source: SOURCE, reader, poll: this.#poll, routes };
  }

  /** Something happens at the source. */
  #stir(): void {
    const random = this.#random;
    const shown = this.#source.shown();
    const old = shown[random.whole(0, shown.length - 1)];
    const what = old === undefined ? 0 : random.next();
    if (old === undefined || what < 0.45) this.#appear(this.#someTicks());
    else if (what < 0.9) this.#update(old);
    else if (what < 0.97) this.#incident();
    else this.#source.remove(old.id);
  }

  #update({ id, ticks: old }: Version): void {
    const ticks = this.#someTicks();
    this.#show(id, ticks > old ? ticks : later(old + 1n, this.#now()));
  }

  /** Many alerts change in one tick. */
  #incident(): void {
    const ticks = this.#now();
    for (const { id, ticks: old } of this.#source.shown()) {
      if (old < ticks && this.#random.chance(0.6)) this.#show(id, ticks);
    }
  }

  #appear(ticks: Ticks): void {
    this.#show(`a${this.#names++}`, ticks);
  }

  #show(id: string, ticks: Ticks): void {
    this.#source.show(id, ticks);
    this.#say(id, "shows", ticks);
  }

  /** The time of a change: now, late, on an edge, or that of another. */
  #someTicks(): Ticks {
    const random = this.#random;
    const chance = random.next();
    const overlap = BigInt(this.#poll.overlap) * TICKS_PER_MS;
    if (chance < 0.45) return this.#rounded(this.#now());
    if (chance < 0.6)
      return this.#rounded(this.#now() - BigInt(random.whole(0, this.#poll.overlap * 12_000)));
    if (chance < 0.75 && this.#cursor !== undefined) {
      const edge = random.pick([this.#cursor, this.#cursor - overlap, this.#since ?? this.#cursor]);
      return edge + BigInt(random.whole(-1, 1));
    }
    if (chance < 0.9) return this.#source.history.at(-random.whole(1, 5))?.ticks ?? this.#now();
    return this.#now() + BigInt(random.whole(0, AHEAD_MS)) * TICKS_PER_MS;
  }

  #longAgo(): Ticks {
    const back = this.#random.whole(0, Math.max(2000, this.#poll.initialLookback));
    return this.#rounded(this.#now() - BigInt(back) * TICKS_PER_MS);
  }

  #now(): Ticks {
    return ticksFromMs(this.#worldMs) + BigInt(this.#random.whole(0, 9999));
  }

  /** Cut to some of the seven digits. */
  #rounded(ticks: Ticks): Ticks {
    const unit = this.#random.pick([1n, 1n, 10n, 10_000n, 1_000_000n, 10_000_000n]);
    return ticks - (ticks % unit);
  }

  #pass(ms: number): void {
    this.#worldMs += ms;
  }

  #say(...step: (string | Ticks)[]): void {
    this.#steps.push(step);
  }
}

function aRoute(sink: string, random: Random): Route {
  const takes = random.pick(["all", "all", "even"]);
  return {
    sink,
    limits: { maxAlerts: random.whole(1, 6), maxBytes: 1_000_000 },
    maxBacklogBytes: random.pick([50, 300, 1000, 1_000_000]),
    accepts: ({ id }: Alert) => takes === "all" || Number(id.slice(1)) % 2 === 0,
  };
}

function later(a: Ticks, b: Ticks): Ticks {
  return a > b ? a : b;
}

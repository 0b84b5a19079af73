import { SourceError } from "../../../src/model/failure.ts";
import { type Ticks, ticksFromMs } from "../../../src/model/ticks.ts";
import type { PollSettings, Span } from "../../../src/model/window.ts";
import type { ReaderParts } from "../../../src/pipeline/forward.ts";
import { type OnHole, readLive, readLong } from "../../../src/pipeline/reader.ts";
import type { Place } from "../../../src/pipeline/routes.ts";
import type { SealedBatch, Store } from "../../../src/queue/ports.ts";
import { type Random, randomFrom } from "../../../src/simulate/random.ts";
import { readSlices } from "../../../src/sources/slices.ts";
import type { ReadHow, Source } from "../../../src/sources/source.ts";
import { CONTOSO } from "../../support/alerts.ts";
import { createMemorySource, type MemorySource } from "../../support/memory-source.ts";
import { createMemoryStore } from "../../support/memory-store.ts";
import { type Attempt, Attempts } from "./attempts.ts";
import { AHEAD_MS, type Changes, createChanges } from "./changes.ts";
import { bring, createLanes, type Lane } from "./lanes.ts";

const SOURCE = "graph_alerts";
const FENCE = { lockKey: "lock", token: "mine" };
const BEGIN_MS = Date.UTC(2026, 4, 4, 5, 36, 51);
/** What a batch takes in these stores. */
const [BATCH_BYTES, ALERT_BYTES] = [100, 10];
/** By then every history is at rest. */
const MOST_QUIET_ROUNDS = 300;
/** Changes at the source while a step lasts. */
const MOST_STIRS = 4;
/** How often a step waits for others to go on, and how often an answer that is slow to arrive. */
const HOPS = 6;
const SLOW_HOPS = 150;
const SIGNAL = new AbortController().signal;

/** The process that reads has died. */
class Crash extends Error {}

/** What somebody wanted sent once more, and when. */
interface Replay extends Span {
  readonly sinks: readonly string[];
  readonly moment: number;
}

/** All that happened, for the verdict. */
export interface History {
  readonly poll: PollSettings;
  readonly lanes: readonly Lane[];
  readonly source: MemorySource;
  readonly attempts: readonly Attempt[];
  /** When the first round began, whether or not it came to anything. */
  readonly firstMoment: number;
  /** What was done, in words and ticks, for whoever looks for a mistake. */
  readonly steps: readonly (readonly (string | Ticks)[])[];
  readonly isAtRest: boolean;
  readonly replays: readonly Replay[];
  /** A cursor that was put back would have rounds read more and more. */
  readonly hasGoneBack: boolean;
}

/** Lives one history through; the same seed gives the same one. */
export async function live(seed: string | number): Promise<History> {
  const life = new Life(randomFrom("history", seed), randomFrom("poison", seed).chance(0.2));
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
  /** Sinks are full most of the time, and many alerts come late. */
  readonly #isCrowded: boolean;
  /** The source fails to give out some of its alerts, until it is quiet. */
  readonly #hasPoison: boolean;
  readonly #lanes: readonly Lane[];
  readonly #source: MemorySource;
  readonly #store: Store;
  readonly #parts: ReaderParts;
  readonly #attempts: Attempts;
  readonly #changes: Changes;
  readonly #windowJobs = new Set<string>();
  readonly #steps: (readonly (string | Ticks)[])[] = [];
  readonly #replays: Replay[] = [];
  #worldMs = BEGIN_MS;
  #clockMs = BEGIN_MS;
  #step = 0;
  #stirs = 0;
  /** Steps of the process until it dies, and requests until one fails. */
  #diesIn = Number.POSITIVE_INFINITY;
  #failsIn = Number.POSITIVE_INFINITY;
  #isDead = false;
  #isQuiet = false;
  #cursor: Ticks = 0n;
  #hasGoneBack = false;

  constructor(random: Random, hasPoison: boolean) {
    this.#random = random;
    this.#hasPoison = hasPoison;
    this.#source = createMemorySource(random);
    this.#isConcurrent = random.chance(0.4);
    this.#isCrowded = random.chance(0.3);
    this.#poll = {
      interval: 1000,
      pageSize: random.pick([1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 20]),
      overlap: random.pick([0, 1, 500, 3000, 10_000]),
      settle: random.pick([0, 0, 200, 1000]),
      initialLookback: random.pick([0, 1, 1000, 8000, 30_000]),
    };
    this.#attempts = new Attempts(this.#poll);
    this.#changes = createChanges({
      random,
      source: this.#source,
      poll: this.#poll,
      lateShare: this.#isCrowded ? 0.4 : 0.15,
      nowMs: () => this.#worldMs,
      edges: () => this.#attempts.edges,
      onShow: (id, ticks) => this.#say(id, "shows", ticks),
    });
    this.#lanes = createLanes(random, this.#isCrowded);
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
    for (let count = this.#random.whole(0, 8); count > 0; count--) this.#changes.begin();
    for (let count = this.#random.whole(2, 6); count > 0; count--) await this.#busyStep();
    const isAtRest = await this.#comeToRest();
    return {
      poll: this.#poll,
      lanes: this.#lanes,
      source: this.#source,
      attempts: this.#attempts.list,
      firstMoment: this.#attempts.firstMoment,
      steps: this.#steps,
      isAtRest,
      replays: this.#replays,
      hasGoneBack: this.#hasGoneBack,
    };
  }

  async #busyStep(): Promise<void> {
    const random = this.#random;
    this.#stirs = MOST_STIRS;
    this.#worldMs += random.pick([1, 100, 1000, 1000, 3000]);
    const least = this.#isCrowded ? 2 : 0;
    for (let count = random.whole(least, least + 3); count > 0; count--) this.#changes.next();
    if (random.chance(0.1)) await this.#orderReplay();
    for (const lane of this.#lanes)
      if (random.chance(this.#isCrowded ? 0.5 : 0.25)) lane.isDown = !lane.isDown;
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
      this.#worldMs += 1000 + AHEAD_MS;
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
    const { from } = this.#attempts.begin(this.#clockMs, this.#source.moment(), this.#step);
    this.#say("round at", ticksFromMs(this.#clockMs), "owes from", from);
    const place = this.#placeFor((to) => this.#attempts.slice(to));
    const onHole = this.#onHole();
    const round = await this.#run("round", () => readLive(place, this.#parts, FENCE, SIGNAL, { onHole }));
    this.#attempts.end(this.#source.moment(), round !== undefined);
  }

  #onHole(): OnHole | undefined {
    if (!this.#hasPoison || this.#random.chance(0.4)) return undefined;
    return ({ from }) => this.#say("hole at", from);
  }

  /** A person wants what is there sent once more. */
  async #orderReplay(): Promise<void> {
    const to = ticksFromMs(this.#worldMs);
    const from = to - BigInt(this.#random.whole(1, 50_000_000));
    const sinks = this.#lanes.map(({ route }) => route.sink).filter(() => this.#random.chance(0.7));
    const id = `replay.${this.#step}`;
    if (sinks.length === 0) return;
    const request = { id, kind: "replay", tenant: CONTOSO.id, source: SOURCE, sinks, from, to } as const;
    await this.#store.openWindow({ ...request, createdMs: this.#clockMs });
    this.#replays.push({ sinks, from, to, moment: this.#source.moment() });
    this.#say(id, from, to, ...sinks);
  }

  /** @param share of the windows that get a turn. */
  async #turns(share: number): Promise<void> {
    if (this.#random.chance(0.3)) {
      for (const { id } of await this.#store.openWindows()) this.#windowJobs.add(id);
    }
    for (const id of [...this.#windowJobs]) {
      if (!this.#random.chance(share)) continue;
      const state = await this.#run(id, async () => {
        const turn = await readLong(id, this.#placeFor(), this.#parts, FENCE, SIGNAL, {
          onHole: this.#onHole(),
        });
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
    for (const lane of this.#lanes) {
      for (const id of [...lane.queue]) {
        if (lane.isDown || !this.#random.chance(share)) continue;
        await bring(lane, id, this.#store, this.#clockMs);
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
        if (reply === "full" && batch.window.kind === "live") this.#attempts.refused(batch.sink);
        return reply;
      },
      commit: async (fence, place, step) => {
        if (step.cursor < this.#cursor) this.#hasGoneBack = true;
        await store.commit(fence, place, step);
        this.#cursor = step.cursor;
      },
    };
  }

  /** Here processes die: before a step, or behind it, when it has happened all the same. */
  #onStep(name: string, when: "before" | "after"): Promise<void> | undefined {
    if (when === "after") this.#attempts.happened(name);
    if (this.#isConcurrent) return this.#hop(HOPS).then(() => this.#dieAt(name, when));
    this.#dieAt(name, when);
    return undefined;
  }

  #dieAt(name: string, when: "before" | "after"): void {
    // Lanes go on while the process that reads is dead.
    if (name === "settle" || this.#isQuiet) return;
    if (this.#isDead) throw new Crash("dead");
    this.#diesIn -= 1;
    if (this.#diesIn > 0) return;
    this.#isDead = true;
    throw new Crash(`dies ${when} ${name}`);
  }

  #revive(): void {
    this.#isDead = false;
    this.#diesIn = Number.POSITIVE_INFINITY;
    this.#failsIn = Number.POSITIVE_INFINITY;
  }

  async #onRequest(isFirst: boolean, span: Span): Promise<void> {
    await this.#hop(HOPS);
    if (this.#isQuiet) return;
    if (this.#hasPoison && holdsPoison(this.#source, span))
      throw new SourceError("transient", "poison", { status: 500 });
    this.#failsIn -= 1;
    if (this.#failsIn === 0)
      throw new SourceError("transient", "fails", { status: isFirst ? this.#random.pick([500, 503]) : 503 });
    if (this.#stirs === 0 || !this.#random.chance(0.1)) return;
    this.#stirs -= 1;
    this.#changes.next();
  }

  /** Lets others go on in between, where several work at the same time. */
  async #hop(most: number): Promise<void> {
    if (!this.#isConcurrent || this.#isQuiet) return;
    for (let count = this.#random.whole(0, most); count > 0; count--) await undefined;
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
    const list = this.#source.list(this.#poll.pageSize, {
      request: (isFirst, span) => this.#onRequest(isFirst, span),
      answer: () => this.#hop(this.#random.chance(0.3) ? SLOW_HOPS : 0),
    });
    const attempts = this.#attempts;
    async function* read(span: Span, signal: AbortSignal, how: ReadHow = {}) {
      for (const hole of how.passOver ?? []) attempts.leftOut(hole);
      let from = span.from;
      for await (const slice of readSlices(list, span, signal, how)) {
        if (slice.failed !== undefined) attempts.leftOut({ from, to: slice.to });
        from = slice.to;
        onSlice(slice.to);
        yield slice;
      }
    }
    const reader: Source = { read, probe: async () => 0 };
    const routes = this.#lanes.map(({ route }) => route);
    return {
      tenant: CONTOSO,
      source: SOURCE,
      reader,
      backlogReader: reader,
      poll: this.#poll,
      updates: "all",
      routes,
    };
  }

  #say(...step: (string | Ticks)[]): void {
    this.#steps.push(step);
  }
}

/** One alert in seven. */
function holdsPoison(source: MemorySource, { from, to }: Span): boolean {
  return source.shown().some(({ id, ticks }) => ticks >= from && ticks < to && Number(id.slice(1)) % 7 === 3);
}

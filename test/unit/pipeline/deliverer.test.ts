import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { requestBytes } from "../../../src/model/batch.ts";
import type { Envelope } from "../../../src/model/envelope.ts";
import { DeliveryError, type FailureKind } from "../../../src/model/failure.ts";
import { Breaker } from "../../../src/pipeline/breaker.ts";
import { type Delivered, Deliverer, type DelivererSettings } from "../../../src/pipeline/deliverer.ts";
import { type Random, randomFrom } from "../../../src/simulate/random.ts";
import type { Delivery, Sink } from "../../../src/sinks/sink.ts";
import { anEnvelope } from "../../support/envelopes.ts";
import { until } from "../../support/until.ts";

type Script = (envelopes: readonly Envelope[], signal: AbortSignal) => Delivery | Promise<Delivery>;

/** A request that was put to the sink, and how it ended. */
interface Request {
  readonly seqs: readonly number[];
  outcome: "under way" | "taken" | "failed";
}

interface Bench {
  readonly deliverer: Deliverer;
  readonly breaker: Breaker;
  readonly requests: Request[];
  readonly news: string[];
  /** The most requests that were under way at the same time. */
  readonly busiest: () => number;
  /** `seq` of every alert that the sink has taken, once for each time. */
  readonly taken: () => readonly number[];
}

const TAKEN: Delivery = { bytes: 1 };
const HOUR_MS = 3_600_000;

/** A deliverer before a sink that does what the script says; it stops with the test. */
function aBench(
  script: Script,
  more: Partial<DelivererSettings & { minDelay: number; maxDelay: number }> = {},
): Bench {
  const { minDelay = 1, maxDelay = 2, ...settings } = more;
  const requests: Request[] = [];
  const news: string[] = [];
  let [busy, busiest] = [0, 0];
  const sink: Sink = {
    async deliver(envelopes, signal) {
      const request: Request = { seqs: envelopes.map(({ seq }) => seq), outcome: "under way" };
      requests.push(request);
      busy += 1;
      busiest = Math.max(busiest, busy);
      try {
        const delivery = await script(envelopes, signal);
        request.outcome = "taken";
        return delivery;
      } catch (cause) {
        request.outcome = "failed";
        throw cause;
      } finally {
        busy -= 1;
      }
    },
    async probe() {},
    async close() {},
  };
  const breaker = new Breaker(
    { minDelay, maxDelay },
    {
      retrying: ({ kind, code }, attempt) => news.push(`retrying ${kind} ${code}, ${attempt}`),
      opened: ({ kind }) => news.push(`opened ${kind}`),
      closed: () => news.push("closed"),
    },
  );
  const deliverer = new Deliverer(
    sink,
    { maxAlerts: 500, maxBytes: 10_000_000, lingerMs: 0, concurrency: 4, ...settings },
    breaker,
    {
      completed: ({ alerts, bytes }) => news.push(`completed ${alerts} alerts, ${bytes} bytes`),
      halved: (_, alerts) => news.push(`halved ${alerts}`),
    },
  );
  onTestFinished(() => deliverer.abort());
  return {
    deliverer,
    breaker,
    requests,
    news,
    busiest: () => busiest,
    taken: () => requests.filter(({ outcome }) => outcome === "taken").flatMap(({ seqs }) => seqs),
  };
}

/** Alerts numbered from `first` on. */
function numbered(count: number, first = 1, raw?: string): Envelope[] {
  return Array.from({ length: count }, (_, index) =>
    anEnvelope({ seq: first + index, ...(raw === undefined ? {} : { raw }) }),
  );
}

function failure(
  kind: FailureKind,
  details: { culprit?: number; retryAfterMs?: number } = {},
): DeliveryError {
  return new DeliveryError(kind, `It is ${kind}.`, { code: "c", ...details });
}

/** Takes all but requests that hold a poisoned alert, which it refuses as a whole. */
function refusing(
  poison: ReadonlySet<number>,
  culpritOf: (poisonedAt: number) => number | undefined,
): Script {
  return (envelopes) => {
    const at = envelopes.findIndex(({ seq }) => poison.has(seq));
    if (at < 0) return TAKEN;
    const culprit = culpritOf(at);
    throw failure("rejected", culprit === undefined ? {} : { culprit });
  };
}

/** What a delivery was given up with; `settled` when it was not. */
async function endOf(delivery: Promise<Delivered>): Promise<string> {
  return await delivery.then(
    () => "settled",
    (cause: unknown) => (cause instanceof Error ? `given up: ${cause.message}` : "given up"),
  );
}

/** Lets a request hang until it is let go. */
function aGate() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

describe("gathering", () => {
  it("brings small batches that come together in one request, and settles each", async () => {
    const { deliverer, requests, news } = aBench(() => ({ bytes: 321 }), { lingerMs: 5 });

    const delivered = await Promise.all(
      [numbered(2, 1), numbered(3, 3), numbered(1, 6)].map((batch) => deliverer.deliver(batch)),
    );

    expect(requests.map(({ seqs }) => seqs)).toEqual([[1, 2, 3, 4, 5, 6]]);
    expect(delivered).toEqual(Array(3).fill({ refused: [], shortened: [], attempts: 1 }));
    expect(news).toEqual(["completed 6 alerts, 321 bytes"]);
  });

  it("does not wait for more once a request is full", async () => {
    const { deliverer, requests } = aBench(() => TAKEN, { lingerMs: HOUR_MS, maxAlerts: 3 });

    await Promise.all([deliverer.deliver(numbered(2, 1)), deliverer.deliver(numbered(1, 3))]);

    expect(requests.map(({ seqs }) => seqs)).toEqual([[1, 2, 3]]);
  });

  it("does not wait for more once all that can come are here", async () => {
    const { deliverer, requests } = aBench(() => TAKEN, {
      lingerMs: HOUR_MS,
      concurrency: 1,
      batchesPerRequest: 2,
    });

    await Promise.all([deliverer.deliver(numbered(2, 1)), deliverer.deliver(numbered(1, 3))]);
    await Promise.all([deliverer.deliver(numbered(1, 4)), deliverer.deliver(numbered(1, 5))]);

    expect(requests.map(({ seqs }) => seqs)).toEqual([
      [1, 2, 3],
      [4, 5],
    ]);
  });

  it("has a batch that does not fit any more go whole in the next request", async () => {
    const { deliverer, requests } = aBench(() => TAKEN, { lingerMs: 5, maxAlerts: 5 });

    await Promise.all([deliverer.deliver(numbered(3, 1)), deliverer.deliver(numbered(3, 4))]);

    expect(requests.map(({ seqs }) => seqs)).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
  });

  it("divides a batch that was sealed under wider limits", async () => {
    const { deliverer, requests } = aBench(() => TAKEN, { lingerMs: 5, maxAlerts: 2 });

    const { refused } = await deliverer.deliver(numbered(5));

    expect(requests.map(({ seqs }) => seqs)).toEqual([[1, 2], [3, 4], [5]]);
    expect(refused).toEqual([]);
  });

  it("counts bytes, not characters", async () => {
    const raw = JSON.stringify("漢".repeat(1000));
    const maxBytes = 2 * requestBytes({ raw: Buffer.from(raw) });
    const { deliverer, requests } = aBench(() => TAKEN, { lingerMs: 5, maxBytes });

    await Promise.all(numbered(4, 1, raw).map((alert) => deliverer.deliver([alert])));

    expect(requests.map(({ seqs }) => seqs)).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  it("sends an alert that alone is over the limit alone", async () => {
    const { deliverer, requests } = aBench(() => TAKEN, { lingerMs: 5, maxBytes: 10_000 });
    const batch = [...numbered(1, 1), ...numbered(1, 2, `"${"x".repeat(20_000)}"`), ...numbered(1, 3)];

    await deliverer.deliver(batch);

    expect(requests.map(({ seqs }) => seqs)).toEqual([[1], [2], [3]]);
  });

  it("says to each batch which of its alerts were shortened", async () => {
    const { deliverer } = aBench((all) => ({ bytes: 1, shortened: all.filter(({ seq }) => seq % 2 === 0) }), {
      lingerMs: 20,
    });
    const [first, second] = [numbered(3), numbered(3, 4)];

    const told = await Promise.all([deliverer.deliver(first), deliverer.deliver(second)]);

    expect(told.map(({ shortened }) => shortened)).toEqual([
      [first[1]?.eventId],
      [second[0]?.eventId, second[2]?.eventId],
    ]);
  });

  it("asks nothing of the sink for a batch of nothing", async () => {
    const { deliverer, requests } = aBench(() => TAKEN);

    expect(await deliverer.deliver([])).toEqual({ refused: [], shortened: [], attempts: 0 });
    expect(requests).toEqual([]);
  });

  it("puts no more requests to the sink at once than it may, and all in the end", async () => {
    const { deliverer, busiest, taken } = aBench(() => turn(TAKEN), { concurrency: 3, maxAlerts: 1 });

    await deliverer.deliver(numbered(50));

    expect(busiest()).toBe(3);
    expect([...taken()].sort((a, b) => a - b)).toEqual(numbered(50).map(({ seq }) => seq));
  });
});

describe("a sink that may be given more requests at once", () => {
  const settings = { concurrency: 2, maxConcurrency: 6, maxAlerts: 1 };
  const TOOK_MS = 20;

  it("is given them while it answers as quickly as before, and no more than the most", async () => {
    const { deliverer, busiest, taken } = aBench(async () => {
      await sleep(TOOK_MS);
      return TAKEN;
    }, settings);

    await deliverer.deliver(numbered(150));

    expect(busiest()).toBe(6);
    expect([...taken()].sort((a, b) => a - b)).toEqual(numbered(150).map(({ seq }) => seq));
  });

  it("is not where it answers one after the other", async () => {
    let before = Promise.resolve();
    const { deliverer, busiest } = aBench(async () => {
      before = before.then(() => sleep(TOOK_MS));
      await before;
      return TAKEN;
    }, settings);

    await deliverer.deliver(numbered(60));

    expect(busiest()).toBeLessThan(6);
  });
});

describe("a sink in trouble", () => {
  it("is tried again until it takes the alerts", async () => {
    const failures: FailureKind[] = [
      "transient",
      "transient",
      "throttled",
      "unauthorized",
      "misconfigured",
      "transient",
    ];
    const { deliverer, requests, taken } = aBench(() => {
      const kind = failures.shift();
      if (kind !== undefined) throw failure(kind);
      return TAKEN;
    });

    const delivered = await deliverer.deliver(numbered(3));

    expect(delivered).toEqual({ refused: [], shortened: [], attempts: 7 });
    expect(requests.map(({ outcome }) => outcome)).toEqual([...Array(6).fill("failed"), "taken"]);
    expect(taken()).toEqual([1, 2, 3]);
  });

  it.each(["transient", "throttled", "unauthorized", "misconfigured"] as const)(
    "that is %s for long never makes a dead letter",
    async (kind) => {
      let tries = 0;
      const { deliverer } = aBench(() => {
        tries += 1;
        if (tries < 50) throw failure(kind);
        return TAKEN;
      });

      expect(await deliverer.deliver(numbered(1))).toEqual({ refused: [], shortened: [], attempts: 50 });
    },
  );

  it("is not called by the others while it rests", async () => {
    let isDown = true;
    const { deliverer, requests, breaker } = aBench(
      () => {
        if (isDown) throw failure("throttled", { retryAfterMs: 50 });
        return TAKEN;
      },
      { maxDelay: 50, maxAlerts: 1 },
    );

    const first = deliverer.deliver(numbered(1));
    await until("the sink rests", () => breaker.state !== undefined);
    const others = deliverer.deliver(numbered(20, 2));
    await turn();
    const asked = requests.length;
    isDown = false;
    await Promise.all([first, others]);

    expect(asked).toBe(1);
    expect(requests).toHaveLength(22);
  });

  it("that throws what is no answer is waited for like an outage, and it shows", async () => {
    const thrown: unknown[] = [new TypeError("undefined is not a function"), "a text"];
    const { deliverer, news } = aBench(() => {
      if (thrown.length > 0) throw thrown.shift();
      return TAKEN;
    });

    const { refused } = await deliverer.deliver(numbered(1));

    expect(refused).toEqual([]);
    expect(news).toEqual([
      "retrying transient internal, 1",
      "retrying transient internal, 2",
      "completed 1 alerts, 1 bytes",
    ]);
  });

  it("that takes all and asks for less is given a rest", async () => {
    const { deliverer, requests } = aBench(() => ({ bytes: 1, slowDown: true }), {
      concurrency: 1,
      maxAlerts: 1,
    });

    const [first, second] = [deliverer.deliver(numbered(1, 1)), deliverer.deliver(numbered(1, 2))];
    await first;
    await turn();
    const asked = requests.length;
    await second;

    expect(asked).toBe(1);
    expect(requests).toHaveLength(2);
  });
});

describe("a refused alert", () => {
  const byIndex = (at: number) => at;
  const byHalves = () => undefined;

  it.each([
    ["named", 1, byIndex],
    ["named", 3, byIndex],
    ["not named", 1, byHalves],
    ["not named", 3, byHalves],
  ] as const)(
    "that is %s is found among 500, where there are %i, and the others are delivered once",
    async (_, count, culpritOf) => {
      const poison = new Set([1, 250, 500].slice(0, count));
      const { deliverer, taken, requests } = aBench(refusing(poison, culpritOf));

      const { refused } = await deliverer.deliver(numbered(500));

      expect(refused.map(({ envelope }) => envelope.seq).sort((a, b) => a - b)).toEqual([...poison]);
      expect([...taken()].sort((a, b) => a - b)).toEqual(
        numbered(500)
          .map(({ seq }) => seq)
          .filter((seq) => !poison.has(seq)),
      );
      for (const seq of poison) expect(requests).toContainEqual({ seqs: [seq], outcome: "failed" });
      expect(requests.length).toBeLessThan(60);
    },
  );

  it("comes with the receiver's words and the number of tries", async () => {
    const { deliverer, news } = aBench(refusing(new Set([2]), byIndex));

    const { refused, attempts } = await deliverer.deliver(numbered(3));

    expect(refused).toMatchObject([
      { envelope: { seq: 2 }, attempts: 2, error: { kind: "rejected", message: "It is rejected." } },
    ]);
    expect(attempts).toBe(2);
    expect(news).toEqual(["halved 3", "completed 1 alerts, 1 bytes", "completed 1 alerts, 1 bytes"]);
  });

  it("makes the tries of its batch those of the alert that took the most", async () => {
    const { deliverer } = aBench(refusing(new Set([8]), byHalves), { lingerMs: 5 });

    const delivered = await Promise.all(
      [numbered(4, 1), numbered(4, 5)].map((batch) => deliverer.deliver(batch)),
    );

    expect(delivered.map(({ attempts }) => attempts)).toEqual([2, 4]);
  });

  it("is told to the batch that it came from", async () => {
    const { deliverer } = aBench(refusing(new Set([1, 4]), byHalves), { lingerMs: 5 });

    const delivered = await Promise.all(
      [numbered(2, 1), numbered(1, 3), numbered(2, 4)].map((batch) => deliverer.deliver(batch)),
    );

    expect(delivered.map(({ refused }) => refused.map(({ envelope }) => envelope.seq))).toEqual([
      [1],
      [],
      [4],
    ]);
  });

  it.each([-1, 3, 1.5, Number.NaN])("is found by halves where the index %d names none", async (culprit) => {
    const { deliverer, taken } = aBench(refusing(new Set([2]), () => culprit));

    const { refused } = await deliverer.deliver(numbered(3));

    expect(refused.map(({ envelope }) => envelope.seq)).toEqual([2]);
    expect([...taken()].sort()).toEqual([1, 3]);
  });

  it("is no refusal of its neighbours where the receiver names the wrong one", async () => {
    const { deliverer, taken } = aBench(refusing(new Set([3]), () => 0));

    const { refused } = await deliverer.deliver(numbered(4));

    expect(refused.map(({ envelope }) => envelope.seq)).toEqual([3]);
    expect([...taken()].sort()).toEqual([1, 2, 4]);
  });

  it("leaves the sink in good standing", async () => {
    const { deliverer, breaker, news } = aBench(refusing(new Set([1, 2, 3, 4, 5]), byHalves));

    const { refused } = await deliverer.deliver(numbered(5));

    expect(refused).toHaveLength(5);
    expect(breaker.state).toBeUndefined();
    expect(news.filter((line) => !line.startsWith("halved"))).toEqual([]);
  });

  it("is found through an outage in between", async () => {
    let requests = 0;
    const refuse = refusing(new Set([5]), byHalves);
    const { deliverer, taken } = aBench((envelopes, signal) => {
      requests += 1;
      if (requests % 2 === 0) throw failure("transient");
      return refuse(envelopes, signal);
    });

    const { refused } = await deliverer.deliver(numbered(8));

    expect(refused.map(({ envelope }) => envelope.seq)).toEqual([5]);
    expect([...taken()].sort()).toEqual([1, 2, 3, 4, 6, 7, 8]);
  });
});

describe("draining", () => {
  it("lets requests under way finish, and gives up what waits for its turn or for company", async () => {
    const gate = aGate();
    const { deliverer, requests } = aBench(() => gate.opened.then(() => TAKEN), {
      concurrency: 1,
      maxAlerts: 2,
      lingerMs: HOUR_MS,
    });
    const underWay = endOf(deliverer.deliver(numbered(2, 1)));
    const waiting = endOf(deliverer.deliver(numbered(2, 3)));
    const lingering = endOf(deliverer.deliver(numbered(1, 5)));
    await until("the first is under way", () => requests.length === 1);

    deliverer.drain();
    const givenUp = await Promise.all([waiting, lingering]);
    gate.open();

    expect(givenUp).toEqual(["given up: The sink is stopping.", "given up: The sink is stopping."]);
    expect(await underWay).toBe("settled");
    expect(requests).toEqual([{ seqs: [1, 2], outcome: "taken" }]);
  });

  it("gives up what waits for the sink to recover", async () => {
    const { deliverer, breaker } = aBench(
      () => Promise.reject(failure("throttled", { retryAfterMs: HOUR_MS })),
      {
        maxDelay: HOUR_MS,
      },
    );
    const waiting = endOf(deliverer.deliver(numbered(1)));
    await until("the sink rests", () => breaker.state !== undefined);

    deliverer.drain();

    expect(await waiting).toBe("given up: The sink is stopping.");
  });

  it("gives up what waits to be tried again", async () => {
    const { deliverer, news } = aBench(() => Promise.reject(failure("transient")), {
      minDelay: HOUR_MS,
      maxDelay: HOUR_MS,
    });
    const waiting = endOf(deliverer.deliver(numbered(1)));
    await until("it waits", () => news.length === 1);

    deliverer.drain();

    expect(await waiting).toMatch(/^given up/);
  });

  it("takes nothing more", async () => {
    const { deliverer, requests } = aBench(() => TAKEN);

    deliverer.drain();

    expect(await endOf(deliverer.deliver(numbered(1)))).toBe("given up: The sink is stopping.");
    expect(requests).toEqual([]);
  });

  it("brings a divided request to its end, since parts of it have been taken", async () => {
    const refuse = refusing(new Set([7]), () => undefined);
    let requests = 0;
    const { deliverer, taken } = aBench((envelopes, signal) => {
      requests += 1;
      if (requests === 3) deliverer.drain();
      if (requests === 4) throw failure("transient");
      return refuse(envelopes, signal);
    });

    const { refused } = await deliverer.deliver(numbered(8));

    expect(refused.map(({ envelope }) => envelope.seq)).toEqual([7]);
    expect([...taken()].sort()).toEqual([1, 2, 3, 4, 5, 6, 8]);
  });
});

describe("an abort", () => {
  it("cuts off what is under way", async () => {
    const { deliverer, requests } = aBench(
      (_, signal) =>
        new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    );
    const underWay = endOf(deliverer.deliver(numbered(1)));
    await until("it is under way", () => requests.length === 1);

    deliverer.abort();

    expect(await underWay).toBe("given up: The sink was stopped.");
  });

  it("still counts what the sink has taken in spite of it", async () => {
    const gate = aGate();
    const { deliverer, requests } = aBench(() => gate.opened.then(() => TAKEN));
    const underWay = endOf(deliverer.deliver(numbered(1)));
    await until("it is under way", () => requests.length === 1);

    deliverer.abort();
    gate.open();

    expect(await underWay).toBe("settled");
  });

  it("gives up a divided request too", async () => {
    const { deliverer, breaker } = aBench(
      (envelopes) => {
        if (envelopes.length === 4) throw failure("rejected");
        throw failure("unauthorized", { retryAfterMs: HOUR_MS });
      },
      { maxDelay: HOUR_MS },
    );
    const divided = endOf(deliverer.deliver(numbered(4)));
    await until("the sink rests", () => breaker.state !== undefined);

    deliverer.abort();

    expect(await divided).toBe("given up: The sink was stopped.");
  });
});

/** A sink with every kind of day, and a share of alerts that it refuses for good. */
function stormy(random: Random, poison: ReadonlySet<number>): Script {
  return async (envelopes) => {
    for (let turns = random.whole(0, 3); turns > 0; turns--) await turn();
    const chance = random.next();
    if (chance < 0.1) throw failure("transient");
    if (chance < 0.12) throw failure("throttled", { retryAfterMs: random.whole(0, 3) });
    if (chance < 0.13) throw failure("unauthorized");
    if (chance < 0.14) throw new RangeError("a fault of ours");
    const at = envelopes.findIndex(({ seq }) => poison.has(seq));
    if (at < 0) return TAKEN;
    throw failure("rejected", random.chance(0.5) ? { culprit: random.whole(0, envelopes.length) } : {});
  };
}

function aStorm(seed: string, parcels: number) {
  const random = randomFrom("deliverer", seed);
  let seq = 0;
  const batches = Array.from({ length: parcels }, () => {
    const batch = numbered(random.whole(1, 12), seq + 1, `"${"x".repeat(random.whole(0, 300))}"`);
    seq += batch.length;
    return batch;
  });
  const poison = new Set(batches.flat().flatMap((envelope) => (random.chance(0.01) ? [envelope.seq] : [])));
  const limits = { maxAlerts: 40, maxBytes: 30_000, concurrency: 5 };
  return { random, batches, poison, limits, bench: aBench(stormy(random, poison), limits) };
}

describe("in any storm", () => {
  it.each(["a", "b"])(
    "every alert is taken once or refused alone, and every batch is settled (%s)",
    async (seed) => {
      const { random, batches, poison, limits, bench } = aStorm(seed, 2000);

      const deliveries: Promise<Delivered>[] = [];
      for (const batch of batches) {
        deliveries.push(bench.deliverer.deliver(batch));
        if (random.chance(0.2)) await turn();
      }
      const refused = (await Promise.all(deliveries)).map((delivered) =>
        delivered.refused.map(({ envelope }) => envelope.seq),
      );

      expect(refused.map((list) => [...list].sort((a, b) => a - b))).toEqual(
        batches.map((batch) => batch.map(({ seq }) => seq).filter((seq) => poison.has(seq))),
      );
      expect([...bench.taken()].sort((a, b) => a - b)).toEqual(
        batches
          .flat()
          .map(({ seq }) => seq)
          .filter((seq) => !poison.has(seq)),
      );
      expect(Math.max(...bench.requests.map(({ seqs }) => seqs.length))).toBeLessThanOrEqual(
        limits.maxAlerts,
      );
      expect(bench.busiest()).toBeLessThanOrEqual(limits.concurrency);
    },
  );

  it.each(["c", "d", "e", "f"])(
    "a drain leaves every batch either settled whole or untouched (%s)",
    async (seed) => {
      const { random, batches, poison, bench } = aStorm(seed, 400);

      const endings: Promise<readonly number[] | "given up">[] = [];
      for (const [index, batch] of batches.entries()) {
        const delivery = bench.deliverer.deliver(batch);
        endings.push(
          delivery.then(
            ({ refused }) => refused.map(({ envelope }) => envelope.seq),
            () => "given up",
          ),
        );
        if (random.chance(0.5)) await turn();
        if (index !== 200) continue;
        await until("a part is delivered", () => bench.taken().length > 300);
        bench.deliverer.drain();
      }
      const ends = await Promise.all(endings);

      const taken = bench.taken();
      const takenOnce = new Set(taken);
      expect(taken).toHaveLength(takenOnce.size);
      for (const [index, batch] of batches.entries()) {
        const end = ends[index];
        const seqs = batch.map(({ seq }) => seq);
        if (end === "given up") expect(seqs.filter((seq) => takenOnce.has(seq))).toEqual([]);
        else expect(seqs.filter((seq) => !takenOnce.has(seq))).toEqual(seqs.filter((seq) => poison.has(seq)));
      }
      expect(ends.filter((end) => end === "given up").length).toBeGreaterThan(190);
      expect(taken.length).toBeGreaterThan(300);
    },
  );
});

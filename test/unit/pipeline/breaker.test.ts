import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DeliveryError, type FailureKind } from "../../../src/model/failure.ts";
import { Breaker, type Pass } from "../../../src/pipeline/breaker.ts";
import { randomFrom } from "../../../src/simulate/random.ts";

const MIN_MS = 1000;
const MAX_MS = 60_000;
/** The backoff is then as long as it can be: 1 s, 2 s, 4 s … */
const LONGEST = () => 1 - 2 ** -32;

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

interface Asked {
  given: Pass | undefined;
  /** It was given while the breaker was open. */
  isProbe: boolean;
}

interface Bench {
  readonly breaker: Breaker;
  /** What it has said, one line each. */
  readonly news: string[];
  /** Asks to pass; `given` once it may. */
  ask(signal?: AbortSignal): Asked;
  /** Passes at once, as one that is closed lets everyone. */
  pass(): Promise<Pass>;
  /** Fails so often in a row that the breaker is open. */
  breakDown(): Promise<void>;
}

function aBench(settings = { minDelay: MIN_MS, maxDelay: MAX_MS }, random = LONGEST): Bench {
  const news: string[] = [];
  const breaker = new Breaker(
    settings,
    {
      retrying: ({ kind }, attempt, ms) => news.push(`retrying ${kind}, ${attempt}, ${ms} ms`),
      opened: ({ kind }, ms) => news.push(`opened ${kind}, ${ms} ms`),
      closed: (ms) => news.push(`closed after ${ms} ms`),
    },
    random,
  );
  const pass = () => breaker.pass(endless());
  return {
    breaker,
    news,
    pass,
    ask(signal = endless()) {
      const asked: Asked = { given: undefined, isProbe: false };
      void breaker.pass(signal).then(
        (given) => {
          asked.given = given;
          asked.isProbe = breaker.state !== undefined;
        },
        () => undefined,
      );
      return asked;
    },
    async breakDown() {
      for (const each of [await pass(), await pass(), await pass()])
        breaker.failed(each, failure("transient"));
    },
  };
}

function failure(kind: FailureKind, retryAfterMs?: number): DeliveryError {
  return new DeliveryError(kind, `It is ${kind}.`, { retryAfterMs });
}

function endless(): AbortSignal {
  return new AbortController().signal;
}

/** Lets the time go by, and everything happen that was due. */
async function wait(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

describe("a closed breaker", () => {
  it("lets everyone pass", async () => {
    const { breaker, pass, news } = aBench();

    await Promise.all(Array.from({ length: 20 }, pass));

    expect(breaker.state).toBeUndefined();
    expect(news).toEqual([]);
  });

  it("has a request that failed wait for itself, and lets the others pass", async () => {
    const { breaker, pass, news } = aBench();

    const waits = [
      breaker.failed(await pass(), failure("transient")),
      breaker.failed(await pass(), failure("transient")),
    ];
    await pass();

    expect(waits).toEqual([1000, 1500]);
    expect(news).toEqual(["retrying transient, 1, 1000 ms", "retrying transient, 2, 1500 ms"]);
  });

  it("opens at the third transient failure in a row", async () => {
    const { breaker, breakDown, news } = aBench();

    await breakDown();

    expect(breaker.state).toEqual({ kind: "transient", restsForMs: 2250 });
    expect(news.at(-1)).toBe("opened transient, 2250 ms");
    expect(news).toHaveLength(3);
  });

  it("stays closed when the failures are not in a row", async () => {
    const { breaker, pass } = aBench();

    for (let round = 0; round < 10; round++) {
      breaker.failed(await pass(), failure("transient"));
      breaker.failed(await pass(), failure("transient"));
      breaker.succeeded(await pass());
    }

    expect(breaker.state).toBeUndefined();
  });

  it.each(["throttled", "unauthorized", "misconfigured"] as const)(
    "opens at once when it is %s",
    async (kind) => {
      const { breaker, pass, news } = aBench();

      const waitMs = breaker.failed(await pass(), failure(kind));

      expect(waitMs).toBe(0);
      expect(breaker.state?.kind).toBe(kind);
      expect(news).toEqual([`opened ${kind}, 1000 ms`]);
    },
  );
});

describe("an open breaker", () => {
  it("lets nobody pass until its pause is over, then one", async () => {
    const { ask, breakDown } = aBench();
    await breakDown();

    const asked = [ask(), ask(), ask()];
    await wait(2249);
    const early = asked.filter(({ given }) => given !== undefined);
    await wait(1);

    expect(early).toEqual([]);
    expect(asked.filter(({ given }) => given !== undefined)).toHaveLength(1);
  });

  it("closes when the probe succeeds, and all who waited pass", async () => {
    const { breaker, ask, breakDown, news } = aBench();
    await breakDown();
    const asked = [ask(), ask(), ask()];
    await wait(2250);

    breaker.succeeded(probeOf(asked));
    await wait(0);

    expect(asked.every(({ given }) => given !== undefined)).toBe(true);
    expect(news.at(-1)).toBe("closed after 2250 ms");
    expect(breaker.state).toBeUndefined();
  });

  it("opens again for longer when the probe fails, and says nothing new", async () => {
    const { breaker, ask, breakDown, news } = aBench();
    await breakDown();
    const said = news.length;
    const pauses: (number | undefined)[] = [];

    for (let round = 0; round < 10; round++) {
      const asked = [ask()];
      await wait(breaker.state?.restsForMs ?? 0);
      breaker.failed(probeOf(asked), failure("transient"));
      pauses.push(breaker.state?.restsForMs);
    }

    expect(pauses).toEqual([3375, 5062, 7594, 11_391, 17_086, 25_629, 38_443, 57_665, 60_000, 60_000]);
    expect(news).toHaveLength(said);
  });

  it("says so when it is in trouble of another kind", async () => {
    const { breaker, ask, breakDown, news } = aBench();
    await breakDown();
    const asked = [ask()];
    await wait(2250);

    breaker.failed(probeOf(asked), failure("unauthorized"));

    expect(breaker.state?.kind).toBe("unauthorized");
    expect(news.slice(-2)).toEqual(["opened transient, 2250 ms", "opened unauthorized, 3375 ms"]);
  });

  it("keeps to its reason when a request that was under way only meets the outage", async () => {
    const { breaker, pass, news } = aBench();
    const old = [await pass(), await pass(), await pass()];
    breaker.failed(await pass(), failure("unauthorized"));

    for (const each of old) breaker.failed(each, failure("transient"));

    expect(breaker.state).toEqual({ kind: "unauthorized", restsForMs: 1000 });
    expect(news).toEqual(["opened unauthorized, 1000 ms"]);
  });

  it("begins anew after it was closed", async () => {
    const { breaker, ask, pass, breakDown, news } = aBench();
    await breakDown();
    const asked = [ask()];
    await wait(2250);
    breaker.succeeded(probeOf(asked));

    breaker.failed(await pass(), failure("transient"));

    expect(news.at(-1)).toBe("retrying transient, 1, 1000 ms");
  });

  it("lets the next one probe when the probe was given up", async () => {
    const { breaker, ask, breakDown } = aBench();
    await breakDown();
    const asked = [ask(), ask()];
    await wait(2250);
    const probe = probeOf(asked);

    breaker.abandoned(probe);
    await wait(0);

    expect(asked.every(({ given }) => given !== undefined)).toBe(true);
    expect(breaker.state?.kind).toBe("transient");
  });

  it("lets nobody else probe when a call that set out before is given up", async () => {
    const { breaker, ask, pass, breakDown } = aBench();
    const old = await pass();
    await breakDown();
    const asked = [ask(), ask()];
    await wait(2250);

    breaker.abandoned(old);
    await wait(10_000);

    expect(asked.filter(({ given }) => given !== undefined)).toHaveLength(1);
    breaker.succeeded(probeOf(asked));
    await wait(0);
  });

  it("rejects who gives up waiting, with the signal's reason", async () => {
    const { breaker, breakDown } = aBench();
    await breakDown();
    const stop = new AbortController();

    const waiting = breaker.pass(stop.signal);
    stop.abort(new Error("the sink is stopping"));

    await expect(waiting).rejects.toThrow("the sink is stopping");
    await expect(breaker.pass(stop.signal)).rejects.toThrow("the sink is stopping");
  });
});

describe("a pause", () => {
  it("is as long as the sink asks for", async () => {
    const { breaker, ask, pass, news } = aBench();
    breaker.failed(await pass(), failure("throttled", 30_000));

    const asked = ask();
    await wait(29_999);
    const early = asked.given;
    await wait(1);

    expect([early, asked.given]).toEqual([undefined, expect.anything()]);
    expect(news).toEqual(["opened throttled, 30000 ms"]);
  });

  it("is never longer than the user allows", async () => {
    const { breaker, pass } = aBench({ minDelay: 1000, maxDelay: 5000 });

    breaker.failed(await pass(), failure("throttled", 3_600_000));

    expect(breaker.state?.restsForMs).toBe(5000);
  });

  it("is never nothing, even when the sink asks for that", async () => {
    const { breaker, pass } = aBench();

    breaker.failed(await pass(), failure("throttled", 0));

    expect(breaker.state?.restsForMs).toBe(MIN_MS / 2);
  });

  it("is not made shorter by a request that was under way", async () => {
    const { breaker, pass } = aBench();
    const old = [await pass(), await pass(), await pass()];
    breaker.failed(await pass(), failure("throttled", 30_000));

    for (const each of old) breaker.failed(each, failure("throttled", 1000));

    expect(breaker.state?.restsForMs).toBe(30_000);
  });

  it("is made longer by a request that was under way and is told so", async () => {
    const { breaker, pass } = aBench();
    const old = await pass();
    breaker.failed(await pass(), failure("throttled", 5000));

    breaker.failed(old, failure("throttled", 30_000));

    expect(breaker.state?.restsForMs).toBe(30_000);
  });

  it("is not ended by a request that was under way and succeeds", async () => {
    const { breaker, ask, pass, news } = aBench();
    const old = await pass();
    breaker.failed(await pass(), failure("throttled", 30_000));

    breaker.succeeded(old);
    const asked = ask();
    await wait(29_999);

    expect(asked.given).toBeUndefined();
    expect(news).toEqual(["opened throttled, 30000 ms"]);
    await wait(1);
  });

  it("does not grow with the number of requests that one outage met", async () => {
    const { breaker, pass, news } = aBench();
    const underWay = await Promise.all(Array.from({ length: 64 }, pass));

    const waits = underWay.map((each) => breaker.failed(each, failure("transient")));

    expect(breaker.state?.restsForMs).toBe(2250);
    expect(waits.filter((ms) => ms > 0)).toEqual([1000, 1500]);
    expect(news.at(-1)).toBe("opened transient, 2250 ms");
    expect(news).toHaveLength(3);
  });

  it("is told in full to whoever asks while it lasts", async () => {
    const { breaker, pass } = aBench();
    breaker.failed(await pass(), failure("throttled", 30_000));

    await wait(10_000);

    expect(breaker.state).toEqual({ kind: "throttled", restsForMs: 20_000 });
  });

  it("does not change with a clock that is set", async () => {
    const { breaker, ask, pass } = aBench();
    breaker.failed(await pass(), failure("throttled", 30_000));
    const asked = ask();

    vi.setSystemTime(Date.now() - 86_400_000);
    await wait(30_000);

    expect(asked.given).toBeDefined();
  });
});

describe("whatever happens", () => {
  it("one probe is out at a time, no pause is too long, and news are of changes only", async () => {
    const random = randomFrom("breaker");
    const { breaker, news, ask } = aBench({ minDelay: 100, maxDelay: 2000 }, random.next);
    const stop = new AbortController();
    let waiting = Array.from({ length: 8 }, () => ask(stop.signal));
    for (let round = 0; round < 5000; round++) {
      await wait(random.whole(0, 200));
      const before = breaker.state;
      const passed = waiting.filter(({ given }) => given !== undefined);

      const chosen = passed.length === 0 ? undefined : random.pick([passed[0] ?? ask(), ...passed]);
      if (chosen?.given !== undefined) {
        answer(breaker, chosen.given, random.next(), random.whole(0, 4000));
        waiting = waiting.map((each) => (each === chosen ? ask(stop.signal) : each));
      }

      expect(waiting.filter(({ isProbe }) => isProbe).length).toBeLessThanOrEqual(1);
      expect(breaker.state?.restsForMs ?? 0).toBeLessThanOrEqual(2000);
      if (before !== undefined && breaker.state !== undefined && before.kind === breaker.state.kind) {
        expect(breaker.state.restsForMs).toBeGreaterThanOrEqual(before.restsForMs);
      }
    }
    stop.abort();
    await wait(0);

    expect(news.length).toBeGreaterThan(500);
    for (const [index, line] of news.entries()) {
      const previous = news[index - 1]?.split(",")[0];
      if (line.startsWith("opened")) expect(line.split(",")[0]).not.toBe(previous);
      if (line.startsWith("closed")) expect(previous).toMatch(/^opened/);
    }
  });
});

function answer(breaker: Breaker, pass: Pass, chance: number, retryAfterMs: number): void {
  if (chance < 0.4) breaker.succeeded(pass);
  else if (chance < 0.5) breaker.abandoned(pass);
  else if (chance < 0.8) breaker.failed(pass, failure("transient"));
  else if (chance < 0.9) breaker.failed(pass, failure("throttled", retryAfterMs));
  else breaker.failed(pass, failure("unauthorized"));
}

function probeOf(asked: readonly { readonly given: Pass | undefined }[]): Pass {
  const given = asked.flatMap((each) => (each.given === undefined ? [] : [each.given]));
  expect(given).toHaveLength(1);
  return given[0] ?? {};
}

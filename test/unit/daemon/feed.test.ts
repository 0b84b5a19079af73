import { afterEach, expect, it, vi } from "vitest";
import { createFeed } from "../../../src/daemon/feed.ts";
import type { Parts } from "../../../src/page/parts.ts";
import { until } from "../../support/until.ts";

const EVERY_MS = 5;

afterEach(() => void vi.useRealTimers());

/** A page of which the verdict changes with each look. */
function aPage() {
  let looks = 0;
  let isAway = false;
  return {
    looks: () => looks,
    fail: (away: boolean) => {
      isAway = away;
    },
    look: async (): Promise<Parts> => {
      looks += 1;
      if (isAway) throw new Error("Redis is away.");
      const sections = { verdict: `look ${looks}`, sinks: "always the same" };
      return { at: "2026-05-04T12:00:00.000Z", level: "well", says: "", sections, rows: new Map() };
    },
  };
}

async function nextData(messages: AsyncIterator<string>) {
  for (;;) {
    const { value, done } = await messages.next();
    if (done === true) return undefined;
    if (String(value).startsWith("data: "))
      return JSON.parse(String(value).slice("data: ".length)) as { sections: Record<string, string> };
  }
}

const watching = (feed: ReturnType<typeof createFeed>) => {
  const gone = new AbortController();
  return { messages: feed.watch(gone.signal)[Symbol.asyncIterator](), leave: () => gone.abort() };
};

it("sends everything first and then what has changed, of one look for all who watch", async () => {
  const page = aPage();
  const feed = createFeed(page.look, EVERY_MS);
  const [one, other] = [watching(feed), watching(feed)];

  const first = await Promise.all([nextData(one.messages), nextData(other.messages)]);
  const second = await Promise.all([nextData(one.messages), nextData(other.messages)]);
  one.leave();
  other.leave();

  expect(first[0]).toEqual(first[1]);
  expect(Object.keys(first[0]?.sections ?? {})).toEqual(["verdict", "sinks"]);
  expect(Object.keys(second[0]?.sections ?? {})).toEqual(["verdict"]);
  expect(page.looks()).toBeLessThanOrEqual(3);
});

it("ends with its listener, and looks no more when the last one has gone", async () => {
  vi.useFakeTimers();
  const page = aPage();
  const { messages, leave } = watching(createFeed(page.look, EVERY_MS));
  await nextData(messages);
  const next = nextData(messages);

  leave();
  const end = await next;
  await vi.advanceTimersByTimeAsync(20 * EVERY_MS);

  expect(end).toBeUndefined();
  expect(page.looks()).toBe(1);
  expect(vi.getTimerCount()).toBe(0);
});

it("says nothing while Redis is away, and goes on when it is back", async () => {
  const page = aPage();
  page.fail(true);
  const { messages, leave } = watching(createFeed(page.look, EVERY_MS));
  const first = nextData(messages);
  await until("it has looked in vain", () => page.looks() > 3);
  page.fail(false);

  expect((await first)?.sections["verdict"]).toMatch(/^look \d+$/);
  leave();
});

import { json, type Route, refusal } from "../http/route.ts";
import type { LetterLine } from "../page/dead-letters.ts";
import { type DocumentFacts, drawDocument, drawUnavailable } from "../page/document.ts";
import { drawParts, type PageFacts } from "../page/parts.ts";
import { HISTORY_HOURS, type History, type HistoryHours } from "../pipeline/history.ts";
import type { Snapshot } from "../pipeline/snapshot.ts";
import type { LetterSummary } from "../queue/dead-letters.ts";
import type { Store } from "../queue/store.ts";
import { assetRoutes } from "./assets.ts";
import { createFeed } from "./feed.ts";

const HTML = { "content-type": "text/html; charset=utf-8" };
/** So many dead letters are looked at; the command has all. */
const NEWEST_LETTERS = 200;

export interface StatusPageParts extends DocumentFacts {
  readonly snapshot: () => Promise<Snapshot>;
  readonly letters: Pick<Store, "deadLetterPage">;
  readonly history: (hours: HistoryHours) => Promise<History>;
}

/** The status page with all that it loads and listens to. */
export function statusPageRoutes({ snapshot, letters, history, ...facts }: StatusPageParts): Route[] {
  const look = async (): Promise<PageFacts> => {
    const [now, newest] = await Promise.all([snapshot(), letters.deadLetterPage(NEWEST_LETTERS)]);
    return { snapshot: now, letters: newest.letters.map(letterLine) };
  };
  const feed = createFeed(async () => drawParts(await look()));
  return [
    {
      method: "GET",
      path: "/",
      access: "token",
      answer: async () => {
        const now = await look().catch(() => undefined);
        if (now === undefined) return { status: 503, headers: HTML, body: drawUnavailable() };
        return { status: 200, headers: HTML, body: drawDocument(drawParts(now), now.snapshot, facts) };
      },
    },
    {
      method: "GET",
      path: "/api/events",
      access: "token",
      answer: async ({ signal }) => ({
        status: 200,
        // nginx and its like would gather what is meant for now.
        headers: { "content-type": "text/event-stream; charset=utf-8", "x-accel-buffering": "no" },
        body: feed.watch(signal),
      }),
    },
    {
      method: "GET",
      path: "/api/history",
      access: "token",
      answer: async ({ query }) => {
        const asked = query.get("hours") ?? "6";
        const hours = HISTORY_HOURS.find((count) => String(count) === asked);
        if (hours === undefined) return refusal(400, `hours is one of ${HISTORY_HOURS.join(", ")}.`);
        return json(200, await history(hours));
      },
    },
    ...assetRoutes(),
  ];
}

function letterLine({ id, tenant, sink, reason, message, at, sent }: LetterSummary): LetterLine {
  return { id, tenant, sink, reason, message, at, canRetry: sent !== undefined };
}

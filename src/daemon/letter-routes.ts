import { z } from "zod";
import { json, type Route, refusal } from "../http/route.ts";
import type { LetterSummary } from "../queue/dead-letters.ts";
import type { Outbox } from "../queue/ports.ts";
import { sendAgain } from "../queue/send-again.ts";
import type { Store } from "../queue/store.ts";

/** One call must end before its asker loses patience; who has more asks again. */
const MAX_RETRIED = 1000;
const MAX_LISTED = 500;
const LISTED = 100;

const Name = z.string().regex(/^[\w.-]{1,100}$/);
const Listing = z.strictObject({
  sink: Name.optional(),
  limit: z.coerce.number().int().min(1).max(MAX_LISTED).default(LISTED),
  after: z
    .string()
    .regex(/^\d{1,16}\|[\w.-]{1,100}\|[\w.-]{1,100}$/)
    .optional(),
});
const Retry = z.union([
  z.strictObject({ ids: z.array(Name).min(1).max(MAX_RETRIED) }),
  z.strictObject({ sink: Name }),
]);

type Letters = Pick<Store, "deadLetterPage" | "deadLetter" | "retryDeadLetters" | "countDeadLetters">;

/**
 * What receivers refused, over HTTP. The list holds no alert; an alert is shown, and anything sent again, only to who
 * has shown the token.
 *
 * @param retried told how many are on their way again, and who asked for it.
 */
export function letterRoutes(
  store: Letters,
  outbox: Outbox,
  retried: (deadLetters: number, client: string) => void,
): Route[] {
  return [
    {
      method: "GET",
      path: "/api/dead-letters",
      access: "token",
      async answer({ query }) {
        const { data } = Listing.safeParse(Object.fromEntries(query));
        if (data === undefined) {
          return refusal(
            400,
            `Known are sink=NAME, limit=1 to ${MAX_LISTED}, and after= with what \`next\` was.`,
          );
        }
        const { letters, next } = await store.deadLetterPage(data.limit, data);
        return json(200, { deadLetters: letters.map(summaryOf), next: next ?? null });
      },
    },
    {
      method: "GET",
      path: "/api/dead-letters/*",
      access: "proof",
      async answer({ path }) {
        const letter = await store.deadLetter(path.slice("/api/dead-letters/".length));
        if (letter === undefined) return refusal(404, "There is no such dead letter.");
        const { raw, ...facts } = letter;
        return json(200, { ...summaryOf(facts), raw });
      },
    },
    {
      method: "POST",
      path: "/api/dead-letters/retry",
      access: "proof",
      takes: "json",
      async answer({ body, client }) {
        const { data } = Retry.safeParse(body);
        if (data === undefined) {
          return refusal(
            400,
            `What is taken is {"ids": [...]}, at most ${MAX_RETRIED}, or {"sink": "NAME"}.`,
          );
        }
        const ids = "ids" in data ? data.ids : await idsOf(store, data.sink);
        const count = await sendAgain(store, outbox, ids);
        if (count > 0) retried(count, client);
        const left =
          "ids" in data ? ids.length - count : ((await store.countDeadLetters()).get(data.sink) ?? 0);
        return json(200, { retried: count, left });
      },
    },
  ];
}

/** Without anything that the alert itself says. */
function summaryOf({ sent, ...facts }: LetterSummary) {
  return { ...facts, seq: sent?.seq ?? null, revision: sent?.revision ?? null, canRetry: sent !== undefined };
}

async function idsOf(store: Letters, sink: string): Promise<string[]> {
  const { letters } = await store.deadLetterPage(MAX_RETRIED, { sink });
  return letters.map(({ id }) => id);
}

import type { PageReply } from "../model/page-reply.ts";
import { json, type Route } from "./route.ts";

/** `ok`, or a sentence that says what is wrong. */
export type Checks = Readonly<Record<string, string>>;

/** What orchestrators and Prometheus ask for, without a token. */
export function healthRoutes(
  ready: () => Promise<Checks>,
  metrics: (accept: string | undefined) => Promise<PageReply>,
): Route[] {
  const open = { method: "GET", access: "open" } as const;
  return [
    // That it answers at all is the proof of life.
    { ...open, path: "/livez", answer: async () => json(200, { status: "alive" }) },
    {
      ...open,
      path: "/readyz",
      answer: async () => {
        const checks = await ready();
        const isReady = Object.values(checks).every((said) => said === "ok");
        return json(isReady ? 200 : 503, { status: isReady ? "ready" : "not ready", checks });
      },
    },
    { ...open, path: "/metrics", answer: ({ headers }) => metrics(headers.accept) },
  ];
}

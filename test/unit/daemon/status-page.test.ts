import { expect, it } from "vitest";
import { statusPageRoutes } from "../../../src/daemon/status-page.ts";

it("shows a page that says so while Redis is away, instead of none", async () => {
  const away = async () => {
    throw new Error("Redis did not answer in time.");
  };
  const routes = statusPageRoutes({
    ...{ version: "0.0.0", canSignOut: false, history: away, snapshot: away },
    letters: { deadLetterPage: away },
  });
  const ask = { path: "/", query: new URLSearchParams(), headers: {}, body: undefined, client: "here" };

  const reply = await routes
    .find(({ path }) => path === "/")
    ?.answer({ ...ask, isTrusted: true, signal: AbortSignal.abort() });

  expect(reply).toMatchObject({ status: 503, body: expect.stringContaining("Redis does not answer") });
});

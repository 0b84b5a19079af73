import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import axe from "axe-core";
import type { BrowserContext, Page } from "playwright-core";
import { expect } from "vitest";
import type { Snapshot } from "../../src/pipeline/snapshot.ts";

/** Screenshots for whoever wants to look; in no commit. */
const SHOTS = ".cache/screenshots";
const DESK = { width: 1280, height: 900 };
const PHONE = { width: 375, height: 812 };

export interface WatchedPage {
  readonly page: Page;
  /** What the browser complained of, scripts that failed, and requests that left the page's origin. */
  problems(): readonly string[];
}

/** A tab of which every complaint is noted. */
export async function openTab(context: BrowserContext, origin: string): Promise<WatchedPage> {
  const page = await context.newPage();
  await page.setViewportSize(DESK);
  const problems: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) problems.push(message.text());
  });
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== origin) problems.push(`asks ${request.url()}`);
  });
  return { page, problems: () => problems };
}

/** The numbers and words of the page, in the shape of what they are compared with. */
export async function factsOn(page: Page) {
  const sinks = await page.locator("#sinks tbody tr").evaluateAll((rows) =>
    rows.map((row) => {
      const text = (selector: string) => String(row.querySelector(selector)?.textContent ?? "").trim();
      const count = (title: string) => Number(text(`[data-title='${title}']`).replaceAll(",", ""));
      return {
        sink: text("th"),
        state: text(".mark").slice(2),
        waiting: count("Waiting"),
        gaps: count("Gaps"),
        deadLetters: count("Dead letters"),
      };
    }),
  );
  const tenants = await page.locator("#tenant-rows tr").evaluateAll((rows) =>
    rows.map((row) => ({
      tenant: String(row.querySelector("th")?.textContent),
      reading: String(row.querySelector("[data-title=Reading] .mark")?.textContent).slice(2),
      // The first one is the age of the cursor; in the others the last number counts what is delivered.
      delivered: [...row.querySelectorAll("td.number")]
        .slice(1)
        .map((cell) =>
          Number([...cell.querySelectorAll(".number")].at(-1)?.textContent.replaceAll(",", "") ?? 0),
        ),
    })),
  );
  return {
    sentence: await page.locator("#sentence").textContent(),
    ledger: (await page.locator("#verdict dd").allTextContents()).map((text) =>
      Number(text.replaceAll(",", "")),
    ),
    sinks,
    tenants: tenants.sort((a, b) => a.tenant.localeCompare(b.tenant)),
  };
}

/** The same of what `/api/status` answers. */
export function factsOf({
  verdict,
  totals,
  sinks,
  tenants,
  ledger,
}: Snapshot): Awaited<ReturnType<typeof factsOn>> {
  const delivered = (tenant: string, sink: string) =>
    ledger.find((row) => row.tenant === tenant && row.sink === sink)?.delivered ?? 0;
  return {
    sentence: verdict.sentence,
    ledger: [totals.enqueued, totals.delivered, totals.dead, totals.waiting],
    sinks: sinks.map(({ sink, state, backlogAlerts, gaps, deadLetters }) => ({
      ...{ sink, state, gaps, deadLetters },
      waiting: backlogAlerts,
    })),
    tenants: tenants
      .map(({ tenant, state }) => ({
        ...{ tenant, reading: state },
        delivered: sinks.map(({ sink }) => delivered(tenant, sink)),
      }))
      .sort((a, b) => a.tenant.localeCompare(b.tenant)),
  };
}

/** What axe-core, which knows WCAG 2.2 A and AA, finds fault with. */
export async function faultsOf(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe.source);
  const found = await page.evaluate("axe.run({ resultTypes: ['violations'] })");
  const { violations } = found as {
    violations: readonly { readonly id: string; readonly nodes: readonly { readonly html: string }[] }[];
  };
  return violations.map(
    ({ id, nodes }) =>
      `${id}: ${nodes
        .map(({ html }) => html)
        .join(" ")
        .slice(0, 300)}`,
  );
}

/** Takes the whole page in light, in dark and on a phone, where nothing may stick out at the side. */
export async function shoot(page: Page, name: string): Promise<void> {
  await mkdir(SHOTS, { recursive: true });
  for (const scheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.screenshot({ path: join(SHOTS, `${name}-${scheme}.png`), fullPage: true });
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(PHONE);
  await page.screenshot({ path: join(SHOTS, `${name}-phone.png`), fullPage: true });
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(PHONE.width);
  await page.setViewportSize(DESK);
}

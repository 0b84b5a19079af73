import { type BrowserContext, chromium } from "playwright-core";
import { afterTest, programInPath } from "./processes.ts";

/** The system's Chromium, with a profile of its own that talks to nobody but this machine. */
export async function openBrowser(): Promise<BrowserContext> {
  const browser = await chromium.launch({
    executablePath: programInPath("chromium", "chromium-browser", "google-chrome"),
    args: [
      // Its sandbox does not run as root, nor in most containers.
      "--no-sandbox",
      "--disable-background-networking",
      "--disable-component-update",
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ],
  });
  afterTest(() => browser.close());
  // The simulated directory's certificate is of an authority of its own.
  return await browser.newContext({ ignoreHTTPSErrors: true });
}

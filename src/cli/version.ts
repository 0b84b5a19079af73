import { readFileSync } from "node:fs";

interface PackageFile {
  readonly version: string;
}

/** package.json stands beside `src` and beside `dist`. */
export const VERSION = (
  JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as PackageFile
).version;

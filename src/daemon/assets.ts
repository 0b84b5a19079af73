import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { type Route, refusal } from "../http/route.ts";

const TYPES: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
};

/** Of ours, below the folder of the built program. Scripts name each other by these paths. */
const OURS = [
  "model/words.js",
  "page/browser/charts.js",
  "page/browser/live.js",
  "page/browser/status.js",
  "page/icon.svg",
  "page/status.css",
];
const OF_UPLOT = ["uPlot.iife.min.js", "uPlot.min.css"];

/** What the page loads, all of it from this program. */
export function assetRoutes(): Route[] {
  const { resolve } = createRequire(import.meta.url);
  return [
    ...OURS.map((name) => assetRoute(`/assets/${name}`, ourFile(name))),
    ...OF_UPLOT.map((name) => assetRoute(`/assets/uplot/${name}`, resolve(`uplot/dist/${name}`))),
  ];
}

function ourFile(name: string): string {
  return fileURLToPath(new URL(`../${name}`, import.meta.url));
}

function assetRoute(path: string, file: string): Route {
  const type = TYPES[file.slice(file.lastIndexOf(".") + 1)] ?? "application/octet-stream";
  return {
    method: "GET",
    path,
    access: "token",
    answer: async () => {
      const body = await readFile(file).catch(() => undefined);
      // Where the program runs from its sources, there are no scripts that a browser could read.
      if (body === undefined) return refusal(404, "This part of the page was not built.");
      return { status: 200, headers: { "content-type": type }, body };
    },
  };
}

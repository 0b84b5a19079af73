import { defineConfig } from "vitest/config";

/**
 * One project a folder. Those that measure memory, punctuality or what a killed process leaves run one file at a time and
 * last; the others run three at a time, first what starts no processes: they wait more than they work, and on two cores
 * vitest would run all of them one at a time.
 */
const project = (name: string, folders: readonly string[], more: object) => ({
  test: { name, include: folders.map((folder) => `test/${folder}/**/*.test.ts`), ...more },
});

const maxWorkers = 3;
const QUICK = { maxWorkers, sequence: { groupOrder: 0 } };
const SLOW = {
  maxWorkers,
  sequence: { groupOrder: 1 },
  testTimeout: 180_000,
  hookTimeout: 60_000,
};
const ALONE = {
  ...SLOW,
  fileParallelism: false,
  // Of tests that ask to run beside each other, because they wait more than they work.
  maxConcurrency: 3,
  sequence: { groupOrder: 2 },
};
/** What a busy neighbour would make slower than they may be. */
const SENSITIVE = [
  "backlog",
  "chaos",
  "drill",
  "idle",
  "isolation",
  "kill",
  "monitoring",
  "replicas",
  "status-page",
  "throughput",
].map((name) => `test/e2e/${name}.test.ts`);

export default defineConfig({
  test: {
    reporters: ["default"],
    projects: [
      project("unit", ["unit", "config", "formats", "house"], { ...QUICK, testTimeout: 20_000 }),
      project("contract", ["simulate", "sources", "sinks"], { ...QUICK, testTimeout: 30_000 }),
      project("integration", ["integration"], SLOW),
      project("e2e", ["e2e"], { ...SLOW, exclude: SENSITIVE }),
      { test: { name: "alone", include: SENSITIVE, ...ALONE } },
    ],
  },
});

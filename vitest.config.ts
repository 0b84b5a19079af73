import { defineConfig } from "vitest/config";

/**
 * One project a folder. Those that start servers and processes run one file at a time, after all others, which run two
 * at a time: on two cores vitest would run those one at a time as well.
 */
const project = (name: string, folders: readonly string[], more: object) => ({
  test: { name, include: folders.map((folder) => `test/${folder}/**/*.test.ts`), ...more },
});

const QUICK = { maxWorkers: 2, sequence: { groupOrder: 0 } };
const SLOW = {
  fileParallelism: false,
  // Of tests that ask to run beside each other, because they wait more than they work.
  maxConcurrency: 3,
  sequence: { groupOrder: 1 },
  testTimeout: 180_000,
  hookTimeout: 60_000,
};

export default defineConfig({
  test: {
    reporters: ["default"],
    projects: [
      project("unit", ["unit", "config", "formats", "house"], { ...QUICK, testTimeout: 20_000 }),
      project("contract", ["simulate", "sources", "sinks"], { ...QUICK, testTimeout: 30_000 }),
      project("integration", ["integration"], SLOW),
      project("e2e", ["e2e"], SLOW),
    ],
  },
});

import { defineConfig } from "vitest/config";

/** One project a folder. Those that start servers and processes run one file at a time. */
const project = (name: string, folders: readonly string[], more: object) => ({
  test: { name, include: folders.map((folder) => `test/${folder}/**/*.test.ts`), ...more },
});

const SLOW = { fileParallelism: false, testTimeout: 180_000, hookTimeout: 60_000 };

export default defineConfig({
  test: {
    reporters: ["default"],
    projects: [
      project("unit", ["unit", "config", "formats", "house"], { testTimeout: 20_000 }),
      project("contract", ["simulate", "sources", "sinks"], { testTimeout: 30_000 }),
      project("integration", ["integration"], SLOW),
      project("e2e", ["e2e"], SLOW),
    ],
  },
});

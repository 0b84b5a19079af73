import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { STATES } from "../../src/pipeline/states.ts";

const SHAPES = { well: "●", attention: "▲", trouble: "■" } as const;

it("docs/operating.md explains each state as the program does, and no other", () => {
  const rows = [
    ...readFileSync("docs/operating.md", "utf8").matchAll(
      /^\| ([a-z ]+) \| [a-z ]+ \| ([●▲■]) \| (.*) \|$/gm,
    ),
  ].map(([, state, shape, means]) => ({ state, shape, means }));

  expect(rows).toEqual(
    Object.entries(STATES).map(([state, { level, means }]) => ({ state, shape: SHAPES[level], means })),
  );
});

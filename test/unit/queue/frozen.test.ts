import { readdirSync } from "node:fs";
import { expect, it } from "vitest";
import { createKeys } from "../../../src/queue/keys.ts";
import { RELEASES, readRelease } from "../../releases/release.ts";

/** What is in no frozen Redis, and why. */
const NOT_FROZEN: Readonly<Record<string, string>> = {
  pending: "stands for a moment, between sealing and enqueueing",
  calls: "ends after an hour",
  consentKey: "is made by the first link",
  consent: "ends with its link",
  onboarding: "of a customer that is being let in",
  verifying: "of a customer that is being let in",
  verifier: "stands while somebody verifies",
  fence: "stands while a command works",
  replicas: "of processes that run",
  history: "came after 0.1.0, and is a day of figures for a chart",
  configured: "came after 0.1.0, and is written anew every minute",
};

it.each(readdirSync(RELEASES))(
  "%s is frozen with everything that lies in Redis for longer than a moment",
  (version) => {
    const frozen = readRelease(version).redis.map((line) => (JSON.parse(line) as string[])[1] ?? "");
    const { patternOf: _, isOf: __, ...keys } = createKeys("alertferry");
    const kinds = Object.entries(keys).map(([kind, key]: [string, unknown]) => {
      const example = typeof key === "function" ? String(key("-", "-", "-")) : String(key);
      return { kind, begins: example.replace(/(?<=^alertferry:[a-z-]+:).*/, "") };
    });

    const missing = kinds
      .filter(({ begins }) => !frozen.some((key) => key.startsWith(begins)))
      .map(({ kind }) => kind);

    expect(missing.filter((kind) => !(kind in NOT_FROZEN))).toEqual([]);
  },
);

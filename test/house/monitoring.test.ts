import { join } from "node:path";
import { expect, it } from "vitest";
import { PROMETHEUS_FOLDER, promtool } from "../support/prometheus.ts";

it("ships a configuration that Prometheus takes", async () => {
  const { code, words } = await promtool("check", "config", join(PROMETHEUS_FOLDER, "prometheus.yml"));

  expect(words).toContain("is valid prometheus config file syntax");
  expect(code).toBe(0);
});

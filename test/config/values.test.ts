import { describe, expect, it } from "vitest";
import { ByteSize, Duration } from "../../src/net/options.ts";
import { DEFAULTS, load, problemsOf, TENANT } from "./support.ts";

describe("durations and sizes", () => {
  it("are read in every unit", () => {
    const durations = ["500ms", "60s", "15m", "24h", "7d", "1.5s"].map((text) => Duration.parse(text));
    const sizes = ["10B", "900KB", "5MB", "2GB", "0.5MB"].map((text) => ByteSize.parse(text));

    expect(durations).toEqual([500, 60_000, 900_000, 86_400_000, 604_800_000, 1500]);
    expect(sizes).toEqual([10, 900_000, 5_000_000, 2_000_000_000, 500_000]);
  });

  it.each(["60", "60 s", "-5s", "s", "1h30m", "PT5M", ""])("refuse %j", (text) => {
    expect(Duration.safeParse(text).success).toBe(false);
    expect(ByteSize.safeParse(text).success).toBe(false);
  });

  it("arrive in the configuration as milliseconds and bytes", () => {
    const sinks = "sinks: { console: { type: stdout, timeout: 5s, batch: { maxBytes: 2KB } } }";

    const { config } = load(`shutdownTimeout: 1m\n${DEFAULTS}${TENANT}${sinks}`);

    expect(config.shutdownTimeout).toBe(60_000);
    expect(config.sinks["console"]).toMatchObject({ timeout: 5000, batch: { maxBytes: 2000 } });
  });

  it("are asked for where a bare number stands", () => {
    const sinks = "sinks: { console: { type: stdout, timeout: 5, batch: { maxBytes: 2000 } } }";

    expect(problemsOf(`${DEFAULTS}${TENANT}${sinks}`)).toEqual([
      "a.yaml:10: sinks.console.batch.maxBytes: must be a size such as 900KB, 5MB or 2GB",
      "a.yaml:10: sinks.console.timeout: must be a duration such as 500ms, 60s, 15m, 24h or 7d",
    ]);
  });
});

import { describe, expect, it } from "vitest";
import { DEFAULTS, GUIDS, load, SINKS } from "./support.ts";

const tenant = (id: string, at: 1 | 2, more: string) =>
  `  - { id: ${id}, tenantId: ${GUIDS[at]}, ${more} }\n`;
const warningsOf = (...tenants: string[]) =>
  load(`${DEFAULTS}tenants:\n${tenants.join("")}${SINKS}`).warnings.map(({ line, message }) => [
    line,
    message,
  ]);

describe("the forecast of calls", () => {
  it("warns where the rounds alone come near to a limit, once for each interval", () => {
    const fast = "sources: [graph_alerts, graph_incidents], poll: { interval: 1s }";
    expect(warningsOf(tenant("contoso", 1, fast), tenant("fabrikam", 2, fast))).toEqual([
      [
        expect.any(Number),
        expect.stringMatching(/^makes 120 calls a minute to Microsoft Graph .* where 150 are/),
      ],
    ]);
  });

  it("knows that Defender for Endpoint allows less in an hour than in its minutes", () => {
    const [first, ...more] = warningsOf(
      tenant("contoso", 1, "sources: [mde_alerts], poll: { interval: 2s }"),
      tenant("fabrikam", 2, "sources: [mde_alerts], poll: { interval: 4s }"),
    );
    expect(first?.[1]).toMatch(/^makes 30 calls a minute to WindowsDefenderATP .* where 25 are allowed/);
    expect(more).toEqual([]);
  });

  it("is silent in a cloud without limits, and about what fits", () => {
    const cloud =
      "clouds:\n  lab: { authority: https://a.example, graph: https://b.example, defender: https://c.example, callLimits: false }\n";
    const text = `${DEFAULTS}${cloud}tenants:\n${tenant("contoso", 1, "cloud: lab, sources: [mde_alerts], poll: { interval: 1s }")}${SINKS}`;
    expect(load(text).warnings).toEqual([]);
    expect(warningsOf(tenant("contoso", 1, "sources: [graph_alerts, mde_alerts]"))).toEqual([]);
  });
});

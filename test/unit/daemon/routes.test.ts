import { describe, expect, it } from "vitest";
import { loadConfig } from "../../../src/config/load.ts";
import { routeTo } from "../../../src/daemon/pipeline.ts";
import type { Alert } from "../../../src/model/alert.ts";
import { folderWith } from "../../config/support.ts";
import { anAlert } from "../../support/alerts.ts";

const GUID = "00000000-0000-4000-8000-000000000001";
const AUTH = `{ type: client-secret, tenantId: ${GUID}, clientId: ${GUID}, clientSecret: x }`;
const SENTINEL = `{ type: sentinel, endpoint: "https://dce.example", ruleId: dcr-1, auth: ${AUTH}`;

/** Which of two alerts, one raised by Sentinel and one minor, get a number for the sink. */
function acceptedBy(sink: string): readonly boolean[] {
  const folder = folderWith({
    "a.yaml": `
defaults: { auth: { type: client-secret, clientId: ${GUID}, clientSecret: x }, sources: [graph_alerts], sinks: [${sink}] }
tenants: [{ id: contoso, tenantId: ${GUID} }]
sinks:
  careful: ${SENTINEL} }
  all: ${SENTINEL}, includeSentinel: true }
  important: { type: stdout, minSeverity: high }
`,
  });
  const { config } = loadConfig(`${folder}/a.yaml`);
  const [route] = config.tenants.flatMap((tenant) => routeTo(sink, tenant, config));
  const alerts: readonly Alert[] = [
    anAlert({ serviceSource: "microsoftSentinel", severity: "high" }),
    anAlert({ severity: "low" }),
  ];
  return alerts.map((alert) => route?.accepts(alert) ?? false);
}

describe("the way to a sink", () => {
  it.each([
    ["careful", [false, true]],
    ["all", [true, true]],
    ["important", [true, false]],
  ])("is taken only by what the sink is to be given: %s", (sink, accepted) => {
    expect(acceptedBy(sink)).toEqual(accepted);
  });
});
